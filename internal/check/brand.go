package check

import "x07/internal/types"

// anyBrand is the brand of a none or err, which fits every brand. It is no
// symbol, so no program can name it.
const anyBrand = "*"

// assignable reports whether a value of brand have may go where want is wanted.
func assignable(have, want string, t types.Type) bool {
	switch {
	case want == "" || want == anyBrand || have == want:
		return true
	case have == anyBrand:
		return wraps(t)
	}
	return false
}

// wraps reports whether t is an option or result of something brandable.
func wraps(t types.Type) bool {
	switch t {
	case types.OptionBytes, types.OptionBytesView, types.ResultBytes, types.ResultBytesView, types.ResultResultBytes:
		return true
	}
	return false
}

// joinBrands is the brand of a value that is one of two.
func joinBrands(a, b string) string {
	switch {
	case a == b:
		return a
	case a == anyBrand:
		return b
	case b == anyBrand:
		return a
	}
	return ""
}

func brandName(b string) string {
	switch b {
	case "":
		return "unbranded"
	case anyBrand:
		return "any"
	}
	return b
}

// describe renders the type of a value with its brand.
func describe(v val) string {
	s := v.n.Type.String()
	if v.brand != "" {
		s += "@" + brandName(v.brand)
	}
	return s
}
