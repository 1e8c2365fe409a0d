package opt

import (
	"strings"
	"testing"

	"x07/internal/codegen/irtext"
	"x07/internal/ir"
)

// perFunc runs a pass on all functions.
func perFunc(pass func(*ir.Func)) func(*ir.Program) {
	return func(p *ir.Program) {
		for _, f := range p.Funcs {
			pass(f)
		}
	}
}

// printed is the program without charges, blank lines between functions left
// out.
func printed(p *ir.Program) string {
	var b strings.Builder
	for _, f := range p.Funcs {
		b.WriteString(ir.Print(p, f, false))
	}
	return strings.TrimSpace(b.String())
}

func charges(p *ir.Program) (n uint32) {
	for _, f := range p.Funcs {
		eachExpr(f.Body, func(e *ir.Expr) { n += e.Fuel })
	}
	return n
}

// solve is appended to programs whose entry does not matter.
const solve = ` (fn solve () bytes (bytes.alloc 0))`

type golden struct{ name, in, want string }

// transforms checks what a pass makes of programs: want is the first function.
// A want that begins with "..." has to occur somewhere.
func transforms(t *testing.T, pass func(*ir.Program), cases []golden) {
	t.Helper()
	for _, tc := range cases {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			p := irtext.Parse(tc.in + solve)
			if err := ir.Verify(p); err != nil {
				t.Fatalf("the test makes invalid IR: %v", err)
			}
			before := printed(p)
			pass(p)
			if err := ir.Verify(p); err != nil {
				t.Errorf("invalid IR: %v", err)
			}
			got := printed(p)
			want := strings.TrimSpace(tc.want)
			switch {
			case want == "same":
				if got != before {
					t.Errorf("changed to\n%s", got)
				}
			case strings.HasPrefix(want, "..."):
				if want = strings.TrimSpace(want[3:]); !strings.Contains(got, want) {
					t.Errorf("got\n%s\nwhich lacks\n%s", got, want)
				}
			default:
				if first, _, _ := strings.Cut(got, "\nfunc "); first != want {
					t.Errorf("got\n%s\nwant\n%s", first, want)
				}
			}
		})
	}
}

