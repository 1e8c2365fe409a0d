package fs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"x07/internal/osworld/effect"
	"x07/internal/osworld/fs"
	"x07/internal/policy"
)

const (
	symlinks = 1
	hidden   = 2
	parents  = 4
	over     = 8
	atomic   = 16
)

var ctx = context.Background()

// caps encodes FsCapsV1.
func caps(read, write, entries, depth, flags uint32) []byte {
	doc := make([]byte, 0, 24)
	for _, v := range []uint32{1, read, write, entries, depth, flags} {
		doc = binary.LittleEndian.AppendUint32(doc, v)
	}
	return doc
}

func flags(f uint32) []byte { return caps(0, 0, 0, 0, f) }

// open is run-os in a fresh directory.
func open(t *testing.T) (*fs.FS, string) {
	t.Helper()
	dir := t.TempDir()
	f := fs.New(effect.Door{Gate: policy.AllowAll()}, dir)
	t.Cleanup(func() { f.Close() })
	return f, dir
}

// held is a world under a policy: everything allowed below in (read) and out
// (write), then changed by edit.
func held(t *testing.T, edit func(*policy.Policy)) (*fs.FS, string) {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"in", "out"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := &policy.Policy{
		FS: policy.FS{
			Enabled: true, ReadRoots: []string{"in", "out"}, WriteRoots: []string{"out"},
			AllowSymlinks: true, AllowMkdir: true, AllowRemove: true, AllowRename: true,
			AllowWalk: true, AllowGlob: true,
		},
		Threads: policy.Threads{Enabled: true, MaxBlocking: 4},
	}
	if edit != nil {
		edit(p)
	}
	f := fs.New(effect.Door{Gate: policy.FromPolicy(p, policy.Options{WorkDir: dir})}, dir)
	t.Cleanup(func() { f.Close() })
	return f, dir
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func wantCode(t *testing.T, what string, got, want int32) {
	t.Helper()
	if got != want {
		t.Errorf("%s: code %d, want %d", what, got, want)
	}
}

func wantTrap(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("trap %v, want %q", err, want)
	}
}

func TestReadFileReturnsTheWholeFile(t *testing.T) {
	f, dir := open(t)
	put(t, dir+"/a.txt", "hello")
	put(t, dir+"/empty", "")
	link(t, "a.txt", dir+"/link")
	for path, want := range map[string]string{"a.txt": "hello", dir + "/a.txt": "hello", "./x/../a.txt": "hello", "link": "hello", "empty": ""} {
		if path == "./x/../a.txt" {
			os.Mkdir(dir+"/x", 0o755)
		}
		got, err := f.ReadFile(ctx, path)
		if err != nil || string(got) != want {
			t.Errorf("read %s: %q, %v", path, got, err)
		}
	}
}

func TestReadFileTrapsInRunOS(t *testing.T) {
	f, dir := open(t)
	if err := syscall.Mkfifo(dir+"/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"missing": "os.fs.read_file open failed",
		"":        "os.fs.read_file open failed",
		"a\x00b":  "os.fs.read_file path contains NUL",
		".":       "os.fs.read_file file too large",
		"fifo":    "os.fs.read_file seek failed",
	} {
		_, err := f.ReadFile(ctx, path)
		wantTrap(t, err, want)
	}
}

func TestReadFileTrapsUnderAPolicy(t *testing.T) {
	f, dir := held(t, func(p *policy.Policy) { p.FS.DenyHidden = true; p.FS.MaxReadBytes = 4 })
	put(t, dir+"/secret", "s")
	put(t, dir+"/in/a.txt", "hi")
	put(t, dir+"/in/.h", "h")
	put(t, dir+"/in/big", "12345")
	link(t, "../secret", dir+"/in/leak")
	link(t, dir+"/secret", dir+"/in/leak2")
	link(t, "a.txt", dir+"/in/ok")
	for path, want := range map[string]string{
		"/etc/passwd":  "os.fs.read_file unsafe path",
		"in/../secret": "os.fs.read_file unsafe path",
		"in//a.txt":    "os.fs.read_file unsafe path",
		"./in/a.txt":   "os.fs.read_file unsafe path",
		"in/":          "os.fs.read_file unsafe path",
		"in/.x07_a":    "os.fs.read_file unsafe path",
		"in/a\x00":     "os.fs.read_file unsafe path",
		`in\a`:         "os.fs.read_file unsafe path",
		"in/.h":        "os.fs.read_file hidden path denied",
		"secret":       "os.fs.read_file open failed",
		"in/leak":      "os.fs.read_file open failed",
		"in/leak2":     "os.fs.read_file open failed",
		"in/none":      "os.fs.read_file open failed",
		"a.txt":        "os.fs.read_file open failed", // one path model: never joined to a root
		"in/big":       "os.fs.read_file file too large",
	} {
		_, err := f.ReadFile(ctx, path)
		if err == nil || err.Error() != want {
			t.Errorf("read %q: trap %v, want %q", path, err, want)
		}
	}
	for _, path := range []string{"in/a.txt", "in/ok"} {
		if got, err := f.ReadFile(ctx, path); err != nil || string(got) != "hi" {
			t.Errorf("read %s: %q, %v", path, got, err)
		}
	}
	off, _ := held(t, func(p *policy.Policy) { p.FS.Enabled = false })
	_, err := off.ReadFile(ctx, "in/a")
	wantTrap(t, err, "os.fs disabled by policy")
	idle, _ := held(t, func(p *policy.Policy) { p.Threads.MaxBlocking = 0 })
	_, err = idle.ReadFile(ctx, "in/a")
	wantTrap(t, err, "os.threads.blocking disabled by policy")
	_, err = idle.WriteFile(ctx, "out/a", nil)
	wantTrap(t, err, "os.threads.blocking disabled by policy")
}

