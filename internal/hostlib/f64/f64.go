// Package f64 is the arithmetic of math.f64.* that wasm has no instruction
// for: the elementary functions, parsing, and shortest formatting. Floats come
// in and go out as Go float64s; nothing here knows how a program stores them.
//
// The elementary functions are ports of the classic FreeBSD msun (fdlibm)
// algorithms, so that every machine gives the same bits. Go may fuse x*y + z
// into one rounding on some machines; an explicit float64 conversion forbids
// that, which is why every product that feeds a sum is wrapped in one.
package f64

import (
	"math"
	"strconv"
	"strings"
)

// Error codes of Parse and ToI32.
const (
	CodeSyntax   = 40001 // not a number
	CodeOverflow = 40002 // rounds to infinity
)

// Parse reads a decimal number, nan or inf after stripping ASCII blanks. The
// code is 0 on success, CodeSyntax for anything that is not a number and
// CodeOverflow for a value that rounds to infinity (and the word "infinity").
func Parse(s []byte) (x float64, code uint32) {
	t := strings.Trim(string(s), " \t\n\r")
	body := t
	neg := false
	if body != "" && (body[0] == '+' || body[0] == '-') {
		neg = body[0] == '-'
		body = body[1:]
	}
	switch strings.ToLower(body) {
	case "nan":
		return math.NaN(), 0
	case "inf":
		if neg {
			return math.Inf(-1), 0
		}
		return math.Inf(1), 0
	case "infinity":
		return 0, CodeOverflow
	}
	if !isDecimal(body) {
		return 0, CodeSyntax
	}
	x, err := strconv.ParseFloat(t, 64)
	if math.IsInf(x, 0) {
		return 0, CodeOverflow
	}
	if err != nil {
		return 0, CodeSyntax
	}
	return x, 0
}

// isDecimal reports whether s is digits with an optional point, at least one
// digit in total, and an optional exponent. (strconv also takes hexadecimal
// floats and underscores, which X07 does not.)
func isDecimal(s string) bool {
	i, digits := 0, 0
	for ; i < len(s) && isDigit(s[i]); i++ {
		digits++
	}
	if i < len(s) && s[i] == '.' {
		for i++; i < len(s) && isDigit(s[i]); i++ {
			digits++
		}
	}
	if digits == 0 {
		return false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if i == len(s) {
			return false
		}
		for i < len(s) && isDigit(s[i]) {
			i++
		}
	}
	return i == len(s)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// AppendShortest appends the shortest digits that read back as x: plain for
// decimal exponents -4 to 16, otherwise with an exponent without plus sign.
func AppendShortest(b []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return append(b, "nan"...)
	case math.IsInf(x, 1):
		return append(b, "inf"...)
	case math.IsInf(x, -1):
		return append(b, "-inf"...)
	}
	if math.Signbit(x) {
		b = append(b, '-')
		x = -x
	}
	if x == 0 {
		return append(b, '0')
	}
	// d.ddde±xx holds the shortest digits and the exponent of the first one.
	var buf [32]byte
	e := strconv.AppendFloat(buf[:0], x, 'e', -1, 64)
	mark := strings.IndexByte(string(e), 'e')
	exp, _ := strconv.Atoi(string(e[mark+1:]))
	digits := make([]byte, 0, 24)
	digits = append(digits, e[0])
	if mark > 2 {
		digits = append(digits, e[2:mark]...)
	}
	point := exp + 1 // position of the decimal point within digits
	switch {
	case point >= len(digits) && point <= 16:
		b = append(b, digits...)
		for i := len(digits); i < point; i++ {
			b = append(b, '0')
		}
	case point > 0 && point <= 16:
		b = append(b, digits[:point]...)
		b = append(b, '.')
		b = append(b, digits[point:]...)
	case point > -5 && point <= 0:
		b = append(b, '0', '.')
		for i := point; i < 0; i++ {
			b = append(b, '0')
		}
		b = append(b, digits...)
	default:
		b = append(b, digits[0])
		if len(digits) > 1 {
			b = append(b, '.')
			b = append(b, digits[1:]...)
		}
		b = append(b, 'e')
		b = strconv.AppendInt(b, int64(exp), 10)
	}
	return b
}
