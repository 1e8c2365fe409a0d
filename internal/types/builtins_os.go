package types

import "strings"

// builtinsOS declares the heads of the operating-system worlds. Every one of
// them is a host function; package osworld implements those of files, the
// environment, time, processes, random numbers and standard streams.
//
// A head that takes bytes takes exactly bytes and consumes it. The Traps of a
// head are its own texts, the refusals of a policy included.
var builtinsOS = []Builtin{
	osHead("os.fs.read_file", Bytes, "the whole contents of a file; traps when it cannot be read",
		params("path", Bytes),
		"os.fs disabled by policy", trapBlocking, "os.fs.read_file unsafe path",
		"os.fs.read_file hidden path denied", "os.fs.read_file path contains NUL",
		"os.fs.read_file open failed", "os.fs.read_file seek failed", "os.fs.read_file tell failed",
		"os.fs.read_file file too large", "os.fs.read_file short read"),
	osHead("os.fs.write_file", I32, "creates or replaces a file; 0, or the errno of the platform",
		params("path", Bytes, "data", Bytes),
		"os.fs disabled by policy", trapBlocking, "os.fs.write_file unsafe path",
		"os.fs.write_file hidden path denied", "os.fs.write_file path contains NUL"),
	osHead("os.fs.read_all_v1", ResultBytes, "the contents of a file, or a file error code",
		params("path", Bytes, "caps", Bytes)),
	osHead("os.fs.write_all_v1", ResultI32, "writes a file as the caps flags say; the number of bytes, or a file error code",
		params("path", Bytes, "data", Bytes, "caps", Bytes)),
	osHead("os.fs.append_all_v1", ResultI32, "appends to a file, making it when it is missing; the number of bytes, or a file error code",
		params("path", Bytes, "data", Bytes, "caps", Bytes)),
	osHead("os.fs.mkdirs_v1", ResultI32, "makes a directory and its missing parents",
		params("path", Bytes, "caps", Bytes)),
	osHead("os.fs.remove_file_v1", ResultI32, "removes a file",
		params("path", Bytes, "caps", Bytes)),
	osHead("os.fs.remove_dir_all_v1", ResultI32, "removes a directory with everything in it",
		params("path", Bytes, "caps", Bytes)),
	osHead("os.fs.rename_v1", ResultI32, "renames a file or directory, replacing a file at the destination",
		params("src", Bytes, "dst", Bytes, "caps", Bytes)),
	osHead("os.fs.list_dir_sorted_text_v1", ResultBytes, "the sorted names in a directory, one a line",
		params("path", Bytes, "caps", Bytes)),
	osHead("os.fs.walk_glob_sorted_text_v1", ResultBytes, "the sorted paths of the files below root that match glob, one a line",
		params("root", Bytes, "glob", Bytes, "caps", Bytes)),
	osHead("os.fs.stat_v1", ResultBytes, "kind, size and modification time of a path, as 16 bytes",
		params("path", Bytes, "caps", Bytes)),
	osHead("os.fs.stream_open_write_v1", ResultI32, "opens a file for streaming writes; a writer handle",
		params("path", Bytes, "caps", Bytes)),
	osHead("os.fs.stream_write_all_v1", ResultI32, "writes data to a writer; its length",
		[]Param{{Name: "writer_handle", Type: I32}, {Name: "data", Type: BytesView, Mode: AnyView}}),
	osHead("os.fs.stream_close_v1", ResultI32, "closes a writer; an atomic one takes its name now",
		params("writer_handle", I32)),
	osHead("os.fs.stream_drop_v1", I32, "releases a writer; an atomic one that was not closed leaves no trace; 1",
		params("writer_handle", I32)),

	osHead("os.env.get", Bytes, "the value of an environment variable, empty when it is unset",
		params("key", Bytes),
		"os.env disabled by policy", "os.env.get key denied", "os.env.get key not allowed",
		"os.env.get key contains NUL", "os.env.get value too large"),

	osHead("os.time.now_unix_ms", I32, "the low 32 bits of the Unix time in milliseconds", nil,
		"os.time disabled by policy", "os.time.now_unix_ms disabled by policy", "os.time.now_unix_ms failed"),
	osHead("os.time.now_instant_v1", Bytes, "the wall clock as a Duration document since 1970-01-01 UTC", nil),
	osHead("os.time.sleep_ms_v1", I32, "sleeps at least ms milliseconds; 1, or 0 when it may not",
		params("ms", I32)),
	osHead("os.time.local_tzid_v1", Bytes, "the local time zone document; its id is empty", nil),
	pureHead("os.time.tzdb_is_valid_tzid_v1", I32, "1 when tzid is the exact name of an IANA zone or link",
		[]Param{{Name: "tzid", Type: BytesView, Mode: AnyView}}),
	pureHead("os.time.tzdb_offset_duration_v1", Bytes, "the offset of a zone east of UTC at an instant, as a Duration document",
		[]Param{{Name: "tzid", Type: BytesView, Mode: AnyView}, {Name: "unix_s_lo", Type: I32}, {Name: "unix_s_hi", Type: I32}}),
	pureHead("os.time.tzdb_snapshot_id_v1", Bytes, "the release of the time zone database, such as tzdb-2025b", nil),

	osHead("os.process.exit", Never, "ends the program at once with status code & 255",
		params("code", I32),
		"os.process disabled by policy", "os.process.exit disabled by policy"),
	osHead("os.process.run_capture_v1", Bytes, "runs a child process to its end; its result document",
		params("req", Bytes, "caps", Bytes), spawnTraps...),
	osHead("os.process.spawn_capture_v1", I32, "starts a child process whose output is collected; a handle",
		params("req", Bytes, "caps", Bytes), spawnTraps...),
	osHead("os.process.spawn_piped_v1", I32, "starts a child process with pipes; a handle",
		params("req", Bytes, "caps", Bytes), spawnTraps...),
	osHead("os.process.try_join_capture_v1", OptionBytes, "the result document of a captured child if it has finished",
		params("proc handle", I32),
		trapHandle, "os.process.try_join_capture_v1 invalid proc mode", trapTaken),
	osHead("os.process.join_capture_v1", Bytes, "waits for a captured child; its result document",
		params("proc handle", I32),
		trapHandle, "os.process.join_capture_v1 invalid proc mode", trapTaken),
	osHead("std.os.process.join_capture_v1", Bytes, "waits for a captured child; its result document",
		params("proc handle", I32),
		trapHandle, "os.process.join_capture_v1 invalid proc mode", trapTaken),
	osHead("os.process.stdout_read_v1", Bytes, "up to max bytes of a piped child's standard output, empty when there are none now",
		params("handle", I32, "max", I32),
		trapHandle, "os.process.stdout_read_v1 invalid proc mode"),
	osHead("os.process.stderr_read_v1", Bytes, "up to max bytes of a piped child's standard error, empty when there are none now",
		params("handle", I32, "max", I32),
		trapHandle, "os.process.stderr_read_v1 invalid proc mode"),
	osHead("os.process.stdin_write_v1", I32, "queues chunk for a piped child; 0 when its standard input is closed",
		params("handle", I32, "chunk", Bytes),
		trapHandle, "os.process.stdin_write_v1 invalid proc mode", "os.process.stdin_write_v1 pending overflow",
		"os.process.stdin_write_v1 pending exceeds policy max_stdin_bytes"),
	osHead("os.process.stdin_close_v1", I32, "closes a piped child's standard input and discards what was not sent",
		params("proc handle", I32),
		trapHandle, "os.process.stdin_close_v1 invalid proc mode"),
	osHead("os.process.try_wait_v1", I32, "1 when the child has exited",
		params("proc handle", I32), trapHandle),
	osHead("os.process.join_exit_v1", I32, "waits until the child has exited; 1",
		params("proc handle", I32), trapHandle),
	osHead("std.os.process.join_exit_v1", I32, "waits until the child has exited; 1",
		params("proc handle", I32), trapHandle),
	osHead("os.process.take_exit_v1", I32, "the exit code of a child, or minus a process error code",
		params("proc handle", I32),
		trapHandle, "os.process.take_exit_v1 before exit", "os.process.take_exit_v1 already taken"),
	osHead("os.process.kill_v1", I32, "sends a signal to a child; 1 when the system accepted it",
		params("proc_handle", I32, "sig", I32), trapHandle),
	osHead("os.process.drop_v1", I32, "ends and releases a child; 0 when the policy keeps it",
		params("proc handle", I32), trapHandle),

	osHead("os.stdio.read_line_v1", ResultBytes, "the next line of standard input without its end, or a stream error code",
		params("caps", Bytes)),
	osHead("os.stdio.write_stdout_v1", ResultI32, "writes to standard output; the number of bytes",
		params("data", Bytes, "caps", Bytes)),
	osHead("os.stdio.write_stderr_v1", ResultI32, "writes to standard error; the number of bytes",
		params("data", Bytes, "caps", Bytes)),
	osHead("os.stdio.flush_stdout_v1", ResultI32, "sends what standard output still holds; 0", nil),
	osHead("os.stdio.flush_stderr_v1", ResultI32, "sends what standard error still holds; 0", nil),

	osHead("os.rand.bytes_v1", ResultBytes, "n bytes of the system's random generator",
		params("n", I32, "caps", Bytes)),
	osHead("os.rand.u64_v1", ResultBytes, "8 bytes of the system's random generator",
		params("caps", Bytes)),

	cliHead("__internal.cli.compile_v1", ResultBytes, "the compiled form of a table of command-line rows", "spec"),
	cliHead("__internal.cli.parse_v1", Bytes, "what a command line holds, by a table in JSON", "spec", "argv"),
	cliHead("__internal.cli.parse_compiled_v1", Bytes, "what a command line holds, by a compiled table", "spec", "argv"),
	cliHead("__internal.cli.help_v1", Bytes, "the usage line of a table in either form", "spec"),

	osHead("os.net.http_request", Bytes, "reserved; always traps (use std.net.http)",
		params("req", Bytes),
		"os.net disabled by policy", "os.net.http_request disabled by policy",
		"os.net.allow_hosts required", "os.net.http_request not implemented"),
	dbHead("os.db.sqlite.open_v1"), dbHead("os.db.sqlite.query_v1"), dbHead("os.db.sqlite.exec_v1"), dbHead("os.db.sqlite.close_v1"),
	dbHead("os.db.pg.open_v1"), dbHead("os.db.pg.query_v1"), dbHead("os.db.pg.exec_v1"), dbHead("os.db.pg.close_v1"),
	dbHead("os.db.mysql.open_v1"), dbHead("os.db.mysql.query_v1"), dbHead("os.db.mysql.exec_v1"), dbHead("os.db.mysql.close_v1"),
	dbHead("os.db.redis.open_v1"), dbHead("os.db.redis.cmd_v1"), dbHead("os.db.redis.close_v1"),
}