func TestWriteFileReturnsTheErrnoOfThePlatform(t *testing.T) {
	f, dir := open(t)
	put(t, dir+"/file", "x")
	for path, want := range map[string]int32{
		"new": 0, "file": 0, "no/such": int32(syscall.ENOENT), ".": int32(syscall.EISDIR),
		"file/x": int32(syscall.ENOTDIR), "": int32(syscall.ENOENT),
	} {
		if n, err := f.WriteFile(ctx, path, []byte("data")); n != want || err != nil {
			t.Errorf("write %q: %d, %v, want %d", path, n, err, want)
		}
	}
	if got := get(t, dir+"/file"); got != "data" {
		t.Errorf("file has %q", got)
	}
	_, err := f.WriteFile(ctx, "a\x00", nil)
	wantTrap(t, err, "os.fs.write_file path contains NUL")
}

func TestWriteFileUnderAPolicyStaysBelowItsRoots(t *testing.T) {
	f, dir := held(t, func(p *policy.Policy) { p.FS.DenyHidden = true; p.FS.MaxWriteBytes = 8 })
	put(t, dir+"/secret", "s")
	link(t, "../secret", dir+"/out/leak")
	link(t, "../made", dir+"/out/dangling")
	for path, want := range map[string]int32{
		"out/a": 0, "in/a": int32(syscall.EACCES), "a": int32(syscall.EACCES),
		"out/leak": int32(syscall.EACCES), "out/dangling": int32(syscall.EACCES), "out/no/such": int32(syscall.ENOENT),
	} {
		if n, err := f.WriteFile(ctx, path, []byte("data")); n != want || err != nil {
			t.Errorf("write %q: %d, %v, want %d", path, n, err, want)
		}
	}
	if n, err := f.WriteFile(ctx, "out/b", []byte("123456789")); n != 27 || err != nil {
		t.Errorf("too much: %d, %v", n, err)
	}
	if get(t, dir+"/secret") != "s" {
		t.Error("the secret was overwritten")
	}
	if _, err := os.Lstat(dir + "/made"); err == nil {
		t.Error("a file was made outside of the roots")
	}
	for path, want := range map[string]string{"out/../x": "os.fs.write_file unsafe path", "out/.h": "os.fs.write_file hidden path denied"} {
		_, err := f.WriteFile(ctx, path, nil)
		wantTrap(t, err, want)
	}
}

func TestMalformedCapsAreRefusedBeforeAnythingElse(t *testing.T) {
	f, _ := held(t, func(p *policy.Policy) { p.FS.Enabled = false })
	version2 := caps(0, 0, 0, 0, 0)
	version2[0] = 2
	for _, doc := range [][]byte{nil, make([]byte, 23), make([]byte, 25), make([]byte, 24), version2} {
		for name, code := range everyCall(f, "../x", doc) {
			wantCode(t, name, code, 60004)
		}
	}
}

// everyCall makes each v1 call about path and returns the codes.
func everyCall(f *fs.FS, path string, doc []byte) map[string]int32 {
	codes := map[string]int32{}
	_, codes["read_all"] = f.ReadAll(ctx, path, doc)
	_, codes["write_all"] = f.WriteAll(ctx, path, nil, doc)
	_, codes["append_all"] = f.AppendAll(ctx, path, nil, doc)
	_, codes["mkdirs"] = f.Mkdirs(path, doc)
	_, codes["remove_file"] = f.RemoveFile(path, doc)
	_, codes["remove_dir_all"] = f.RemoveDirAll(path, doc)
	_, codes["rename"] = f.Rename(path, path, doc)
	_, codes["list_dir"] = f.ListDir(path, doc)
	_, codes["walk_glob"] = f.WalkGlob(ctx, path, []byte("*"), doc)
	_, codes["stat"] = f.Stat(path, doc)
	_, codes["stream_open_write"] = f.StreamOpenWrite(path, doc)
	return codes
}

