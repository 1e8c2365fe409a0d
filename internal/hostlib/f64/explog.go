package f64

import "math"

const (
	ln2Hi  = 6.93147180369123816490e-01
	ln2Lo  = 1.90821492927058770002e-10
	invLn2 = 1.44269504088896338700e+00

	expP1 = 1.66666666666666019037e-01
	expP2 = -2.77777777770155933842e-03
	expP3 = 6.61375632143793436117e-05
	expP4 = -1.65339022054652515390e-06
	expP5 = 4.13813679705723846039e-08
)

// Exp is e to the power x.
func Exp(x float64) float64 {
	hx := uint32(hiWord(x))
	sign := int(hx >> 31)
	hx &= 0x7fffffff
	if hx >= 0x4086232b { // |x| >= 708.39...
		switch {
		case math.IsNaN(x):
			return math.NaN()
		case x > 709.782712893383973096:
			return math.Inf(1)
		case x < -745.13321910194110842:
			return 0
		}
	}
	var hi, lo float64
	k := 0
	switch {
	case hx > 0x3fd62e42: // |x| > 0.5 ln2
		if hx >= 0x3ff0a2b2 { // |x| >= 1.5 ln2
			half := 0.5
			if sign == 1 {
				half = -0.5
			}
			k = int(float64(invLn2*x) + half)
		} else {
			k = 1 - sign - sign
		}
		hi = x - float64(float64(k)*ln2Hi)
		lo = float64(float64(k) * ln2Lo)
		x = hi - lo
	case hx > 0x3e300000: // |x| > 2**-28
		hi = x
	default:
		return 1 + x
	}
	xx := float64(x * x)
	c := x - float64(xx*(expP1+float64(xx*(expP2+float64(xx*(expP3+float64(xx*(expP4+float64(xx*expP5)))))))))
	y := 1 + (float64(x*c)/(2-c) - lo + hi)
	if k == 0 {
		return y
	}
	return math.Ldexp(y, k)
}

// Log is the natural logarithm of x.
func Log(x float64) float64 {
	const (
		lg1 = 6.666666666666735130e-01
		lg2 = 3.999999999940941908e-01
		lg3 = 2.857142874366239149e-01
		lg4 = 2.222219843214978396e-01
		lg5 = 1.818357216161805012e-01
		lg6 = 1.531383769920937332e-01
		lg7 = 1.479819860511658591e-01
	)
	ui := math.Float64bits(x)
	hx := uint32(ui >> 32)
	k := 0
	switch {
	case hx < 0x00100000 || hx>>31 != 0:
		if ui<<1 == 0 {
			return math.Inf(-1)
		}
		if hx>>31 != 0 {
			return math.NaN()
		}
		k -= 54 // subnormal: scale up
		x *= 0x1p54
		ui = math.Float64bits(x)
		hx = uint32(ui >> 32)
	case hx >= 0x7ff00000:
		return x
	case hx == 0x3ff00000 && ui<<32 == 0:
		return 0
	}
	// Reduce x into [sqrt(2)/2, sqrt(2)].
	hx += 0x3ff00000 - 0x3fe6a09e
	k += int(hx>>20) - 0x3ff
	hx = hx&0x000fffff + 0x3fe6a09e
	ui = uint64(hx)<<32 | ui&0xffffffff
	x = math.Float64frombits(ui)

	f := x - 1
	hfsq := float64(float64(0.5*f) * f)
	s := f / (2 + f)
	z := float64(s * s)
	w := float64(z * z)
	t1 := float64(w * (lg2 + float64(w*(lg4+float64(w*lg6)))))
	t2 := float64(z * (lg1 + float64(w*(lg3+float64(w*(lg5+float64(w*lg7)))))))
	r := t2 + t1
	dk := float64(k)
	return float64(s*(hfsq+r)) + float64(dk*ln2Lo) - hfsq + f + float64(dk*ln2Hi)
}

