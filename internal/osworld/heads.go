package osworld

import (
	"x07/internal/engine"
	"x07/internal/osworld/clock"
)

// The functions below bind heads to capabilities. Each takes its arguments in
// the order of the head's parameters and hands its result over in the form of
// the head's type; what a head means is said where it is implemented.

// text is the next argument as a string of its own.
func text(c *engine.Call) string { return string(c.Bytes()) }

// num is the next argument as a signed number.
func num(c *engine.Call) int32 { return int32(c.I32()) }

// trapOn ends the run when err is set.
func trapOn(c *engine.Call, err error) {
	if err != nil {
		c.Trap(err.Error())
	}
}

func retBytes(c *engine.Call, data []byte, err error) {
	trapOn(c, err)
	c.RetBytes(data)
}

func retNum(c *engine.Call, n int32, err error) {
	trapOn(c, err)
	c.Ret(uint32(n))
}

func retResult(c *engine.Call, n, code int32) {
	if code != 0 {
		c.RetErr(uint32(code))
		return
	}
	c.RetOK(uint32(n))
}

func retResultBytes(c *engine.Call, data []byte, code int32) {
	if code != 0 {
		c.RetErr(uint32(code))
		return
	}
	c.RetOKBytes(data)
}

func (w *World) fileHeads() engine.HostTable {
	f := w.files
	read := func(head string) engine.HostFunc {
		return func(c *engine.Call) {
			data, err := f.Read(c.Ctx, head, text(c))
			retBytes(c, data, err)
		}
	}
	return engine.HostTable{
		"fs.read":       read("fs.read"),
		"fs.read_async": read("fs.read"),
		"fs.open_read":  read("fs.open_read"), // the engine's side makes a reader of the bytes
		"fs.list_dir": func(c *engine.Call) {
			data, err := f.ListNames(text(c))
			retBytes(c, data, err)
		},
		"os.fs.read_file": func(c *engine.Call) {
			data, err := f.ReadFile(c.Ctx, text(c))
			retBytes(c, data, err)
		},
		"os.fs.write_file": func(c *engine.Call) {
			n, err := f.WriteFile(c.Ctx, text(c), c.Bytes())
			retNum(c, n, err)
		},
		"os.fs.read_all_v1": func(c *engine.Call) {
			data, code := f.ReadAll(c.Ctx, text(c), c.Bytes())
			retResultBytes(c, data, code)
		},
		"os.fs.write_all_v1": func(c *engine.Call) {
			n, code := f.WriteAll(c.Ctx, text(c), c.Bytes(), c.Bytes())
			retResult(c, n, code)
		},
		"os.fs.append_all_v1": func(c *engine.Call) {
			n, code := f.AppendAll(c.Ctx, text(c), c.Bytes(), c.Bytes())
			retResult(c, n, code)
		},
		"os.fs.mkdirs_v1": func(c *engine.Call) {
			n, code := f.Mkdirs(text(c), c.Bytes())
			retResult(c, n, code)
		},
		"os.fs.remove_file_v1": func(c *engine.Call) {
			n, code := f.RemoveFile(text(c), c.Bytes())
			retResult(c, n, code)
		},
		"os.fs.remove_dir_all_v1": func(c *engine.Call) {
			n, code := f.RemoveDirAll(text(c), c.Bytes())
			retResult(c, n, code)
		},
		"os.fs.rename_v1": func(c *engine.Call) {
			n, code := f.Rename(text(c), text(c), c.Bytes())
			retResult(c, n, code)
		},
		"os.fs.list_dir_sorted_text_v1": func(c *engine.Call) {
			data, code := f.ListDir(text(c), c.Bytes())
			retResultBytes(c, data, code)
		},
		"os.fs.walk_glob_sorted_text_v1": func(c *engine.Call) {
			data, code := f.WalkGlob(c.Ctx, text(c), c.Bytes(), c.Bytes())
			retResultBytes(c, data, code)
		},
		"os.fs.stat_v1": func(c *engine.Call) {
			data, code := f.Stat(text(c), c.Bytes())
			retResultBytes(c, data, code)
		},
		"os.fs.stream_open_write_v1": func(c *engine.Call) {
			n, code := f.StreamOpenWrite(text(c), c.Bytes())
			retResult(c, n, code)
		},
		"os.fs.stream_write_all_v1": func(c *engine.Call) {
			n, code := f.StreamWriteAll(num(c), c.Bytes())
			retResult(c, n, code)
		},
		"os.fs.stream_close_v1": func(c *engine.Call) {
			n, code := f.StreamClose(num(c))
			retResult(c, n, code)
		},
		"os.fs.stream_drop_v1": func(c *engine.Call) { c.Ret(uint32(f.StreamDrop(num(c)))) },
	}
}

func (w *World) envHeads() engine.HostTable {
	return engine.HostTable{
		"os.env.get": func(c *engine.Call) {
			data, err := w.env.Get(text(c))
			retBytes(c, data, err)
		},
	}
}