func TestDisabledFilesAnswer60002(t *testing.T) {
	f, _ := held(t, func(p *policy.Policy) { p.FS.Enabled = false })
	for name, code := range everyCall(f, "in/x", flags(0)) {
		wantCode(t, name, code, 60002)
	}
	// What an operation needs is tested before.
	g, _ := held(t, func(p *policy.Policy) { p.FS.Enabled = false; p.FS.AllowMkdir = false })
	_, code := g.Mkdirs("x", flags(0))
	wantCode(t, "mkdirs", code, 60001)
}

func TestMalformedPathsAnswer60003InBothWorlds(t *testing.T) {
	f, _ := open(t)
	g, _ := held(t, nil)
	for _, path := range []string{"", "/abs", "a//b", "a/", "a/../b", "..", ".", "./.", "a\x00b", `a\b`, "a\xff"} {
		for _, w := range []*fs.FS{f, g} {
			for name, code := range everyCall(w, path, flags(0)) {
				wantCode(t, name+" "+path, code, 60003)
			}
		}
	}
}

func TestDeniedOperationsAnswer60001(t *testing.T) {
	f, dir := held(t, func(p *policy.Policy) {
		p.FS.DenyHidden = true
		p.FS.AllowMkdir, p.FS.AllowRemove, p.FS.AllowRename, p.FS.AllowWalk, p.FS.AllowGlob = false, false, false, false, false
	})
	put(t, dir+"/in/.h/x", "")
	put(t, dir+"/secret", "")
	link(t, "..", dir+"/in/up")
	codes := everyCall(f, "in", flags(0))
	for _, name := range []string{"mkdirs", "remove_file", "remove_dir_all", "rename", "list_dir", "walk_glob"} {
		wantCode(t, name, codes[name], 60001)
	}
	_, codes["hidden"] = f.ReadAll(ctx, "in/.h/x", flags(0))
	_, codes["hidden with its flag"] = f.ReadAll(ctx, "in/.h/x", flags(hidden))
	_, codes["outside"] = f.ReadAll(ctx, "secret", flags(0))
	_, codes["link out"] = f.ReadAll(ctx, "in/up/secret", flags(0))
	_, codes["write below a read root"] = f.WriteAll(ctx, "in/x", nil, flags(0))
	_, codes["parents"] = f.WriteAll(ctx, "out/x", nil, flags(parents))
	_, codes["atomic"] = f.WriteAll(ctx, "out/x", nil, flags(atomic))
	_, codes["stream parents"] = f.StreamOpenWrite("out/x", flags(parents))
	_, codes["stat out"] = f.Stat("in/up/secret", flags(0))
	for _, name := range []string{"hidden", "hidden with its flag", "outside", "link out", "write below a read root", "parents", "atomic", "stream parents", "stat out"} {
		wantCode(t, name, codes[name], 60001)
	}
}

func TestAskingToFollowLinksWithoutPermissionAnswers60019(t *testing.T) {
	f, _ := held(t, func(p *policy.Policy) { p.FS.AllowSymlinks = false })
	codes := everyCall(f, "out", flags(symlinks))
	for name, code := range codes {
		wantCode(t, name, code, 60019)
	}
}