func TestAccessesAreProvenInBoundsOnlyWhereTheyCertainlyAre(t *testing.T) {
	fn := func(body string) string {
		return `(fn f (v bytes_view w bytes_view n i32 i i32 c i32) i32 ` + body + `)`
	}
	const proven, checked = "... view.get_u8!(v%0, ", "same"
	transforms(t, perFunc(bounds), []golden{
		{"the variable of a loop to the length", fn(`(seq (set r 0) (for k 0 (field 1 v) (set r (+ r (view.get_u8 v k)))) r)`), proven},
		{"a loop to a local that holds the length", fn(`(seq (set r 0) (set m (field 1 v)) (for k 0 m (set r (+ r (view.get_u8 v k)))) r)`), proven},
		{"a loop to the length of another view", fn(`(seq (set r 0) (for k 0 (field 1 w) (set r (+ r (view.get_u8 v k)))) r)`), checked},
		{"a loop variable that the body sets", fn(`(seq (set r 0) (for k 0 (field 1 v) (seq (set k (+ k 1)) (set r (+ r (view.get_u8 v k))))) r)`), checked},
		{"a loop variable that the body sets afterwards", fn(`(seq (set r 0) (for k 0 (field 1 v) (seq (set r (+ r (view.get_u8 v k))) (set k (+ k 1)))) r)`), proven},
		{"a view that the body replaces", fn(`(seq (set r 0) (for k 0 (field 1 v) (seq (set v w) (set r (+ r (view.get_u8 v k))))) r)`), checked},
		{"a view that the body replaces in a branch", fn(`(seq (set r 0) (for k 0 (field 1 v) (seq (if c (set v w) (seq)) (set r (+ r (view.get_u8 v k))))) r)`), checked},
		{"a view that a later iteration finds replaced", fn(`(seq (set r 0) (for k 0 (field 1 v) (seq (set r (+ r (view.get_u8 v k))) (set v w))) r)`), checked},
		{"the variable behind its loop", fn(`(seq (for k 0 (field 1 v) (set n k)) (view.get_u8 v k))`), checked},
		{"an inner loop that uses the same variable", fn(`(seq (set r 0) (for k 0 (field 1 v) (seq (for k 0 n (set r 1)) (set r (view.get_u8 v k)))) r)`), checked},
		{"a condition", fn(`(if (<u i (field 1 v)) (view.get_u8 v i) 0)`), proven},
		{"the other branch of a condition", fn(`(if (<u i (field 1 v)) 0 (view.get_u8 v i))`), checked},
		{"a signed condition", fn(`(if (< i (field 1 v)) (view.get_u8 v i) 0)`), checked},
		{"not less or equal", fn(`(if (<=u i (field 1 v)) (view.get_u8 v i) 0)`), checked},
		{"a negated condition", fn(`(if (>=u i (field 1 v)) 0 (view.get_u8 v i))`), proven},
		{"both of two conditions", fn(`(if (& (<u i (field 1 v)) (= c 1)) (view.get_u8 v i) 0)`), proven},
		{"one of two conditions", fn(`(if (| (<u i (field 1 v)) (= c 1)) (view.get_u8 v i) 0)`), checked},
		{"and of numbers that are no truth values", fn(`(if (& (<u i (field 1 v)) c) (view.get_u8 v i) 0)`), checked},
		{"an index that changes after the condition", fn(`(if (<u i (field 1 v)) (seq (set i (+ i 1)) (view.get_u8 v i)) 0)`), checked},
		{"a second access", fn(`(+ (view.get_u8 v i) (view.get_u8 v i))`), "... (add view.get_u8(v%0, i%3), view.get_u8!(v%0, i%3))"},
		{"behind a branch that leaves unless in bounds", fn(`(seq (if (>=u i (field 1 v)) (return 0) (seq)) (view.get_u8 v i))`), proven},
		{"behind a branch that need not leave", fn(`(seq (if (>=u i (field 1 v)) (set c 1) (seq)) (view.get_u8 v i))`), checked},
		{"behind a block that is left only in bounds", fn(`(seq (block l _ (if (<u i (field 1 v)) (break l) (return 0))) (view.get_u8 v i))`), proven},
		{"behind a block that is also left out of bounds", fn(`(seq (block l _ (seq (if (= c 0) (break l) (seq)) (if (<u i (field 1 v)) (break l) (return 0)))) (view.get_u8 v i))`), checked},
		{"behind a block that ends out of bounds", fn(`(seq (block l _ (if (<u i (field 1 v)) (break l) (seq))) (view.get_u8 v i))`), checked},
		{"behind a block whose break comes before the change", fn(`(seq (if (>=u i (field 1 v)) (return 0) (seq)) (block l _ (seq (if c (break l) (seq)) (set i 9))) (view.get_u8 v i))`), checked},
		{"a copy of the view", fn(`(seq (set x v) (if (<u i (field 1 v)) (view.get_u8 x i) 0))`), "same"},
		{"a copy made where it is known", fn(`(if (<u i (field 1 v)) (seq (set x v) (view.get_u8 x i)) 0)`), "... view.get_u8!(x%5, i%3)"},
	})
}

func TestBuffersKeepTheirLengthOnlyWhenWrittenInPlace(t *testing.T) {
	fn := func(body string) string {
		return `(fn f (b bytes n i32 c i32) bytes (seq (for k 0 (field 1 b) ` + body + `) ^b))`
	}
	transforms(t, perFunc(bounds), []golden{
		{"written in place", fn(`(set b (bytes.set_u8 ^b k 1))`), "... bytes.set_u8!("},
		{"replaced", fn(`(seq (set b (bytes.set_u8 ^b k 1)) (drop b) (set b (bytes.alloc n)))`), "same"},
	})
}

