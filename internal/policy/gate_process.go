package policy

import "strings"

// procRules are the compiled lists of the process section.
type procRules struct {
	execs    map[string]struct{}
	prefixes []string
	args     []pattern
	envKeys  map[string]struct{}
}

func (g *Gate) compileProcess(p *Process) procRules {
	r := procRules{execs: make(map[string]struct{}, len(p.AllowExecs)), envKeys: make(map[string]struct{}, len(p.AllowEnvKeys))}
	for _, item := range p.AllowExecs {
		if text := trimItem(item); text != "" {
			r.execs[g.absolute(text)] = struct{}{}
		}
	}
	for _, item := range p.AllowExecPrefixes {
		if text := trimItem(item); text != "" {
			r.prefixes = append(r.prefixes, g.absolute(text))
		}
	}
	for _, item := range p.AllowArgsRegexLite {
		// Blanks around an item never counted, but one that the pattern escapes does.
		compiled, err := compilePattern(trimItem(item))
		if err != nil {
			compiled, err = compilePattern(item)
		}
		if err == nil {
			r.args = append(r.args, compiled)
		}
	}
	for _, item := range p.AllowEnvKeys {
		r.envKeys[trimItem(item)] = struct{}{}
	}
	return r
}

func spawnDenied(target, field string, fix patch) Decision {
	return refuse(OpProcSpawn, target, Denied, field, procDenied, fix)
}

// ProcessCount is the first step of a spawn: spawns is how many were started so
// far. A refusal gives the program the sentinel handle of code 1.
func (g *Gate) ProcessCount(spawns int) Decision {
	if !g.open && g.p.Process.MaxSpawns != 0 && uint64(spawns) >= g.p.Process.MaxSpawns {
		d := spawnDenied("", "process.max_spawns", raise(spawns+1, 1024))
		d.Class = Exhausted
		return d
	}
	return allow(OpProcSpawn, "", "process.max_spawns")
}

// ProcessEnabled is the second step: the switches. Starting a child needs
// allow_exec too, since it runs an executable. When it is allowed the spawn
// counts for ProcessCount, also if it fails later.
func (g *Gate) ProcessEnabled() Decision {
	switch {
	case g.open:
	case !g.p.Process.Enabled:
		d := spawnDenied("", "process.enabled", turnOn)
		d.Class = Disabled
		return d
	case !g.p.Process.AllowSpawn:
		return spawnDenied("", "process.allow_spawn", turnOn)
	case !g.p.Process.AllowExec:
		return spawnDenied("", "process.allow_exec", turnOn)
	}
	return allow(OpProcSpawn, "", "process.allow_spawn")
}

// ProcessLive is the third step: live is how many children are running.
func (g *Gate) ProcessLive(live int) Decision {
	if !g.open && g.p.Process.MaxLive != 0 && uint64(live) >= g.p.Process.MaxLive {
		d := spawnDenied("", "process.max_live", raise(live+1, 1024))
		d.Class = Exhausted
		return d
	}
	return allow(OpProcSpawn, "", "process.max_live")
}

// ProcessCaps is what a spawn's capability document asks for: milliseconds and
// bytes, 0 for "whatever is allowed".
type ProcessCaps struct {
	TimeoutMs, StdoutBytes, StderrBytes, TotalBytes uint64
}