func TestSystemErrorsHaveTheirCodes(t *testing.T) {
	for _, world := range []string{"run-os", "policy"} {
		t.Run(world, func(t *testing.T) {
			f, dir := open(t)
			if world == "policy" {
				f, dir = held(t, nil)
			}
			put(t, dir+"/out/file", "data")
			put(t, dir+"/out/dir/x", "data")
			link(t, "nowhere", dir+"/out/dangling")
			link(t, "loop", dir+"/out/loop")
			check := func(what string, want int32) func(any, int32) {
				return func(_ any, got int32) { t.Helper(); wantCode(t, what, got, want) }
			}
			check("read missing", 60010)(f.ReadAll(ctx, "out/none", flags(0)))
			check("read dangling", 60010)(f.ReadAll(ctx, "out/dangling", flags(0)))
			check("read a directory", 60013)(f.ReadAll(ctx, "out/dir", flags(0)))
			check("read through a file", 60015)(f.ReadAll(ctx, "out/file/x", flags(0)))
			check("read a loop", 60015)(f.ReadAll(ctx, "out/loop", flags(0)))
			check("read too much", 60016)(f.ReadAll(ctx, "out/file", caps(3, 0, 0, 0, 0)))
			check("read just enough", 0)(f.ReadAll(ctx, "out/file", caps(4, 0, 0, 0, 0)))
			check("write too much", 60016)(f.WriteAll(ctx, "out/new", []byte("data"), caps(0, 3, 0, 0, 0)))
			check("write without parents", 60010)(f.WriteAll(ctx, "out/no/file", nil, flags(0)))
			check("write an existing file", 60011)(f.WriteAll(ctx, "out/file", nil, flags(0)))
			check("write an existing directory", 60013)(f.WriteAll(ctx, "out/dir", nil, flags(0)))
			check("overwrite a directory", 60015)(f.WriteAll(ctx, "out/dir", nil, flags(over)))
			check("overwrite a directory atomically", 60015)(f.WriteAll(ctx, "out/dir", nil, flags(over|atomic)))
			check("parents through a file", 60015)(f.WriteAll(ctx, "out/file/a/b", nil, flags(parents)))
			check("append to a directory", 60013)(f.AppendAll(ctx, "out/dir", nil, flags(0)))
			check("mkdirs on a file", 60011)(f.Mkdirs("out/file", flags(0)))
			check("mkdirs through a file", 60015)(f.Mkdirs("out/file/x/y", flags(0)))
			check("mkdirs on a directory", 0)(f.Mkdirs("out/dir", flags(0)))
			check("mkdirs", 0)(f.Mkdirs("out/p/q/r", flags(0)))
			check("remove a missing file", 60010)(f.RemoveFile("out/none", flags(0)))
			check("remove a directory as a file", 60013)(f.RemoveFile("out/dir", flags(0)))
			check("remove a missing tree", 60010)(f.RemoveDirAll("out/none", flags(0)))
			check("remove a file as a tree", 60012)(f.RemoveDirAll("out/file", flags(0)))
			check("rename a missing file", 60010)(f.Rename("out/none", "out/x", flags(0)))
			check("rename onto a filled directory", 60015)(f.Rename("out/p", "out/dir", flags(0)))
			check("list a file", 60012)(f.ListDir("out/file", flags(0)))
			check("list a missing directory", 60010)(f.ListDir("out/none", flags(0)))
			check("list too many", 60017)(f.ListDir("out", caps(0, 0, 1, 0, 0)))
			check("walk a file", 60012)(f.WalkGlob(ctx, "out/file", []byte("*"), flags(0)))
			check("walk a missing directory", 60010)(f.WalkGlob(ctx, "out/none", []byte("*"), flags(0)))
			check("walk with a bad glob", 60003)(f.WalkGlob(ctx, "out", []byte("[a"), flags(0)))
			check("walk with a glob of other bytes", 60003)(f.WalkGlob(ctx, "out", []byte("\xff"), flags(0)))
			check("walk too deep", 60018)(f.WalkGlob(ctx, "out", []byte("*"), caps(0, 0, 0, 1, 0)))
			check("walk too many", 60017)(f.WalkGlob(ctx, "out", []byte("*"), caps(0, 0, 1, 0, 0)))
			check("walk a dangling link", 60015)(f.WalkGlob(ctx, "out", []byte("*"), flags(symlinks)))
			check("stat through a file", 60015)(f.Stat("out/file/x", flags(0)))
		})
	}
}

func TestAtomicWritesLeaveNoTemporaryAndReplaceAtOnce(t *testing.T) {
	for _, world := range []string{"run-os", "policy"} {
		t.Run(world, func(t *testing.T) {
			f, dir := open(t)
			if world == "policy" {
				f, dir = held(t, nil)
			}
			n, code := f.WriteAll(ctx, "out/sub/file", []byte("one"), flags(parents|over|atomic))
			if n != 3 || code != 0 {
				t.Fatal(n, code)
			}
			put(t, dir+"/out/sub/file.x07_tmp_0", "somebody else's")
			if _, code = f.WriteAll(ctx, "out/sub/file", []byte("two"), flags(over|atomic)); code != 0 {
				t.Fatal(code)
			}
			if got := get(t, dir+"/out/sub/file"); got != "two" {
				t.Errorf("file has %q", got)
			}
			if got := names(t, dir+"/out/sub"); got != "file file.x07_tmp_0" {
				t.Errorf("directory has %s", got)
			}
			if got := get(t, dir+"/out/sub/file.x07_tmp_0"); got != "somebody else's" {
				t.Errorf("the other temporary has %q", got)
			}
			f.WriteAll(ctx, "out/sub", []byte("three"), flags(over|atomic))
			if got := names(t, dir+"/out"); got != "sub" {
				t.Errorf("a failed write left %s", got)
			}
		})
	}
}