func TestCallsOfSmallFunctionsAreReplacedByTheirBodies(t *testing.T) {
	many := strings.Repeat("(+ a ", 60) + "1" + strings.Repeat(")", 60)
	transforms(t, inline, []golden{
		{"a small function", `(fn f (x i32) i32 (call g (+ x 1))) (fn g (a i32) i32 (* a a))`,
			"func f(x%0 i32) i32\n  a%1 = (add x%0, 1)\n  (mul a%1, a%1)"},
		{"a return becomes a break", `(fn f (x i32) i32 (call g x)) (fn g (a i32) i32 (seq (if a (return 7) (seq)) 8))`,
			"func f(x%0 i32) i32\n  a%1 = x%0\n  labeled 1\n    if a%1\n      break 1 (7)\n    8"},
		{"locals start as zero at each entry", `(fn f (x i32) i32 (call g x)) (fn g (a i32) i32 (seq (if a (set t 5) (seq)) t))`,
			"... t%2 = zero:i32"},
		{"chains vanish", `(fn f (x i32) i32 (call g x)) (fn g (a i32) i32 (call h a)) (fn h (b i32) i32 (+ b 1))`,
			"func f(x%0 i32) i32\n  a%1 = x%0\n  b%2 = zero:i32\n  b%2 = a%1\n  (add b%2, 1)"},
		{"not a large function that is called twice", `(fn f (x i32) i32 (+ (call g x) (call g x))) (fn g (a i32) i32 ` + many + `)`, "same"},
		{"a large function that is called once", `(fn f (x i32) i32 (call g x)) (fn g (a i32) i32 ` + many + `)`, "... func f(x%0 i32) i32\n  a%1 = x%0\n"},
		{"not a function with a loop", `(fn f (x i32) i32 (call g x)) (fn g (a i32) i32 (seq (for k 0 a (set a (+ a 1))) a))`, "same"},
		{"one of two functions that call each other", `(fn f (x i32) i32 (call g x)) (fn g (a i32) i32 (if a (call h (- a 1)) 0)) (fn h (b i32) i32 (if b (call g (- b 1)) 1))`,
			"func f(x%0 i32) i32\n  a%1 = x%0\n  if a%1\n    h((sub a%1, 1))\n  else\n    0"},
		{"not a function with a contract", `(fn f (x i32) i32 (call g x)) (fn g (a i32) i32 (budget 100 0 (+ a 1)))`, "same"},
		{"not a function whose locals have addresses", `(fn f (x i32) i32 (call g x)) (fn g (a i32) i32 (seq (do (addr a)) a))`, "same"},
		{"a function that calls itself is unrolled", `(fn f (x i32) i32 (if (<u x 2) x (+ (call f (- x 1)) 1)))`,
			"... x%1 = (sub x%0, 1)"},
		{"not a large function that calls itself", `(fn f (a i32) i32 (if a (call f (- a 1)) ` + many + `))`, "same"},
	})
}

