package f64

import "math"

var atanHi = [...]float64{
	4.63647609000806093515e-01,
	7.85398163397448278999e-01,
	9.82793723247329054082e-01,
	1.57079632679489655800e+00,
}

var atanLo = [...]float64{
	2.26987774529616870924e-17,
	3.06161699786838301793e-17,
	1.39033110312309984516e-17,
	6.12323399573676603587e-17,
}

var atanT = [...]float64{
	3.33333333333329318027e-01,
	-1.99999999998764832476e-01,
	1.42857142725034663711e-01,
	-1.11111104054623557880e-01,
	9.09088713343650656196e-02,
	-7.69187620504482999495e-02,
	6.66107313738753120669e-02,
	-5.83357013379057348645e-02,
	4.97687799461593236017e-02,
	-3.65315727442169155270e-02,
	1.62858201153657823623e-02,
}

func atan(x float64) float64 {
	hx := uint32(hiWord(x))
	neg := hx>>31 != 0
	ix := hx & 0x7fffffff
	if ix >= 0x44100000 { // |x| >= 2^66
		if math.IsNaN(x) {
			return x
		}
		z := atanHi[3] + 0x1p-120
		if neg {
			return -z
		}
		return z
	}
	id := -1
	switch {
	case ix < 0x3fdc0000: // |x| < 0.4375
		if ix < 0x3e400000 { // |x| < 2^-27
			return x
		}
	case ix < 0x3fe60000: // 7/16 <= |x| < 11/16
		x = math.Abs(x)
		id = 0
		x = (2.0*x - 1.0) / (2.0 + x)
	case ix < 0x3ff30000: // 11/16 <= |x| < 19/16
		x = math.Abs(x)
		id = 1
		x = (x - 1.0) / (x + 1.0)
	case ix < 0x40038000: // |x| < 2.4375
		x = math.Abs(x)
		id = 2
		x = (x - 1.5) / (1.0 + float64(1.5*x))
	default:
		x = math.Abs(x)
		id = 3
		x = -1.0 / x
	}
	z := float64(x * x)
	w := float64(z * z)
	s1 := float64(z * (atanT[0] + float64(w*(atanT[2]+float64(w*(atanT[4]+float64(w*(atanT[6]+float64(w*(atanT[8]+float64(w*atanT[10])))))))))))
	s2 := float64(w * (atanT[1] + float64(w*(atanT[3]+float64(w*(atanT[5]+float64(w*(atanT[7]+float64(w*atanT[9])))))))))
	if id < 0 {
		return x - float64(x*(s1+s2))
	}
	z = atanHi[id] - (float64(x*(s1+s2)) - atanLo[id] - x)
	if neg {
		return -z
	}
	return z
}

// Atan2 is the angle of the point (x, y); note the order of the arguments.
func Atan2(y, x float64) float64 {
	const piLo = 1.2246467991473531772e-16
	if math.IsNaN(x) || math.IsNaN(y) {
		return math.NaN()
	}
	ix, lx := uint32(hiWord(x)), loWord(x)
	iy, ly := uint32(hiWord(y)), loWord(y)
	if (ix-0x3ff00000)|lx == 0 { // x = 1
		return atan(y)
	}
	m := iy>>31&1 | ix>>30&2 // 2*sign(x) + sign(y)
	ix &= 0x7fffffff
	iy &= 0x7fffffff
	if iy|ly == 0 {
		switch m {
		case 0, 1:
			return y
		case 2:
			return math.Pi
		}
		return -math.Pi
	}
	halfPi := math.Pi / 2
	if m&1 != 0 {
		halfPi = -halfPi
	}
	if ix|lx == 0 {
		return halfPi
	}
	if ix == 0x7ff00000 {
		if iy == 0x7ff00000 {
			switch m {
			case 0:
				return math.Pi / 4
			case 1:
				return -math.Pi / 4
			case 2:
				return 3 * math.Pi / 4
			}
			return -3 * math.Pi / 4
		}
		switch m {
		case 0:
			return 0
		case 1:
			return math.Copysign(0, -1)
		case 2:
			return math.Pi
		}
		return -math.Pi
	}
	if ix+64<<20 < iy || iy == 0x7ff00000 { // |y/x| > 0x1p64
		return halfPi
	}
	var z float64
	if m&2 != 0 && iy+64<<20 < ix { // |y/x| < 0x1p-64, x < 0
		z = 0
	} else {
		z = atan(math.Abs(y / x))
	}
	switch m {
	case 0:
		return z
	case 1:
		return -z
	case 2:
		return math.Pi - (z - piLo)
	}
	return (z - piLo) - math.Pi
}
