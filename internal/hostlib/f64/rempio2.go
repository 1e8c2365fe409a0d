package f64

import "math"

// remPio2 reduces x modulo pi/2: x = n*pi/2 + (y0 + y1), |y0+y1| <= pi/4.
// x is finite and larger than pi/4 in magnitude.
func remPio2(x float64) (n int, y0, y1 float64) {
	const (
		toint   = 0x1.8p52
		invpio2 = 6.36619772367581382433e-01
		pio2_1  = 1.57079632673412561417e+00
		pio2_1t = 6.07710050650619224932e-11
		pio2_2  = 6.07710050630396597660e-11
		pio2_2t = 2.02226624879595063154e-21
		pio2_3  = 2.02226624871116645580e-21
		pio2_3t = 8.47842766036889956997e-32
	)
	sign := math.Signbit(x)
	ix := uint32(hiWord(x)) & 0x7fffffff

	// small reduces arguments close to k*pi/2 for k = 1..4 with one or two subtractions.
	small := func(k float64, kn int) (int, float64, float64) {
		if !sign {
			z := x - float64(k*pio2_1)
			y0 := z - float64(k*pio2_1t)
			return kn, y0, (z - y0) - float64(k*pio2_1t)
		}
		z := x + float64(k*pio2_1)
		y0 := z + float64(k*pio2_1t)
		return -kn, y0, (z - y0) + float64(k*pio2_1t)
	}
	medium := func() (int, float64, float64) {
		fn := float64(x*invpio2) + toint - toint
		n := int(fn)
		r := x - float64(fn*pio2_1)
		w := float64(fn * pio2_1t) // 1st round, good to 85 bits
		// Matters only when the rounding of fn was off by one.
		if r-w < -pio4Bound {
			n--
			fn--
			r = x - float64(fn*pio2_1)
			w = float64(fn * pio2_1t)
		} else if r-w > pio4Bound {
			n++
			fn++
			r = x - float64(fn*pio2_1)
			w = float64(fn * pio2_1t)
		}
		y0 := r - w
		ey := int(math.Float64bits(y0) >> 52 & 0x7ff)
		ex := int(ix >> 20)
		if ex-ey > 16 { // 2nd round, good to 118 bits
			t := r
			w = float64(fn * pio2_2)
			r = t - w
			w = float64(fn*pio2_2t) - ((t - r) - w)
			y0 = r - w
			ey = int(math.Float64bits(y0) >> 52 & 0x7ff)
			if ex-ey > 49 { // 3rd round, good to 151 bits
				t = r
				w = float64(fn * pio2_3)
				r = t - w
				w = float64(fn*pio2_3t) - ((t - r) - w)
				y0 = r - w
			}
		}
		return n, y0, (r - y0) - w
	}

	switch {
	case ix <= 0x400f6a7a: // |x| ~<= 5pi/4
		if ix&0xfffff == 0x921fb { // |x| ~= pi/2 or 2pi/2
			return medium()
		}
		if ix <= 0x4002d97c { // |x| ~<= 3pi/4
			return small(1, 1)
		}
		return small(2, 2)
	case ix <= 0x401c463b: // |x| ~<= 9pi/4
		if ix <= 0x4015fdbc { // |x| ~<= 7pi/4
			if ix == 0x4012d97c { // |x| ~= 3pi/2
				return medium()
			}
			return small(3, 3)
		}
		if ix == 0x401921fb { // |x| ~= 4pi/2
			return medium()
		}
		return small(4, 4)
	case ix < 0x413921fb: // |x| ~< 2^20*(pi/2)
		return medium()
	}
	// Large: scale x to 24-bit integers and multiply by 2/pi to many bits.
	z := math.Float64frombits(math.Float64bits(x)&(1<<52-1) | (0x3ff+23)<<52)
	var tx [3]float64
	for i := 0; i < 2; i++ {
		tx[i] = float64(int32(z))
		z = float64((z - tx[i]) * 0x1p24)
	}
	tx[2] = z
	nx := 3
	for nx > 1 && tx[nx-1] == 0 {
		nx--
	}
	n, y0, y1 = kRemPio2(tx[:nx], int(ix>>20)-(0x3ff+23))
	if sign {
		return -n, -y0, -y1
	}
	return n, y0, y1
}

const pio4Bound = 0x1.921fb54442d18p-1

// twoOverPi is 2/pi in 24-bit pieces.
var twoOverPi = [...]int32{
	0xA2F983, 0x6E4E44, 0x1529FC, 0x2757D1, 0xF534DD, 0xC0DB62,
	0x95993C, 0x439041, 0xFE5163, 0xABDEBB, 0xC561B7, 0x246E3A,
	0x424DD2, 0xE00649, 0x2EEA09, 0xD1921C, 0xFE1DEB, 0x1CB129,
	0xA73EE8, 0x8235F5, 0x2EBB44, 0x84E99C, 0x7026B4, 0x5F7E41,
	0x3991D6, 0x398353, 0x39F49C, 0x845F8B, 0xBDF928, 0x3B1FF8,
	0x97FFDE, 0x05980F, 0xEF2F11, 0x8B5A0A, 0x6D1F6D, 0x367ECF,
	0x27CB09, 0xB74F46, 0x3F669E, 0x5FEA2D, 0x7527BA, 0xC7EBE5,
	0xF17B3D, 0x0739F7, 0x8A5292, 0xEA6BFB, 0x5FB11F, 0x8D5D08,
	0x560330, 0x46FC7B, 0x6BABF0, 0xCFBC20, 0x9AF436, 0x1DA9E3,
	0x91615E, 0xE61B08, 0x659985, 0x5F14A0, 0x68408D, 0xFFD880,
	0x4D7327, 0x310606, 0x1556CA, 0x73A8C9, 0x60E27B, 0xC08C6B,
}

