package guest

import (
	"context"
	"io"
	"maps"
	"time"

	"x07/internal/artifact"
	"x07/internal/engine"
	"x07/internal/guest/wire"
	"x07/internal/hostlib"
	"x07/internal/osworld"
	"x07/internal/policy"
)

// Job says what Run runs, with what it may reach and within which limits.
type Job struct {
	Artifact *artifact.Artifact
	Input    []byte
	// World is the OS world around the program: gate, files, streams. Run
	// closes it.
	World osworld.Config
	// Limits; zero means the engine's default.
	Fuel           uint64
	MaxMemoryBytes uint64
	MaxOutputBytes uint64
	CPUTime        time.Duration
	Deadline       time.Time
	// CacheDir keeps machine code between runs; "" keeps none.
	CacheDir string
	// Code is machine code of the artifact from engine.CompileCode; may be nil.
	Code []byte
}

// Run runs a program in this process. What the program started is ended when
// Run returns.
func Run(ctx context.Context, job Job) engine.Result {
	world, err := osworld.New(job.World)
	if err != nil {
		return engine.Result{Err: err}
	}
	defer world.Close()
	table := world.HostTable()
	maps.Copy(table, hostlib.Table())
	return engine.Run(ctx, job.Artifact, engine.Config{
		Input:          job.Input,
		Host:           table,
		Env:            world,
		MaxMemoryBytes: job.MaxMemoryBytes,
		MaxOutputBytes: job.MaxOutputBytes,
		Fuel:           job.Fuel,
		CPUTime:        job.CPUTime,
		Deadline:       job.Deadline,
		CacheDir:       job.CacheDir,
		Code:           job.Code,
	})
}

// Answer runs a served job and makes its response and output.
func Answer(ctx context.Context, s Served) (wire.Response, []byte) {
	return AnswerWith(ctx, s, s.Code)
}

// AnswerWith is Answer with machine code of the served artifact, which the
// guest has from elsewhere than the host's stream.
func AnswerWith(ctx context.Context, s Served, code []byte) (wire.Response, []byte) {
	a, err := artifact.Decode(s.Artifact)
	if err != nil {
		return wire.Response{Error: err.Error()}, nil
	}
	req := s.Request
	var gate *policy.Gate
	if req.Policy != nil {
		p, err := policy.Load("policy", req.Policy)
		if err != nil {
			return wire.Response{Error: err.Error()}, nil
		}
		gate = policy.FromPolicy(p, policy.Options{WorkDir: req.Root})
	} else if req.World != "run-os" {
		return wire.Response{Error: "world " + req.World + " needs a policy"}, nil
	}
	var log io.Writer
	if s.Audit != nil {
		log = s.Audit
	}
	audit := policy.NewAudit(log)
	job := Job{
		Artifact: a,
		Code:     code,
		Input:    s.Input,
		World: osworld.Config{
			Gate:        gate,
			Audit:       audit,
			WorkDir:     req.Root,
			LookupEnv:   func(k string) (string, bool) { v, ok := req.Env[k]; return v, ok },
			Stdin:       s.Stdin,
			Stdout:      s.Stdout,
			Stderr:      s.Stderr,
			Network:     Network(s.Session.Open, gate),
			OwnsProcess: true,
		},
		Fuel:           req.Fuel,
		MaxMemoryBytes: req.MaxMemoryBytes,
		MaxOutputBytes: req.MaxOutputBytes,
		CPUTime:        time.Duration(req.CPUMillis) * time.Millisecond,
	}
	if req.WallMillis > 0 {
		job.Deadline = time.Now().Add(time.Duration(req.WallMillis) * time.Millisecond)
	}
	res := Run(ctx, job)
	resp := wire.Response{
		ExitCode: int32(res.ExitCode),
		Exited:   res.Exited,
		Stats:    res.Stats,
		CPU:      res.CPU,
		Wall:     res.Wall,
		Startup:  res.Startup,

		Precompiled: res.Precompiled,
	}
	if res.Err != nil {
		resp.Error = res.Err.Error()
	}
	if t := res.Trap; t != nil {
		resp.Trap = &wire.Trap{Message: t.Message, Module: t.Module, Func: t.Func, Ptr: t.Ptr, Status: t.Status}
	}
	resp.Denials, _ = audit.Denials()
	if err := audit.Close(); err != nil {
		resp.Notes = append(resp.Notes, err.Error())
	}
	return resp, res.Output
}
