package f64

import (
	"math"
)

// hiWord and loWord split the bits of x; the algorithms classify arguments by them.
func hiWord(x float64) int32  { return int32(math.Float64bits(x) >> 32) }
func loWord(x float64) uint32 { return uint32(math.Float64bits(x)) }

func withHi(x float64, hi int32) float64 {
	return math.Float64frombits(math.Float64bits(x)&0xffffffff | uint64(uint32(hi))<<32)
}

func clearLow(x float64) float64 {
	return math.Float64frombits(math.Float64bits(x) &^ 0xffffffff)
}

// kSin is sin on [-pi/4, pi/4]; y is the tail of x.
func kSin(x, y float64, hasTail bool) float64 {
	const (
		s1 = -1.66666666666666324348e-01
		s2 = 8.33333333332248946124e-03
		s3 = -1.98412698298579493134e-04
		s4 = 2.75573137070700676789e-06
		s5 = -2.50507602534068634195e-08
		s6 = 1.58969099521155010221e-10
	)
	z := float64(x * x)
	w := float64(z * z)
	r := s2 + float64(z*(s3+float64(z*s4))) + float64(float64(z*w)*(s5+float64(z*s6)))
	v := float64(z * x)
	if !hasTail {
		return x + float64(v*(s1+float64(z*r)))
	}
	return x - ((float64(z*(float64(0.5*y)-float64(v*r))) - y) - float64(v*s1))
}

// kCos is cos on [-pi/4, pi/4]; y is the tail of x.
func kCos(x, y float64) float64 {
	const (
		c1 = 4.16666666666666019037e-02
		c2 = -1.38888888888741095749e-03
		c3 = 2.48015872894767294178e-05
		c4 = -2.75573143513906633035e-07
		c5 = 2.08757232129817482790e-09
		c6 = -1.13596475577881948265e-11
	)
	z := float64(x * x)
	w := float64(z * z)
	r := float64(z*(c1+float64(z*(c2+float64(z*c3))))) + float64(float64(w*w)*(c4+float64(z*(c5+float64(z*c6)))))
	hz := float64(0.5 * z)
	w = 1.0 - hz
	return w + (((1.0 - w) - hz) + (float64(z*r) - float64(x*y)))
}

var tanT = [...]float64{
	3.33333333333334091986e-01,
	1.33333333333201242699e-01,
	5.39682539762260521377e-02,
	2.18694882948595424599e-02,
	8.86323982359930005737e-03,
	3.59207910759131235356e-03,
	1.45620945432529025516e-03,
	5.88041240820264096874e-04,
	2.46463134818469906812e-04,
	7.81794442939557092300e-05,
	7.14072491382608190305e-05,
	-1.85586374855275456654e-05,
	2.59073051863633712884e-05,
}

// kTan is tan on [-pi/4, pi/4], or -1/tan when odd; y is the tail of x.
func kTan(x, y float64, odd bool) float64 {
	const (
		pio4   = 7.85398163397448278999e-01
		pio4lo = 3.06161699786838301793e-17
	)
	hx := hiWord(x)
	big := hx&0x7fffffff >= 0x3FE59428 // |x| >= 0.6744
	neg := false
	if big {
		if hx < 0 {
			x = -x
			y = -y
			neg = true
		}
		x = (pio4 - x) + (pio4lo - y)
		y = 0
	}
	z := float64(x * x)
	w := float64(z * z)
	r := tanT[1] + float64(w*(tanT[3]+float64(w*(tanT[5]+float64(w*(tanT[7]+float64(w*(tanT[9]+float64(w*tanT[11])))))))))
	v := float64(z * (tanT[2] + float64(w*(tanT[4]+float64(w*(tanT[6]+float64(w*(tanT[8]+float64(w*(tanT[10]+float64(w*tanT[12])))))))))))
	s := float64(z * x)
	r = y + float64(z*(float64(s*(r+v))+y)) + float64(s*tanT[0])
	w = x + r
	if big {
		s = 1
		if odd {
			s = -1
		}
		v = s - 2.0*(x+(r-float64(float64(w*w)/(w+s))))
		if neg {
			return -v
		}
		return v
	}
	if !odd {
		return w
	}
	// -1.0/(x+r) would lose two ulp; compute it accurately.
	w0 := clearLow(w)
	v = r - (w0 - x)
	a := -1.0 / w
	a0 := clearLow(a)
	return a0 + float64(a*(1.0+float64(a0*w0)+float64(a0*v)))
}

// Sin is the sine of x radians.
func Sin(x float64) float64 {
	ix := hiWord(x) & 0x7fffffff
	if ix <= 0x3fe921fb { // |x| ~< pi/4
		if ix < 0x3e500000 { // |x| < 2**-26
			return x
		}
		return kSin(x, 0, false)
	}
	if ix >= 0x7ff00000 {
		return math.NaN()
	}
	n, y0, y1 := remPio2(x)
	switch n & 3 {
	case 0:
		return kSin(y0, y1, true)
	case 1:
		return kCos(y0, y1)
	case 2:
		return -kSin(y0, y1, true)
	}
	return -kCos(y0, y1)
}

// Cos is the cosine of x radians.
func Cos(x float64) float64 {
	ix := hiWord(x) & 0x7fffffff
	if ix <= 0x3fe921fb {
		if ix < 0x3e46a09e { // |x| < 2**-27 * sqrt(2)
			return 1
		}
		return kCos(x, 0)
	}
	if ix >= 0x7ff00000 {
		return math.NaN()
	}
	n, y0, y1 := remPio2(x)
	switch n & 3 {
	case 0:
		return kCos(y0, y1)
	case 1:
		return -kSin(y0, y1, true)
	case 2:
		return -kCos(y0, y1)
	}
	return kSin(y0, y1, true)
}

// Tan is the tangent of x radians.
func Tan(x float64) float64 {
	ix := hiWord(x) & 0x7fffffff
	if ix <= 0x3fe921fb {
		if ix < 0x3e400000 { // |x| < 2**-27
			return x
		}
		return kTan(x, 0, false)
	}
	if ix >= 0x7ff00000 {
		return math.NaN()
	}
	n, y0, y1 := remPio2(x)
	return kTan(y0, y1, n&1 != 0)
}