// ProcessCaps decides the capabilities and returns those in force: a zero
// timeout becomes max_runtime_ms, a zero total stdout plus stderr. Asking for
// more than the policy has is refused, not narrowed.
func (g *Gate) ProcessCaps(c ProcessCaps) (ProcessCaps, Decision) {
	if c.TotalBytes == 0 {
		c.TotalBytes = c.StdoutBytes + c.StderrBytes
	}
	if g.open {
		return c, allow(OpProcSpawn, "", "")
	}
	p := &g.p.Process
	if p.MaxRuntimeMs != 0 && c.TimeoutMs == 0 {
		c.TimeoutMs = p.MaxRuntimeMs
	}
	for _, row := range [...]struct {
		field     string
		got, most uint64
		ceiling   uint64
	}{
		{"process.max_runtime_ms", c.TimeoutMs, p.MaxRuntimeMs, 600000},
		{"process.max_stdout_bytes", c.StdoutBytes, p.MaxStdoutBytes, 268435456},
		{"process.max_stderr_bytes", c.StderrBytes, p.MaxStderrBytes, 268435456},
		{"process.max_total_bytes", c.TotalBytes, p.MaxTotalBytes, 536870912},
	} {
		if row.most != 0 && row.got > row.most {
			d := spawnDenied("", row.field, raise(row.got, row.ceiling))
			d.Class = TooLarge
			return c, d
		}
	}
	return c, allow(OpProcSpawn, "", "process.max_runtime_ms")
}

// ProcessArgs decides how many arguments a spawn has, argv[0] included.
func (g *Gate) ProcessArgs(n int) Decision {
	return g.spawnCeiling("", "process.max_args", uint64(n), func(p *Process) uint64 { return p.MaxArgs }, 1024)
}

// ProcessArg decides argument i.
func (g *Gate) ProcessArg(i int, arg string) Decision {
	if d := g.spawnCeiling(arg, "process.max_arg_bytes", uint64(len(arg)), func(p *Process) uint64 { return p.MaxArgBytes }, 1048576); !d.Allowed {
		return d
	}
	const field = "process.allow_args_regex_lite"
	if g.open || i == 0 || len(g.p.Process.AllowArgsRegexLite) == 0 {
		return allow(OpProcSpawn, arg, field)
	}
	for k := range g.proc.args {
		if g.proc.args[k].match(arg) {
			return allow(OpProcSpawn, arg, field)
		}
	}
	fix := patch{}
	if text := quotePattern(arg); arg != "" && len(text) <= 256 && !strings.Contains(text, ";") {
		fix = appendTo(len(g.p.Process.AllowArgsRegexLite), text)
	}
	return spawnDenied(arg, field, fix)
}