func (w *World) timeHeads() engine.HostTable {
	table := tzdbHeads(w.tzdb)
	table["os.time.now_unix_ms"] = func(c *engine.Call) {
		ms, err := w.clock.NowUnixMs()
		retNum(c, ms, err)
	}
	table["os.time.now_instant_v1"] = func(c *engine.Call) { c.RetBytes(w.clock.NowInstant()) }
	table["os.time.sleep_ms_v1"] = func(c *engine.Call) { c.Ret(uint32(w.clock.SleepMs(c.Ctx, num(c)))) }
	table["os.time.local_tzid_v1"] = func(c *engine.Call) { c.RetBytes(w.clock.LocalTZID()) }
	return table
}

func tzdbHeads(db *clock.TZDB) engine.HostTable {
	return engine.HostTable{
		"os.time.tzdb_is_valid_tzid_v1":   func(c *engine.Call) { c.Ret(uint32(db.IsValid(text(c)))) },
		"os.time.tzdb_offset_duration_v1": func(c *engine.Call) { c.RetBytes(db.Offset(text(c), num(c), num(c))) },
		"os.time.tzdb_snapshot_id_v1":     func(c *engine.Call) { c.RetBytes(db.SnapshotID()) },
	}
}

func (w *World) streamHeads() engine.HostTable {
	s := w.streams
	return engine.HostTable{
		"os.stdio.read_line_v1": func(c *engine.Call) {
			data, code := s.ReadLine(c.Ctx, c.Bytes())
			retResultBytes(c, data, code)
		},
		"os.stdio.write_stdout_v1": func(c *engine.Call) {
			n, code := s.WriteStdout(c.Bytes(), c.Bytes())
			retResult(c, n, code)
		},
		"os.stdio.write_stderr_v1": func(c *engine.Call) {
			n, code := s.WriteStderr(c.Bytes(), c.Bytes())
			retResult(c, n, code)
		},
		"os.stdio.flush_stdout_v1": func(c *engine.Call) {
			n, code := s.FlushStdout()
			retResult(c, n, code)
		},
		"os.stdio.flush_stderr_v1": func(c *engine.Call) {
			n, code := s.FlushStderr()
			retResult(c, n, code)
		},
	}
}

func (w *World) randomHeads() engine.HostTable {
	return engine.HostTable{
		"os.rand.bytes_v1": func(c *engine.Call) {
			data, code := w.random.Bytes(num(c), c.Bytes())
			retResultBytes(c, data, code)
		},
		"os.rand.u64_v1": func(c *engine.Call) {
			data, code := w.random.U64(c.Bytes())
			retResultBytes(c, data, code)
		},
	}
}

func (w *World) processHeads() engine.HostTable {
	p := w.procs
	join := func(c *engine.Call) {
		data, err := p.JoinCapture(c.Ctx, num(c))
		retBytes(c, data, err)
	}
	joinExit := func(c *engine.Call) {
		n, err := p.JoinExit(c.Ctx, num(c))
		retNum(c, n, err)
	}
	return engine.HostTable{
		"os.process.exit": func(c *engine.Call) {
			code := num(c)
			d := w.door.Gate.ProcessExit()
			if !d.Allowed {
				trapOn(c, w.door.Refused(d))
			}
			w.door.Done(d, 0, w.door.Start(), 0)
			c.Exit(int(code & 255))
		},
		"os.process.run_capture_v1": func(c *engine.Call) {
			data, err := p.RunCapture(c.Ctx, c.Bytes(), c.Bytes())
			retBytes(c, data, err)
		},
		"os.process.spawn_capture_v1": func(c *engine.Call) {
			h, err := p.SpawnCapture(c.Bytes(), c.Bytes())
			retNum(c, h, err)
		},
		"os.process.spawn_piped_v1": func(c *engine.Call) {
			h, err := p.SpawnPiped(c.Bytes(), c.Bytes())
			retNum(c, h, err)
		},
		"os.process.try_join_capture_v1": func(c *engine.Call) {
			data, done, err := p.TryJoinCapture(num(c))
			trapOn(c, err)
			if !done {
				c.RetNone()
				return
			}
			c.RetSome(data)
		},
		"os.process.join_capture_v1":     join,
		"std.os.process.join_capture_v1": join,
		"os.process.stdout_read_v1": func(c *engine.Call) {
			data, err := p.StdoutRead(num(c), num(c))
			retBytes(c, data, err)
		},
		"os.process.stderr_read_v1": func(c *engine.Call) {
			data, err := p.StderrRead(num(c), num(c))
			retBytes(c, data, err)
		},
		"os.process.stdin_write_v1": func(c *engine.Call) {
			n, err := p.StdinWrite(num(c), c.Bytes())
			retNum(c, n, err)
		},
		"os.process.stdin_close_v1": func(c *engine.Call) {
			n, err := p.StdinClose(num(c))
			retNum(c, n, err)
		},
		"os.process.try_wait_v1": func(c *engine.Call) {
			n, err := p.TryWait(num(c))
			retNum(c, n, err)
		},
		"os.process.join_exit_v1":     joinExit,
		"std.os.process.join_exit_v1": joinExit,
		"os.process.take_exit_v1": func(c *engine.Call) {
			n, err := p.TakeExit(num(c))
			retNum(c, n, err)
		},
		"os.process.kill_v1": func(c *engine.Call) {
			n, err := p.Kill(num(c), num(c))
			retNum(c, n, err)
		},
		"os.process.drop_v1": func(c *engine.Call) {
			n, err := p.Drop(num(c))
			retNum(c, n, err)
		},
	}
}
