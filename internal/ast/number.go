package ast

import (
	"strconv"
	"strings"
)

// canonicalNumber rewrites the text of a JSON number: integers of 64 bits as
// they are, everything else as the shortest text that reads back as the same
// double, with ".0" kept on integral values.
func canonicalNumber(text string) string {
	if text != "-0" && !strings.ContainsAny(text, ".eE") {
		if _, err := strconv.ParseInt(text, 10, 64); err == nil {
			return text
		}
		if _, err := strconv.ParseUint(text, 10, 64); err == nil {
			return text
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return formatFloat(f)
}

// formatFloat writes decimals up to 16 digits before and 5 zeros after the
// point, exponents beyond.
func formatFloat(f float64) string {
	sign := ""
	short := strconv.FormatFloat(f, 'e', -1, 64)
	if short[0] == '-' {
		sign, short = "-", short[1:]
	}
	mantissa, exponent, _ := strings.Cut(short, "e")
	digits := strings.Replace(mantissa, ".", "", 1)
	exp, _ := strconv.Atoi(exponent)
	point := exp + 1 // digits before the decimal point
	switch {
	case f == 0:
		return sign + "0.0"
	case point >= len(digits) && point <= 16:
		return sign + digits + strings.Repeat("0", point-len(digits)) + ".0"
	case point > 0 && point <= 16:
		return sign + digits[:point] + "." + digits[point:]
	case point > -5 && point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits
	}
	return sign + mantissa + "e" + strconv.Itoa(exp)
}
