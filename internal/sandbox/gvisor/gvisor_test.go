package gvisor

import (
	"io"
	"strings"
	"testing"

	"x07/internal/sandbox"
)

func TestAGuestSaysHello(t *testing.T) {
	out, st := do(t, sandbox.Spec{}, "hello")
	if out != "hello\n" || st.Code != 0 {
		t.Fatalf("got %q, status %+v", out, st)
	}
}

func TestWhatIsWrittenToTheStreamComesBack(t *testing.T) {
	g := start(t, sandbox.Spec{Command: []string{guestBin, "echo"}, Dir: "/"})
	want := strings.Repeat("x07 ", 1<<18)
	go func() {
		io.WriteString(g.Stream(), want)
		g.Stream().(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(g.Stream())
	if err != nil || string(got) != want {
		t.Fatalf("got %d bytes, error %v; want %d", len(got), err, len(want))
	}
}