func TestAppendAddsToTheEnd(t *testing.T) {
	f, dir := held(t, nil)
	for _, text := range []string{"one\n", "two\n"} {
		if n, code := f.AppendAll(ctx, "out/log", []byte(text), flags(0)); n != 4 || code != 0 {
			t.Fatal(n, code)
		}
	}
	if got := get(t, dir+"/out/log"); got != "one\ntwo\n" {
		t.Errorf("log has %q", got)
	}
}

func TestRenameMovesBetweenRoots(t *testing.T) {
	f, dir := held(t, func(p *policy.Policy) { p.FS.WriteRoots = []string{"in", "out", "lone.txt"} })
	put(t, dir+"/in/a", "a")
	put(t, dir+"/lone.txt", "old")
	if _, code := f.Rename("in/a", "out/b", flags(0)); code != 0 {
		t.Fatal(code)
	}
	if got := get(t, dir+"/out/b"); got != "a" {
		t.Errorf("b has %q", got)
	}
	_, code := f.Rename("out/b", "elsewhere", flags(0))
	wantCode(t, "rename out of the roots", code, 60001)
	_, code = f.Rename("secret", "out/c", flags(0))
	wantCode(t, "rename into the roots", code, 60001)
	_, code = f.Rename("out", "in/out", flags(0))
	wantCode(t, "rename a root", code, 60015)
}

func TestRemovingALinkLeavesItsTarget(t *testing.T) {
	f, dir := held(t, nil)
	put(t, dir+"/out/target/x", "x")
	put(t, dir+"/out/file", "x")
	link(t, "target", dir+"/out/dlink")
	link(t, "file", dir+"/out/flink")
	if _, code := f.RemoveFile("out/flink", flags(0)); code != 0 {
		t.Error(code)
	}
	if _, code := f.RemoveDirAll("out/dlink", flags(0)); code != 0 {
		t.Error(code)
	}
	if got := names(t, dir+"/out"); got != "file target" {
		t.Errorf("left %s", got)
	}
	link(t, "../../in", dir+"/out/target/escape")
	put(t, dir+"/in/keep", "")
	if _, code := f.RemoveDirAll("out/target", flags(0)); code != 0 {
		t.Error(code)
	}
	if got := names(t, dir+"/in"); got != "keep" {
		t.Errorf("in has %s", got)
	}
}

func TestStatDescribesWithoutFollowing(t *testing.T) {
	f, dir := held(t, nil)
	put(t, dir+"/in/file", "12345")
	link(t, "/etc/passwd", dir+"/in/link")
	syscall.Mkfifo(dir+"/in/fifo", 0o644)
	for path, want := range map[string][2]uint32{"in/none": {0, 0}, "in/file": {1, 5}, "in": {2, 0}, "in/link": {3, 0}, "in/fifo": {4, 0}} {
		doc, code := f.Stat(path, flags(0))
		if code != 0 || len(doc) != 16 || binary.LittleEndian.Uint32(doc) != 1 {
			t.Fatalf("stat %s: %x, %d", path, doc, code)
		}
		if got := [2]uint32{binary.LittleEndian.Uint32(doc[4:]), binary.LittleEndian.Uint32(doc[8:])}; got != want {
			t.Errorf("stat %s: %v, want %v", path, got, want)
		}
		if mtime := binary.LittleEndian.Uint32(doc[12:]); (mtime == 0) != (path == "in/none") {
			t.Errorf("stat %s: mtime %d", path, mtime)
		}
	}
}

func TestListingsAreSortedAndFiltered(t *testing.T) {
	f, dir := held(t, func(p *policy.Policy) { p.FS.DenyHidden = true })
	os.Mkdir(dir+"/in/empty", 0o755)
	for _, name := range []string{"b", "a", "Z", ".hidden", "not\xffutf8", "sub/c.txt", "sub/.h/d"} {
		put(t, dir+"/in/"+name, "")
	}
	list := func(data []byte, code int32) string {
		if code != 0 {
			t.Fatal(code)
		}
		return string(data)
	}
	if got := list(f.ListDir("in", flags(hidden))); got != "Z\na\nb\nempty\nsub\n" {
		t.Errorf("list: %q", got)
	}
	if got := list(f.ListDir("in/empty", flags(0))); got != "\n" {
		t.Errorf("empty: %q", got)
	}
	if got := list(f.WalkGlob(ctx, "in", []byte("**/*"), flags(0))); got != "Z\na\nb\nsub/c.txt\n" {
		t.Errorf("walk: %q", got)
	}
	if got := list(f.WalkGlob(ctx, "in", []byte("*.txt"), flags(0))); got != "sub/c.txt\n" {
		t.Errorf("walk *.txt: %q", got)
	}
	if got := list(f.WalkGlob(ctx, "in", []byte("nothing"), flags(0))); got != "\n" {
		t.Errorf("walk nothing: %q", got)
	}
	if got := list(f.ListDir("in", caps(0, 0, 5, 0, 0))); got != "Z\na\nb\nempty\nsub\n" {
		t.Errorf("list at the limit: %q", got)
	}
}