func TestFunctionsThatNothingCallsAreDropped(t *testing.T) {
	p := irtext.Parse(`(fn dead (a i32) i32 (call b a)) (fn b (a i32) i32 (call c a)) (fn c (a i32) i32 (if a (call b a) 0))
	  (fn alone () i32 1) (fn solve () bytes (bytes.alloc (call b 1)))`)
	prune(p)
	if err := ir.Verify(p); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range p.Funcs {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "b c solve" || p.Funcs[p.Solve].Name != "solve" {
		t.Errorf("kept %s with entry %d", got, p.Solve)
	}
	if got := printed(p); !strings.Contains(got, "alloc(b(1))") || !strings.Contains(got, "b(a%0)") {
		t.Errorf("calls changed:\n%s", got)
	}
}

func TestLoopsAreLeftWhereTheirVariableBecomesTheEnd(t *testing.T) {
	fn := func(body string) string {
		return `(fn f (n i32 c i32 v bytes_view) i32 (seq (set r 0) ` + body + ` r))`
	}
	const jumps, keeps = "... break 1 ()", "same"
	transforms(t, perFunc(exits), []golden{
		{"as the last thing in a branch", fn(`(for i 0 n (if c (set i (- n 1)) (set r (+ r i))))`),
			"func f(n%0 i32, c%1 i32, v%2 bytes_view) i32\n  r%3 = 0\n  labeled 1\n    for i%4 = 0 to n%0\n      if c%1\n        break 1 ()\n      else\n        r%3 = (add r%3, i%4)\n  r%3"},
		{"when the variable is read behind the loop", fn(`(for i 0 n (if c (set i (- n 1)) (seq))) (set r i)`), "... i%4 = n%0\n        break 1 ()"},
		{"when the end is a constant", fn(`(for i 0 10 (if c (set i 9) (seq)))`), jumps},
		{"when the end is a length", fn(`(for i 0 (field 1 v) (if c (set i (- (field 1 v) 1)) (seq)))`), jumps},
		{"in nested loops", fn(`(for i 0 n (for k 0 c (if r (set k (- c 1)) (seq))))`), jumps},
		{"not when something follows", fn(`(for i 0 n (seq (if c (set i (- n 1)) (seq)) (set r 1)))`), keeps},
		{"not when it becomes another number", fn(`(for i 0 n (if c (set i (- n 2)) (seq)))`), keeps},
		{"not when another constant", fn(`(for i 0 10 (if c (set i 10) (seq)))`), keeps},
		{"not when the end changes", fn(`(for i 0 n (seq (set n (- n 1)) (if c (set i (- n 1)) (seq))))`), keeps},
		{"not when the view is replaced", fn(`(for i 0 (field 1 v) (seq (if r (set v input) (seq)) (if c (set i (- (field 1 v) 1)) (seq))))`), keeps},
		{"not when it is the variable of the inner loop", fn(`(for i 0 n (for k 0 c (if r (set k (- n 1)) (seq))))`), keeps},
		{"not from within an inner loop", fn(`(for i 0 n (for k 0 c (if r (set i (- n 1)) (seq))))`), keeps},
		{"not when the end is the variable", fn(`(set i 5) (for i 0 i (if c (set i (- i 1)) (seq)))`), keeps},
		{"not when the variable has an address", fn(`(for i 0 n (if c (set i (- n 1)) (do (addr i))))`), keeps},
	})
}

func TestFlagsThatSayHowABlockWasLeftAreNotTested(t *testing.T) {
	fn := func(body string) string { return `(fn f (c i32) i32 (seq ` + body + ` 8))` }
	transforms(t, perFunc(flags), []golden{
		{"the branch for the end moves into the block", fn(`(set o 1) (block l _ (for i 0 c (if (= i 5) (seq (set o 0) (break l)) (seq)))) (if o (return 7) (set c 1))`),
			"... \n      if (eq i%2, 5)\n        o%1 = 0\n        break 1 ()\n    return 7\n  c%0 = 1\n  8"},
		{"not when a jump does not set it", fn(`(set o 1) (block l _ (for i 0 c (if (= i 5) (seq (set o 0) (break l)) (break l)))) (if o (return 7) (seq))`), "same"},
		{"not when it is set elsewhere too", fn(`(set o 1) (block l _ (for i 0 c (seq (set o i) (if (= i 5) (seq (set o 0) (break l)) (seq))))) (if o (return 7) (seq))`), "same"},
		{"not when both are true", fn(`(set o 1) (block l _ (for i 0 c (if (= i 5) (seq (set o 2) (break l)) (seq)))) (if o (return 7) (seq))`), "same"},
		{"not when it was no constant", fn(`(set o c) (block l _ (for i 0 c (if (= i 5) (seq (set o 0) (break l)) (seq)))) (if o (return 7) (seq))`), "same"},
		{"not when the branch goes on", fn(`(set o 1) (block l _ (for i 0 c (if (= i 5) (seq (set o 0) (break l)) (seq)))) (if o (set c 7) (seq))`), "same"},
		{"not when its address is known", fn(`(set o 1) (do (addr o)) (block l _ (for i 0 c (if (= i 5) (seq (set o 0) (break l)) (seq)))) (if o (return 7) (seq))`), "same"},
	})
}

func TestFlagsForAndThenBecomeJumps(t *testing.T) {
	fn := func(body string) string { return `(fn f (v bytes_view a i32 b i32) i32 (seq ` + body + ` a))` }
	const look = `(= (view.get_u8 v a) 1)`
	transforms(t, perFunc(shortcuts), []golden{
		{"each path jumps to its branch", fn(`(set o 0) (if a (if b (set o ` + look + `) (set o 1)) (seq)) (if o (set a 1) (set a 2))`),
			`func f(v%0 bytes_view, a%1 i32, b%2 i32) i32
  o%3 = 0
  seq
  labeled 1
    labeled 2
      labeled 3
        if a%1
          if b%2
            if (eq view.get_u8(v%0, a%1), 1)
              break 3 ()
            else
              break 2 ()
          else
            break 3 ()
        else
          seq
          break 2 ()
      a%1 = 1
      break 1 ()
    a%1 = 2
  a%1`},
		{"not when it is read again", fn(`(set o 0) (if a (set o ` + look + `) (seq)) (if o (set a 1) (set a 2)) (set a o)`), "same"},
		{"not when a path keeps an unknown value", fn(`(set o b) (if a (set o ` + look + `) (seq)) (if o (set a 1) (set a 2))`), "same"},
		{"not when it is set before the end of a path", fn(`(set o 0) (if a (seq (set o ` + look + `) (set b 2)) (seq)) (if o (set a 1) (set a 2))`), "same"},
		{"not when it is set in the condition", fn(`(set o 0) (if (seq (set o 1) a) (set o ` + look + `) (seq)) (if o (set a 1) (set a 2))`), "same"},
		{"not when numbers can be selected", fn(`(set o 0) (if a (set o b) (seq)) (if o (set a 1) (set a 2))`), "same"},
	})
}

func TestJumpsChargeWhatTheAssignmentsCharged(t *testing.T) {
	// On each path the charges stay; exits has no copy of any, so the sum does too.
	p := irtext.Parse(`(fn f (n i32 c i32) i32 (seq (for i 0 n (if c (set i (- n 1)) (seq))) i))` + solve)
	before := charges(p)
	exits(p.Funcs[0])
	if got := charges(p); got != before {
		t.Errorf("%d units became %d", before, got)
	}
}
