package fs_test

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPermissionDeniedAnswers60014(t *testing.T) {
	f, dir := open(t)
	put(t, dir+"/shut", "x")
	if err := os.Chmod(dir+"/shut", 0); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		// Root may read everything: look at files as somebody else on this thread.
		os.Chmod(dir, 0o755)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		const nobody = 65534
		if _, err := unix.SetfsuidRetUid(nobody); err != nil {
			t.Fatal(err)
		}
		defer unix.SetfsuidRetUid(0)
	}
	_, code := f.ReadAll(ctx, "shut", flags(0))
	wantCode(t, "read", code, 60014)
	trapped := func() error { _, err := f.ReadFile(ctx, "shut"); return err }
	wantTrap(t, trapped(), "os.fs.read_file open failed")
	if n, err := f.WriteFile(ctx, "shut", nil); n != int32(unix.EACCES) || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
}