var pio2Pieces = [...]float64{
	1.57079625129699707031e+00,
	7.54978941586159635335e-08,
	5.39030252995776476554e-15,
	3.28200341580791294123e-22,
	1.27065575308067607349e-29,
	1.22933308981111328932e-36,
	2.73370053816464559624e-44,
	2.16741683877804819444e-51,
}

// kRemPio2 is the Payne-Hanek reduction: x holds 24-bit pieces of the argument
// scaled by 2^e0; the result is as remPio2's for a positive argument.
func kRemPio2(x []float64, e0 int) (n int, y0, y1 float64) {
	const jk = 4 // pieces of the product wanted for two doubles of result
	nx := len(x)
	jx := nx - 1
	jv := (e0 - 3) / 24
	if jv < 0 {
		jv = 0
	}
	q0 := e0 - 24*(jv+1)

	var f, fq, q [20]float64
	var iq [20]int32
	for i, j := 0, jv-jx; i <= jx+jk; i, j = i+1, j+1 {
		if j >= 0 {
			f[i] = float64(twoOverPi[j])
		}
	}
	for i := 0; i <= jk; i++ {
		fw := 0.0
		for j := 0; j <= jx; j++ {
			fw += float64(x[j] * f[jx+i-j])
		}
		q[i] = fw
	}
	jz := jk
	var z float64
	var ih int32
	for {
		// Distil q into iq reversely.
		z = q[jz]
		for i, j := 0, jz; j > 0; i, j = i+1, j-1 {
			fw := float64(int32(0x1p-24 * z))
			iq[i] = int32(z - float64(0x1p24*fw))
			z = q[j-1] + fw
		}
		z = math.Ldexp(z, q0)
		z -= float64(8.0 * math.Floor(z*0.125))
		n = int(int32(z))
		z -= float64(int32(z))
		ih = 0
		if q0 > 0 {
			i := iq[jz-1] >> (24 - q0)
			n += int(i)
			iq[jz-1] -= i << (24 - q0)
			ih = iq[jz-1] >> (23 - q0)
		} else if q0 == 0 {
			ih = iq[jz-1] >> 23
		} else if z >= 0.5 {
			ih = 2
		}
		if ih > 0 { // q > 0.5
			n++
			carry := int32(0)
			for i := 0; i < jz; i++ {
				j := iq[i]
				if carry == 0 {
					if j != 0 {
						carry = 1
						iq[i] = 0x1000000 - j
					}
				} else {
					iq[i] = 0xffffff - j
				}
			}
			if q0 == 1 {
				iq[jz-1] &= 0x7fffff
			} else if q0 == 2 {
				iq[jz-1] &= 0x3fffff
			}
			if ih == 2 {
				z = 1.0 - z
				if carry != 0 {
					z -= math.Ldexp(1.0, q0)
				}
			}
		}
		if z != 0 {
			break
		}
		var j int32
		for i := jz - 1; i >= jk; i-- {
			j |= iq[i]
		}
		if j != 0 {
			break
		}
		// Everything cancelled: take more pieces of 2/pi.
		k := 1
		for iq[jk-k] == 0 {
			k++
		}
		for i := jz + 1; i <= jz+k; i++ {
			f[jx+i] = float64(twoOverPi[jv+i])
			fw := 0.0
			for j := 0; j <= jx; j++ {
				fw += float64(x[j] * f[jx+i-j])
			}
			q[i] = fw
		}
		jz += k
	}
	if z == 0 {
		jz--
		q0 -= 24
		for iq[jz] == 0 {
			jz--
			q0 -= 24
		}
	} else {
		z = math.Ldexp(z, -q0)
		if z >= 0x1p24 {
			fw := float64(int32(0x1p-24 * z))
			iq[jz] = int32(z - float64(0x1p24*fw))
			jz++
			q0 += 24
			iq[jz] = int32(fw)
		} else {
			iq[jz] = int32(z)
		}
	}
	fw := math.Ldexp(1.0, q0)
	for i := jz; i >= 0; i-- {
		q[i] = float64(fw * float64(iq[i]))
		fw *= 0x1p-24
	}
	for i := jz; i >= 0; i-- {
		fw = 0
		for k := 0; k <= jk && k <= jz-i; k++ {
			fw += float64(pio2Pieces[k] * q[i+k])
		}
		fq[jz-i] = fw
	}
	fw = 0
	for i := jz; i >= 0; i-- {
		fw += fq[i]
	}
	y0 = fw
	fw = fq[0] - fw
	for i := 1; i <= jz; i++ {
		fw += fq[i]
	}
	y1 = fw
	if ih != 0 {
		y0, y1 = -y0, -y1
	}
	return n & 7, y0, y1
}