func TestWalkingFollowsLinksOnlyWhenAsked(t *testing.T) {
	f, dir := held(t, nil)
	put(t, dir+"/in/real/x", "")
	link(t, "real", dir+"/in/link")
	got, code := f.WalkGlob(ctx, "in", []byte("**/*"), flags(0))
	if code != 0 || string(got) != "link\nreal/x\n" {
		t.Errorf("not following: %q, %d", got, code)
	}
	got, code = f.WalkGlob(ctx, "in", []byte("**/*"), flags(symlinks))
	if code != 0 || string(got) != "link/x\nreal/x\n" {
		t.Errorf("following: %q, %d", got, code)
	}
	link(t, "../..", dir+"/in/real/up")
	_, code = f.WalkGlob(ctx, "in", []byte("**/*"), flags(symlinks))
	wantCode(t, "a link out of the root", code, 60001)
	os.Remove(dir + "/in/real/up")
	link(t, "..", dir+"/in/real/loop")
	_, code = f.WalkGlob(ctx, "in", []byte("**/*"), flags(symlinks))
	wantCode(t, "a loop", code, 60015)
}

func TestWritersGrowTheirFileUntilTheyAreClosed(t *testing.T) {
	f, dir := held(t, func(p *policy.Policy) { p.FS.MaxWriteBytes = 10 })
	plain, code := f.StreamOpenWrite("out/plain", flags(over))
	wantCode(t, "open", code, 0)
	kept, code := f.StreamOpenWrite("out/kept", flags(over|atomic))
	wantCode(t, "open", code, 0)
	undone, code := f.StreamOpenWrite("out/new/undone", flags(parents|over|atomic))
	wantCode(t, "open", code, 0)
	if plain != 1 || kept != 2 || undone != 3 {
		t.Errorf("handles %d %d %d", plain, kept, undone)
	}
	for _, h := range []int32{plain, kept, undone} {
		if n, code := f.StreamWriteAll(h, []byte("12345")); n != 5 || code != 0 {
			t.Error(n, code)
		}
	}
	if n, code := f.StreamWriteAll(plain, []byte("67890")); n != 5 || code != 0 {
		t.Error(n, code)
	}
	_, code = f.StreamWriteAll(plain, []byte("x"))
	wantCode(t, "past the limit", code, 60016)
	if got := names(t, dir+"/out"); got != "kept.x07_tmp_0 new plain" {
		t.Errorf("before closing: %s", got)
	}
	if n, code := f.StreamClose(kept); n != 1 || code != 0 {
		t.Error(n, code)
	}
	if n, code := f.StreamClose(kept); n != 1 || code != 0 {
		t.Error("closing again:", n, code)
	}
	_, code = f.StreamWriteAll(kept, nil)
	wantCode(t, "write after close", code, 60005)
	for _, h := range []int32{plain, kept, undone, undone, 0, -1, 99} {
		if f.StreamDrop(h) != 1 {
			t.Error("drop", h)
		}
	}
	_, code = f.StreamClose(kept)
	wantCode(t, "close after drop", code, 60005)
	if get(t, dir+"/out/kept") != "12345" || get(t, dir+"/out/plain") != "1234567890" || names(t, dir+"/out/new") != "" {
		t.Errorf("after: %s, %s", names(t, dir+"/out"), names(t, dir+"/out/new"))
	}
	for path, want := range map[string]int32{"out": 60013, "out/plain": 60011, "out/none/x": 60010} {
		_, code = f.StreamOpenWrite(path, flags(0))
		wantCode(t, "open "+path, code, want)
		_, code = f.StreamOpenWrite(path, flags(atomic))
		wantCode(t, "open atomic "+path, code, want)
	}
	if h, code := f.StreamOpenWrite("out/again", flags(0)); h != 1 || code != 0 {
		t.Errorf("the lowest free handle: %d, %d", h, code)
	}
}

func TestClosingDropsOpenWriters(t *testing.T) {
	f, dir := held(t, nil)
	f.StreamOpenWrite("out/a", flags(atomic))
	f.StreamOpenWrite("out/b", flags(0))
	if leaked := f.Close(); leaked != 2 {
		t.Errorf("leaked %d", leaked)
	}
	if got := names(t, dir+"/out"); got != "b" {
		t.Errorf("left %s", got)
	}
}

