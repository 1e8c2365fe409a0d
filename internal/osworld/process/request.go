package process

import (
	"bytes"
	"encoding/binary"
	"math"

	"x07/internal/osworld/effect"
	"x07/internal/policy"
)

// request is a decoded ProcReqV1 that the gate has allowed.
type request struct {
	exe   string // the file to run
	argv  []string
	env   []string
	cwd   string
	stdin []byte
	dec   policy.Decision // about the executable
	// also are the decisions about variables and working directory, for the audit.
	also []policy.Decision
}

const (
	maxArgs = 128
	maxEnv  = 256
)

// decodeCaps reads ProcCapsV1, 17 bytes or more, and asks the gate.
func (t *Table) decodeCaps(doc []byte) (policy.ProcessCaps, int32) {
	if len(doc) < 17 || doc[0] != 1 {
		return policy.ProcessCaps{}, codeInvalid
	}
	at := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(doc[i:])) }
	c := policy.ProcessCaps{StdoutBytes: at(1), StderrBytes: at(5), TimeoutMs: at(9), TotalBytes: at(13)}
	if c.TotalBytes == 0 {
		c.TotalBytes = min(c.StdoutBytes+c.StderrBytes, math.MaxUint32)
	}
	c, d := t.door.Gate.ProcessCaps(c)
	return c, t.refusal(d)
}

// refusal records a decision that is not allowed and returns its code.
func (t *Table) refusal(d policy.Decision) int32 {
	if d.Allowed {
		return 0
	}
	t.door.Refused(d)
	return d.Code
}

// fields reads a document from front to back. After a field that does not fit,
// ok is false and every further field is empty.
type fields struct {
	rest []byte
	ok   bool
}

func (f *fields) u8() byte {
	if !f.ok || len(f.rest) < 1 {
		f.ok = false
		return 0
	}
	v := f.rest[0]
	f.rest = f.rest[1:]
	return v
}

func (f *fields) u32() uint32 {
	if !f.ok || len(f.rest) < 4 {
		f.ok = false
		return 0
	}
	v := binary.LittleEndian.Uint32(f.rest)
	f.rest = f.rest[4:]
	return v
}

func (f *fields) bytes(n uint32) []byte {
	if !f.ok || uint64(len(f.rest)) < uint64(n) {
		f.ok = false
		return nil
	}
	v := f.rest[:n]
	f.rest = f.rest[n:]
	return v
}

func hasNUL(b []byte) bool { return bytes.IndexByte(b, 0) >= 0 }

// decodeRequest reads ProcReqV1 and asks the gate about each part as it is read.
// The error is a trap.
func (t *Table) decodeRequest(doc []byte) (request, int32, error) {
	var r request
	f := &fields{rest: doc, ok: true}
	if len(doc) < 6 || f.u8() != 1 || f.u8() != 0 {
		return r, codeInvalid, nil
	}
	for _, part := range []func(*fields, *request) (int32, error){t.decodeArgv, t.decodeEnv, t.decodeCwd, t.decodeStdin} {
		if code, err := part(f, &r); code != 0 || err != nil {
			return r, code, err
		}
	}
	if len(f.rest) != 0 {
		return r, codeInvalid, nil
	}
	return r, 0, nil
}

func (t *Table) decodeArgv(f *fields, r *request) (int32, error) {
	n := f.u32()
	if n == 0 || n > maxArgs {
		return codeInvalid, nil
	}
	if code := t.refusal(t.door.Gate.ProcessArgs(int(n))); code != 0 {
		return code, nil
	}
	for i := range int(n) {
		arg := f.bytes(f.u32())
		if !f.ok {
			return codeInvalid, nil
		}
		if code := t.refusal(t.door.Gate.ProcessArg(i, string(arg))); code != 0 {
			return code, nil
		}
		if hasNUL(arg) {
			return 0, effect.Trap("os.process.spawn_capture_v1 argv contains NUL")
		}
		r.argv = append(r.argv, string(arg))
	}
	r.exe, r.dec = t.door.Gate.ProcessExe(r.argv[0])
	return t.refusal(r.dec), nil
}

func (t *Table) decodeEnv(f *fields, r *request) (int32, error) {
	n := f.u32()
	if !f.ok || n > maxEnv {
		return codeInvalid, nil
	}
	if code := t.refusal(t.door.Gate.ProcessEnvCount(int(n))); code != 0 {
		return code, nil
	}
	for range n {
		key := f.bytes(f.u32())
		val := f.bytes(f.u32())
		if !f.ok {
			return codeInvalid, nil
		}
		d := t.door.Gate.ProcessEnv(string(key), len(val))
		if code := t.refusal(d); code != 0 {
			return code, nil
		}
		r.also = append(r.also, d)
		switch {
		case len(key) == 0:
			return codeInvalid, nil
		case hasNUL(key):
			return 0, effect.Trap("os.process.spawn_capture_v1 env key contains NUL")
		case hasNUL(val):
			return 0, effect.Trap("os.process.spawn_capture_v1 env val contains NUL")
		}
		r.env = append(r.env, string(key)+"="+string(val))
	}
	return 0, nil
}

func (t *Table) decodeCwd(f *fields, r *request) (int32, error) {
	cwd := f.bytes(f.u32())
	switch {
	case !f.ok:
		return codeInvalid, nil
	case hasNUL(cwd):
		return 0, effect.Trap("os.process.spawn_capture_v1 cwd contains NUL")
	}
	r.cwd = string(cwd)
	d := t.door.Gate.ProcessCwd(r.cwd)
	if r.cwd != "" {
		r.also = append(r.also, d)
	}
	return t.refusal(d), nil
}

func (t *Table) decodeStdin(f *fields, r *request) (int32, error) {
	n := f.u32()
	if !f.ok {
		return codeInvalid, nil
	}
	if code := t.refusal(t.door.Gate.ProcessStdin(uint64(n))); code != 0 {
		return code, nil
	}
	r.stdin = bytes.Clone(f.bytes(n))
	if !f.ok {
		return codeInvalid, nil
	}
	return 0, nil
}