// Pow is x to the power y, with the special cases of C's pow.
func Pow(x, y float64) float64 {
	const (
		two53 = 9007199254740992.0

		l1    = 5.99999999999994648725e-01
		l2    = 4.28571428578550184252e-01
		l3    = 3.33333329818377432918e-01
		l4    = 2.72728123808534006489e-01
		l5    = 2.30660745775561754067e-01
		l6    = 2.06975017800338417784e-01
		lg2   = 6.93147180559945286227e-01
		lg2h  = 6.93147182464599609375e-01
		lg2l  = -1.90465429995776804525e-09
		ovt   = 8.0085662595372944372e-0017
		cp    = 9.61796693925975554329e-01
		cph   = 9.61796700954437255859e-01
		cpl   = -7.02846165095275826516e-09
		ivln2 = 1.44269504088896338700e+00
		ivh   = 1.44269502162933349609e+00
		ivl   = 1.92596299112661746887e-08
	)
	bp := [2]float64{1.0, 1.5}
	dph := [2]float64{0.0, 5.84962487220764160156e-01}
	dpl := [2]float64{0.0, 1.35003920212974897128e-08}

	hx, lx := hiWord(x), loWord(x)
	hy, ly := hiWord(y), loWord(y)
	ix, iy := hx&0x7fffffff, hy&0x7fffffff
	if uint32(iy)|ly == 0 {
		return 1
	}
	if hx == 0x3ff00000 && lx == 0 {
		return 1
	}
	if math.IsNaN(x) || math.IsNaN(y) {
		return math.NaN()
	}
	// yisint: 0 not an integer, 1 odd, 2 even (only matters for x < 0).
	yisint := 0
	if hx < 0 {
		if iy >= 0x43400000 {
			yisint = 2
		} else if iy >= 0x3ff00000 {
			k := iy>>20 - 0x3ff
			if k > 20 {
				j := ly >> (52 - uint32(k))
				if j<<(52-uint32(k)) == ly {
					yisint = 2 - int(j&1)
				}
			} else if ly == 0 {
				j := iy >> (20 - k)
				if j<<(20-k) == iy {
					yisint = 2 - int(j&1)
				}
			}
		}
	}
	if ly == 0 {
		switch {
		case iy == 0x7ff00000: // y is +-inf
			switch {
			case uint32(ix-0x3ff00000)|lx == 0:
				return 1
			case ix >= 0x3ff00000:
				if hy >= 0 {
					return y
				}
				return 0
			case hy >= 0:
				return 0
			}
			return -y
		case iy == 0x3ff00000:
			if hy >= 0 {
				return x
			}
			return 1 / x
		case hy == 0x40000000:
			return x * x
		case hy == 0x3fe00000 && hx >= 0:
			return math.Sqrt(x)
		}
	}
	ax := math.Abs(x)
	if lx == 0 && (ix == 0x7ff00000 || ix == 0 || ix == 0x3ff00000) {
		z := ax
		if hy < 0 {
			z = 1 / z
		}
		if hx < 0 {
			if (ix-0x3ff00000)|int32(yisint) == 0 {
				z = math.NaN()
			} else if yisint == 1 {
				z = -z
			}
		}
		return z
	}
	s := 1.0
	if hx < 0 {
		if yisint == 0 {
			return math.NaN()
		}
		if yisint == 1 {
			s = -1
		}
	}
	over := func() float64 { return s * math.Inf(1) }
	under := func() float64 { return s * 0 }

	var t1, t2 float64
	if iy > 0x41e00000 { // |y| > 2**31
		if iy > 0x43f00000 { // |y| > 2**64: must over- or underflow
			if ix <= 0x3fefffff {
				if hy < 0 {
					return math.Inf(1)
				}
				return 0
			}
			if hy > 0 {
				return math.Inf(1)
			}
			return 0
		}
		if ix < 0x3fefffff {
			if hy < 0 {
				return over()
			}
			return under()
		}
		if ix > 0x3ff00000 {
			if hy > 0 {
				return over()
			}
			return under()
		}
		// |1-x| is tiny: log(x) by x - x^2/2 + x^3/3 - x^4/4.
		t := ax - 1
		w := float64(float64(t*t) * (0.5 - float64(t*(0.3333333333333333333333-float64(t*0.25)))))
		u := float64(ivh * t)
		v := float64(t*ivl) - float64(w*ivln2)
		t1 = clearLow(u + v)
		t2 = v - (t1 - u)
	} else {
		n := int32(0)
		if ix < 0x00100000 {
			ax *= two53
			n -= 53
			ix = hiWord(ax)
		}
		n += ix>>20 - 0x3ff
		j := ix & 0x000fffff
		ix = j | 0x3ff00000
		k := 0
		switch {
		case j <= 0x3988E:
		case j < 0xBB67A:
			k = 1
		default:
			n++
			ix -= 0x00100000
		}
		ax = withHi(ax, ix)
		u := ax - bp[k]
		v := 1 / (ax + bp[k])
		ss := float64(u * v)
		sh := clearLow(ss)
		th := math.Float64frombits(uint64(uint32((ix>>1|0x20000000)+0x00080000+int32(k)<<18)) << 32)
		tl := ax - (th - bp[k])
		sl := float64(v * ((u - float64(sh*th)) - float64(sh*tl)))
		s2 := float64(ss * ss)
		r := float64(float64(s2*s2) * (l1 + float64(s2*(l2+float64(s2*(l3+float64(s2*(l4+float64(s2*(l5+float64(s2*l6)))))))))))
		r += float64(sl * (sh + ss))
		s2 = float64(sh * sh)
		th = clearLow(3 + s2 + r)
		tl = r - ((th - 3) - s2)
		u = float64(sh * th)
		v = float64(sl*th) + float64(tl*ss)
		ph := clearLow(u + v)
		pl := v - (ph - u)
		zh := float64(cph * ph)
		zl := float64(cpl*ph) + float64(pl*cp) + dpl[k]
		t := float64(n)
		t1 = clearLow(((zh + zl) + dph[k]) + t)
		t2 = zl - (((t1 - t) - dph[k]) - zh)
	}
	y1 := clearLow(y)
	pl := float64((y-y1)*t1) + float64(y*t2)
	ph := float64(y1 * t1)
	z := pl + ph
	j, i := hiWord(z), loWord(z)
	if j >= 0x40900000 { // z >= 1024
		if uint32(j-0x40900000)|i != 0 || pl+ovt > z-ph {
			return over()
		}
	} else if j&0x7fffffff >= 0x4090cc00 { // z <= -1075
		if uint32(j)-0xc090cc00|i != 0 || pl <= z-ph {
			return under()
		}
	}
	// Compute 2**(ph+pl).
	ii := j & 0x7fffffff
	k := ii>>20 - 0x3ff
	n := int32(0)
	if ii > 0x3fe00000 { // |z| > 0.5: n = [z + 0.5]
		n = j + (0x00100000 >> (k + 1))
		k = n&0x7fffffff>>20 - 0x3ff
		t := math.Float64frombits(uint64(uint32(n&^(0x000fffff>>k))) << 32)
		n = (n&0x000fffff | 0x00100000) >> (20 - k)
		if j < 0 {
			n = -n
		}
		ph -= t
	}
	t := clearLow(pl + ph)
	u := float64(t * lg2h)
	v := float64((pl-(t-ph))*lg2) + float64(t*lg2l)
	z = u + v
	w := v - (z - u)
	t = float64(z * z)
	t1 = z - float64(t*(expP1+float64(t*(expP2+float64(t*(expP3+float64(t*(expP4+float64(t*expP5)))))))))
	r := float64(z*t1)/(t1-2) - (w + float64(z*w))
	z = 1 - (r - z)
	j = hiWord(z) + n<<20
	if j>>20 <= 0 { // subnormal result
		z = math.Ldexp(z, int(n))
	} else {
		z = withHi(z, j)
	}
	return s * z
}