func TestARootMayBeASingleFile(t *testing.T) {
	f, dir := held(t, func(p *policy.Policy) {
		p.FS.ReadRoots = []string{"conf.json"}
		p.FS.WriteRoots = []string{"log.txt", "later.txt"}
	})
	put(t, dir+"/conf.json", "{}")
	put(t, dir+"/log.txt", "old")
	put(t, dir+"/secret", "s")
	if data, code := f.ReadAll(ctx, "conf.json", flags(0)); code != 0 || string(data) != "{}" {
		t.Error(data, code)
	}
	for path, want := range map[string]int32{"conf.json/x": 60015, "secret": 60001} {
		_, code := f.ReadAll(ctx, path, flags(0))
		wantCode(t, path, code, want)
	}
	for _, path := range []string{"log.txt", "later.txt"} {
		if _, code := f.WriteAll(ctx, path, []byte("new"), flags(over|atomic)); code != 0 {
			t.Error(path, code)
		}
		if get(t, dir+"/"+path) != "new" {
			t.Error(path, "has", get(t, dir+"/"+path))
		}
	}
	// The file becomes a link to what the root does not cover.
	os.Remove(dir + "/log.txt")
	link(t, "secret", dir+"/log.txt")
	_, code := f.WriteAll(ctx, "log.txt", []byte("new"), flags(over))
	wantCode(t, "through a link", code, 60001)
	if get(t, dir+"/secret") != "s" {
		t.Error("the secret was overwritten")
	}
}

func TestARootMayAppearLater(t *testing.T) {
	f, dir := held(t, func(p *policy.Policy) {
		p.FS.ReadRoots = []string{"a/new"}
		p.FS.WriteRoots = []string{"a/new"}
	})
	_, code := f.ReadAll(ctx, "a/new/x", flags(0))
	wantCode(t, "before", code, 60010)
	_, code = f.WriteAll(ctx, "a/new/x", nil, flags(0))
	wantCode(t, "without parents", code, 60010)
	// A link in its place must not redirect the root.
	os.Mkdir(dir+"/a", 0o755)
	link(t, "../in", dir+"/a/new")
	_, code = f.WriteAll(ctx, "a/new/x", []byte("x"), flags(parents))
	wantCode(t, "through a link", code, 60001)
	os.Remove(dir + "/a/new")
	if _, code = f.WriteAll(ctx, "a/new/x", []byte("x"), flags(parents)); code != 0 {
		t.Fatal(code)
	}
	if data, code := f.ReadAll(ctx, "a/new/x", flags(0)); code != 0 || string(data) != "x" {
		t.Error(data, code)
	}
}

func TestSwappingALinkWhileItIsUsedNeverLeavesTheRoot(t *testing.T) {
	f, dir := held(t, nil)
	put(t, dir+"/secret", "SECRET")
	put(t, dir+"/out/good/x", "good")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			os.Remove(dir + "/out/d")
			os.Symlink("good", dir+"/out/d")
			os.Remove(dir + "/out/d")
			os.Symlink("..", dir+"/out/d")
		}
	}()
	for range 3000 {
		for _, path := range []string{"out/d/x", "out/d/secret"} {
			if data, code := f.ReadAll(ctx, path, flags(0)); code == 0 && string(data) == "SECRET" {
				t.Fatalf("read %q", data)
			}
			f.WriteAll(ctx, "out/d/secret", []byte("gotcha"), flags(over))
		}
	}
	close(stop)
	<-done
	if get(t, dir+"/secret") != "SECRET" {
		t.Error("the secret was overwritten")
	}
}