const (
	trapBlocking = "os.threads.blocking disabled by policy"
	trapHandle   = "os.process invalid handle"
	trapTaken    = "os.process join already taken"
)

var spawnTraps = []string{
	"os.process handle overflow",
	"os.process.spawn_capture_v1 argv contains NUL",
	"os.process.spawn_capture_v1 env key contains NUL",
	"os.process.spawn_capture_v1 env val contains NUL",
	"os.process.spawn_capture_v1 cwd contains NUL",
	"os.process allow_args_regex_lite pattern too long",
	"os.process allow_args_regex_lite invalid pattern",
}

// osHead is the row of a head that only the OS worlds have.
func osHead(name string, result Type, doc string, ps []Param, traps ...string) Builtin {
	return Builtin{
		Name: name, Params: ps, Result: result, Gate: GateOS, Impl: Host,
		Yields: strings.Contains(name, "os.process.join_"), Shape: osShape(name, ps),
		Traps: traps, Allocates: result.IsOwned(), Doc: doc,
	}
}

// osShape names the arguments of an OS head as its errors do: types and names,
// in parentheses where there are several, and always for streams and random.
func osShape(name string, ps []Param) string {
	words := make([]string, len(ps))
	for i, p := range ps {
		words[i] = p.Type.Token() + " " + p.Name
	}
	shape := strings.Join(words, ", ")
	if len(ps) > 1 || len(ps) == 1 && (strings.HasPrefix(name, "os.stdio.") || strings.HasPrefix(name, "os.rand.")) {
		shape = "(" + shape + ")"
	}
	return shape
}

// pureHead is the row of a head that is spelled os. but reads nothing of the
// operating system, and so exists in every world.
func pureHead(name string, result Type, doc string, ps []Param) Builtin {
	b := osHead(name, result, doc, ps)
	b.Gate = GateNone
	return b
}

// cliHead is the row of a head behind ext.cli: pure, and of views.
func cliHead(name string, result Type, doc string, views ...string) Builtin {
	b := pureHead(name, result, doc, nil)
	b.Internal = true
	for _, v := range views {
		b.Params = append(b.Params, Param{Name: v, Type: BytesView, Mode: AnyView})
	}
	return b
}

// dbHead is the row of a database head: two documents in, one out.
func dbHead(name string) Builtin {
	return osHead(name, Bytes, "one database operation; an X7DB response document", params("req", Bytes, "caps", Bytes))
}

// params pairs names with types, all taken by value.
func params(pairs ...any) []Param {
	ps := make([]Param, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		ps = append(ps, Param{Name: pairs[i].(string), Type: pairs[i+1].(Type)})
	}
	return ps
}
