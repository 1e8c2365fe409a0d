package engine_test

import (
	"context"
	"testing"

	"x07/internal/engine"
)

// Kernels as the front end would lower them; bench/ has them as programs,
// next to the same in C.
var kernels = []struct{ name, body, defs string }{
	{"fib", `(fmt.u32_to_dec (call fib 35))`, `(fn fib (n i32) i32 (if (<u n 2) n (+ (call fib (- n 1)) (call fib (- n 2)))))`},
	{"fnv", `(seq (set h 0) (for k 0 10 (set h (+ h (call fnv input)))) (fmt.u32_to_dec h))`,
		`(fn fnv (v bytes_view) i32 (seq (set h 2166136261) (for i 0 (field 1 v) (set h (* (^ h (bytes.get_u8 v i)) 16777619))) h))`},
	{"words", `(seq (set h 0) (for k 0 10 (set h (+ h (call words input)))) (fmt.u32_to_dec h))`,
		`(fn words (v bytes_view) i32 (seq (set w 0) (set in 0)
		  (for i 0 (field 1 v) (seq (set c (bytes.get_u8 v i))
		    (if (| (| (= c 32) (= c 10)) (| (= c 9) (= c 13))) (set in 0)
		      (if in (seq) (seq (set in 1) (set w (+ w 1))))))) w))`},
	{"sieve", `(seq (set s (bytes.alloc 5000000)) (set n 0)
	  (for i 2 5000000 (if (bytes.get_u8 (view s) i) (seq) (seq (set n (+ n 1))
	     (if (<u i 2237) (seq (set j (* i i)) (for k j 5000000 (seq (set s (bytes.set_u8 ^s k 1)) (set k (+ k (- i 1)))))) (seq)))))
	  (drop s) (fmt.u32_to_dec n))`, ""},
	{"hmap", `(seq (set m (map_u32.new 1048576)) (set s 1) (set acc 0)
	  (for i 0 2000000 (seq (set s (+ (* s 1103515245) 12345)) (set k (& (>>u s 8) 0x7ffff))
	    (set x (+ i (map_u32.get m k 0))) (do (map_u32.set m k x)) (set acc (^ acc x)))) (fmt.u32_to_dec acc))`, ""},
	{"sort", `(seq (set v (vec_value.with_capacity_v1 2 1000000)) (set s 1)
	  (for i 0 1000000 (seq (set s (+ (* s 1103515245) 12345)) (do (vec_value.push_i32_v1 v s))))
	  (do (call qs v 0 999999)) (fmt.u32_to_dec (vec_value.get_i32_v1 v 500000 0)))`,
		`(fn qs (v i32 lo i32 hi i32) i32 (seq
		  (if (>= lo hi) (return 0) (seq))
		  (set p (vec_value.get_i32_v1 v (>>u (+ lo hi) 1) 0)) (set i lo) (set j hi)
		  (block outer _ (for z 0 1 (seq
		    (if (> i j) (break outer) (seq))
		    (block l1 _ (for y 0 1 (seq (if (<u (vec_value.get_i32_v1 v i 0) p) (seq (set i (+ i 1)) (set y (- y 1))) (break l1)))))
		    (block l2 _ (for y 0 1 (seq (if (>u (vec_value.get_i32_v1 v j 0) p) (seq (set j (- j 1)) (set y (- y 1))) (break l2)))))
		    (if (<= i j) (seq (set t (vec_value.get_i32_v1 v i 0)) (do (vec_value.set_i32_v1 v i (vec_value.get_i32_v1 v j 0))) (do (vec_value.set_i32_v1 v j t)) (set i (+ i 1)) (set j (- j 1))) (seq))
		    (set z (- z 1)))))
		  (do (call qs v lo j)) (do (call qs v i hi)) 0))`},
}

func BenchmarkKernels(b *testing.B) {
	in := make([]byte, 1<<20)
	for i, s := 0, uint32(1); i < len(in); i++ {
		s = s*1103515245 + 12345
		c := s >> 16 & 31
		if in[i] = 97 + byte(c%26); c < 5 {
			in[i] = 32
		}
	}
	for _, k := range kernels {
		a := compile(b, k.body, k.defs)
		b.Run(k.name, func(b *testing.B) {
			best := 1e9
			for b.Loop() {
				r := engine.Run(context.Background(), a, engine.Config{Input: in})
				if r.Err != nil || r.Trap != nil {
					b.Fatal(r.Err, r.Trap)
				}
				best = min(best, float64(r.Wall.Microseconds())/1000)
				b.ReportMetric(best, "best-ms")
			}
		})
	}
}

// BenchmarkStart is a whole run of echo, machine code in the cache.
func BenchmarkStart(b *testing.B) {
	a := compile(b, echo)
	for name, dir := range map[string]string{"cold": "", "warm": b.TempDir()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := engine.Run(context.Background(), a, engine.Config{Input: []byte("hello"), CacheDir: dir})
				if r.Err != nil || string(r.Output) != "hello" {
					b.Fatal(r.Err, r.Trap)
				}
			}
		})
	}
}