func TestReadingAPipeStopsWithTheRun(t *testing.T) {
	f, dir := open(t)
	if err := syscall.Mkfifo(dir+"/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, code := f.ReadAll(over, "fifo", flags(0)); code != 60015 {
		t.Errorf("code %d", code)
	}
	// Let the abandoned reader go.
	w, err := os.OpenFile(dir+"/fifo", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}

func TestFixtureHeadsWorkOnRealFilesWithinTheirRule(t *testing.T) {
	f, dir := open(t)
	g, held := held(t, func(p *policy.Policy) { p.FS.DenyHidden = true })
	for _, root := range []string{dir, held} {
		put(t, root+"/in/b", "text")
		put(t, root+"/in/a/x", "")
		put(t, root+"/in/.x07_fs/latency.evfslat", "")
		put(t, root+"/secret/x", "s")
	}
	for _, w := range []*fs.FS{f, g} {
		if data, err := w.Read(ctx, "fs.read", "in/b"); err != nil || string(data) != "text" {
			t.Errorf("%q, %v", data, err)
		}
		if names, err := w.ListNames("in"); err != nil || string(names) != "a\nb\n" {
			t.Errorf("%q, %v", names, err)
		}
		if names, err := w.ListNames("in/none"); err == nil || err.Error() != "fs.list_dir open failed" {
			t.Errorf("%q, %v", names, err)
		}
		for _, path := range []string{"", "/etc", "in/", "./in", "in/..", "in/.x07_fs/latency.evfslat", "in\x00"} {
			_, err := w.Read(ctx, "fs.read", path)
			wantTrap(t, err, "fs.read unsafe path")
			_, err = w.Read(ctx, "fs.open_read", path)
			wantTrap(t, err, "fs.open_read unsafe path")
			_, err = w.ListNames(path)
			wantTrap(t, err, "fs.list_dir unsafe path")
		}
		_, err := w.Read(ctx, "fs.read", "in/none")
		wantTrap(t, err, "fs.read open failed")
		_, err = w.Read(ctx, "fs.open_read", "in")
		wantTrap(t, err, "fs.open_read open failed")
	}
	_, err := g.Read(ctx, "fs.read", "secret/x")
	wantTrap(t, err, "fs.read open failed")
	_, err = g.ListNames("secret")
	wantTrap(t, err, "fs.list_dir open failed")
}

func TestEveryEffectIsAudited(t *testing.T) {
	var log bytes.Buffer
	audit := policy.NewAudit(&log)
	dir := t.TempDir()
	p := &policy.Policy{FS: policy.FS{Enabled: true, ReadRoots: []string{"."}}, Threads: policy.Threads{Enabled: true, MaxBlocking: 1}}
	f := fs.New(effect.Door{Gate: policy.FromPolicy(p, policy.Options{WorkDir: dir}), Audit: audit}, dir)
	defer f.Close()
	put(t, dir+"/a", "hello")
	f.ReadAll(ctx, "a", flags(0))
	f.ReadAll(ctx, "none", flags(0))
	f.WriteAll(ctx, "b", nil, flags(0))
	if err := audit.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	for i, want := range []string{`"decision":"allow"`, `"code":60010`, `"decision":"deny"`} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Fatalf("line %d lacks %s in\n%s", i, want, log.String())
		}
	}
	if !strings.Contains(lines[0], `"bytes":5`) || !strings.Contains(lines[2], `"field":"fs.write_roots"`) {
		t.Errorf("log\n%s", log.String())
	}
}

func BenchmarkReadFile4K(b *testing.B) {
	dir := b.TempDir()
	os.WriteFile(dir+"/x", make([]byte, 4096), 0o644)
	p := &policy.Policy{FS: policy.FS{Enabled: true, ReadRoots: []string{"."}}, Threads: policy.Threads{Enabled: true, MaxBlocking: 1}}
	b.Run("go", func(b *testing.B) {
		for b.Loop() {
			if _, err := os.ReadFile(dir + "/x"); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, gate := range map[string]*policy.Gate{"run-os": policy.AllowAll(), "policy": policy.FromPolicy(p, policy.Options{WorkDir: dir})} {
		f := fs.New(effect.Door{Gate: gate}, dir)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := f.ReadFile(ctx, "x"); err != nil {
					b.Fatal(err)
				}
			}
		})
		f.Close()
	}
}

func FuzzCalls(f *testing.F) {
	dir := f.TempDir()
	os.Mkdir(dir+"/root", 0o755)
	os.WriteFile(dir+"/secret", []byte("SECRET"), 0o644)
	p := &policy.Policy{FS: policy.FS{
		Enabled: true, ReadRoots: []string{"root"}, WriteRoots: []string{"root"},
		AllowMkdir: true, AllowRename: true, AllowWalk: true, AllowGlob: true, AllowSymlinks: true,
	}, Threads: policy.Threads{Enabled: true, MaxBlocking: 1}}
	w := fs.New(effect.Door{Gate: policy.FromPolicy(p, policy.Options{WorkDir: dir})}, dir)
	f.Add("root/a", "**/*", flags(31))
	f.Add("root/../secret", "[a-", flags(0))
	f.Add("root", "{a,{b,c}}", caps(1, 1, 1, 1, 0xffffffff))
	f.Fuzz(func(t *testing.T, path, glob string, doc []byte) {
		data, code := w.ReadAll(ctx, path, doc)
		if code == 0 && bytes.Contains(data, []byte("SECRET")) {
			t.Fatalf("read the secret through %q", path)
		}
		if len(path) < 200 {
			w.WriteAll(ctx, path, []byte("x"), doc)
		}
		w.WalkGlob(ctx, path, []byte(glob), doc)
		if got, err := os.ReadFile(dir + "/secret"); err != nil || string(got) != "SECRET" {
			t.Fatalf("the secret is %q, %v", got, err)
		}
	})
}