// quotePattern writes the pattern that matches arg alone.
func quotePattern(arg string) string {
	return strings.NewReplacer(`\`, `\\`, ".", `\.`, "*", `\*`).Replace(arg)
}

// ProcessExe decides argv[0], and returns the absolute cleaned path that was
// matched: this is the file to run. In run-os it is argv[0] as given. An empty
// argv[0] is an invalid request (code 2).
func (g *Gate) ProcessExe(argv0 string) (exe string, d Decision) {
	if argv0 == "" {
		return "", refuse(OpProcSpawn, "", Invalid, "", procInvalid, patch{})
	}
	if g.open {
		return argv0, allow(OpProcSpawn, argv0, "")
	}
	if d := g.spawnCeiling(argv0, "process.max_exe_bytes", uint64(len(argv0)), func(p *Process) uint64 { return p.MaxExeBytes }, 1048576); !d.Allowed {
		return "", d
	}
	exe = g.absolute(argv0)
	if _, ok := g.proc.execs[exe]; ok {
		return exe, allow(OpProcSpawn, exe, "process.allow_execs")
	}
	for _, prefix := range g.proc.prefixes {
		if _, ok := below(prefix, exe); ok {
			return exe, allow(OpProcSpawn, exe, "process.allow_exec_prefixes")
		}
	}
	grant := exe
	if rel, ok := below(g.workDir, exe); ok {
		grant = rel
	}
	fix := patch{}
	if !strings.Contains(grant, ";") {
		fix = appendTo(len(g.p.Process.AllowExecs), grant)
	}
	return "", spawnDenied(exe, "process.allow_execs", fix)
}

// ProcessEnvCount decides how many variables a child is given.
func (g *Gate) ProcessEnvCount(n int) Decision {
	return g.spawnCeiling("", "process.max_env", uint64(n), func(p *Process) uint64 { return p.MaxEnv }, 1024)
}

// ProcessEnv decides one variable of a child: sizes, then an empty key (an
// invalid request, code 2), then the key.
func (g *Gate) ProcessEnv(key string, valueBytes int) Decision {
	if d := g.spawnCeiling(key, "process.max_env_key_bytes", uint64(len(key)), func(p *Process) uint64 { return p.MaxEnvKeyBytes }, 4096); !d.Allowed {
		return d
	}
	if d := g.spawnCeiling(key, "process.max_env_val_bytes", uint64(valueBytes), func(p *Process) uint64 { return p.MaxEnvValBytes }, 1048576); !d.Allowed {
		return d
	}
	const field = "process.allow_env_keys"
	if key == "" {
		return refuse(OpProcEnv, "", Invalid, "", procInvalid, patch{})
	}
	if g.open {
		return allow(OpProcEnv, key, "")
	}
	if _, ok := g.proc.envKeys[key]; !ok {
		return refuse(OpProcEnv, key, Denied, field, procDenied, appendTo(len(g.p.Process.AllowEnvKeys), key))
	}
	return allow(OpProcEnv, key, field)
}

// ProcessCwd decides a child's working directory, which the caller then looks
// for below each of the CwdRoots in turn. An empty one is the program's own.
func (g *Gate) ProcessCwd(dir string) Decision {
	if g.open || dir == "" {
		return allow(OpProcCwd, dir, "")
	}
	switch {
	case !g.p.Process.AllowCwd:
		return refuse(OpProcCwd, dir, Denied, "process.allow_cwd", procDenied, turnOn)
	case len(g.cwdRoots) == 0:
		return refuse(OpProcCwd, dir, Denied, "process.allow_cwd_roots", procDenied, appendTo(0, "."))
	case !safePath(dir):
		return refuse(OpProcCwd, dir, BadPath, "", procDenied, patch{})
	case g.p.FS.DenyHidden && hasHidden(dir):
		return refuse(OpProcCwd, dir, Hidden, "fs.deny_hidden", procDenied, setTo(false))
	}
	return allow(OpProcCwd, dir, "process.allow_cwd_roots")
}

// ProcessStdin decides the input that a spawn hands over, in bytes.
func (g *Gate) ProcessStdin(n uint64) Decision {
	return g.spawnCeiling("", "process.max_stdin_bytes", n, func(p *Process) uint64 { return p.MaxStdinBytes }, 268435456)
}

// ProcessStdinPending decides a later write: pending is what would be queued
// with it, in bytes. A refusal traps.
func (g *Gate) ProcessStdinPending(pending uint64) Decision {
	d := g.ProcessStdin(pending)
	d.Op = OpProcStdin
	if !d.Allowed {
		d.Code, d.Trap = 0, "os.process.stdin_write_v1 pending exceeds policy max_stdin_bytes"
	}
	return d
}

// ProcessExit decides os.process.exit. Denials trap.
func (g *Gate) ProcessExit() Decision {
	switch {
	case g.open:
		return allow(OpProcExit, "", "")
	case !g.p.Process.Enabled:
		return refuseTrap(OpProcExit, "", Disabled, "process.enabled", "os.process disabled by policy", turnOn)
	case !g.p.Process.AllowExit:
		return refuseTrap(OpProcExit, "", Denied, "process.allow_exit", "os.process.exit disabled by policy", turnOn)
	}
	return allow(OpProcExit, "", "process.allow_exit")
}

// ProcessKillOnDrop reports whether dropping a handle kills a running child.
func (g *Gate) ProcessKillOnDrop() bool { return g.open || g.p.Process.KillOnDrop }

// ProcessKillTree reports whether a child leads its own process group, which
// kills then reach as a whole.
func (g *Gate) ProcessKillTree() bool { return g.open || g.p.Process.KillTree }

func (g *Gate) spawnCeiling(target, field string, got uint64, most func(*Process) uint64, schemaMax uint64) Decision {
	if !g.open {
		if m := most(&g.p.Process); m != 0 && got > m {
			d := spawnDenied(target, field, raise(got, schemaMax))
			d.Class = TooLarge
			return d
		}
	}
	return allow(OpProcSpawn, target, field)
}
