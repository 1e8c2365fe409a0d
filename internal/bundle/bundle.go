// Package bundle makes self-contained executables of compiled programs. An
// artifact, limits, perhaps a policy, and the binaries of a target come in; one
// executable file, or a launcher and its sidecar directory, goes out, complete
// or not at all. Equal inputs give equal bytes: nothing of the machine, the
// time or the place is written. The package compiles no source and runs no
// program; package app is what its executables do when they start.
package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"x07/internal/artifact"
	"x07/internal/bundle/image"
	"x07/internal/bundle/sidecar"
	"x07/internal/engine"
	"x07/internal/sandbox"
)

// Options say what to bundle.
type Options struct {
	Artifact *artifact.Artifact
	// Kind is image.KindNative, image.KindPolicy or image.KindVM.
	Kind string
	// Name is the first word of the program's arguments.
	Name string
	// Compiler names the toolchain.
	Compiler string
	Limits   image.Limits
	// Policy is the policy document, for every kind but native.
	Policy []byte
	// Boundary is how a policy bundle is held: "os" or "none".
	Boundary string
	Target   Target
	// Binaries finds the binaries of the target.
	Binaries Binaries
}

// File is one file of a bundle. Path is relative to the executable: "" is the
// executable itself, others are below the sidecar directory.
type File struct {
	Path       string
	Data       []byte
	Executable bool
}

// Part is a part of a bundle's size, in bytes.
type Part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Bundle is a bundle in memory.
type Bundle struct {
	Kind   string
	Target Target
	// Files are the executable and then, for a VM bundle, the sidecar's files in
	// the order of their paths.
	Files []File
	// Manifest is the sidecar's manifest, nil for other kinds.
	Manifest *sidecar.Manifest
	// Parts say what the bundle's size is made of.
	Parts []Part
	// Precompiled says that machine code is part of it. Without, the program is
	// compiled at every start, which takes milliseconds.
	Precompiled bool
}

// Size is the size of all files in bytes.
func (b *Bundle) Size() int64 {
	var n int64
	for _, f := range b.Files {
		n += int64(len(f.Data))
	}
	return n
}

// Build makes a bundle in memory. Errors say what is missing and how to get it.
func Build(ctx context.Context, o Options) (*Bundle, error) {
	if o.Kind == image.KindVM && o.Target.OS != "linux" {
		return nil, fmt.Errorf("VM bundles are not supported on %s: the embedded guest kernel exists for linux (use --target linux/%s, or --sandbox-backend os --i-accept-weaker-isolation for a policy-only executable)", o.Target, o.Target.Arch)
	}
	runtime, err := o.Binaries.Read(Runtime, o.Target)
	if err != nil {
		return nil, err
	}
	encoded, err := o.Artifact.Encode()
	if err != nil {
		return nil, err
	}
	code, err := machineCode(ctx, o)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Kind: o.Kind, Target: o.Target, Precompiled: code != nil}
	head := image.Header{
		Kind: o.Kind, Name: o.Name, World: o.Artifact.Meta.World, Compiler: o.Compiler,
		Limits: o.Limits, Boundary: o.Boundary,
	}
	program := []image.Part{{Name: image.Artifact, Data: encoded}}
	if code != nil {
		program = append(program, image.Part{Name: image.Code, Data: code})
	}
	if o.Kind == image.KindVM {
		return b, b.addSidecar(o, head, runtime, program)
	}
	if o.Kind == image.KindPolicy {
		program = append(program, image.Part{Name: image.Policy, Data: o.Policy})
	}
	exe, err := image.Encode(runtime, head, program...)
	if err != nil {
		return nil, err
	}
	b.Files = []File{{Data: exe, Executable: true}}
	b.count(runtime, program)
	return b, nil
}

// addSidecar makes the launcher and the files next to it.
func (b *Bundle) addSidecar(o Options, head image.Header, runtime []byte, program []image.Part) error {
	kernel, err := o.Binaries.Read(Kernel, o.Target)
	if err != nil {
		return err
	}
	inside := head
	inside.Kind, inside.Limits = image.KindGuest, image.Limits{}
	payload, err := image.Encode(runtime, inside, program...)
	if err != nil {
		return err
	}
	files := []File{
		{Path: sidecar.Kernel, Data: kernel, Executable: true},
		{Path: sidecar.Payload, Data: payload, Executable: true},
		{Path: sidecar.Policy, Data: o.Policy},
	}
	m := &sidecar.Manifest{
		SchemaVersion: sidecar.Schema,
		Backend:       "auto",
		Platform:      sidecar.Platform{OS: o.Target.OS, Arch: o.Target.Arch},
		GuestImage:    path.Base(sidecar.Kernel),
		GuestDigest:   "sha256:" + sidecar.Digest(kernel),
		Payload:       sidecar.Payload,
		Workdir:       sandbox.GuestWork,
		Policy:        sidecar.Policy,
	}
	for _, f := range files {
		m.Files = append(m.Files, sidecar.File{Path: f.Path, Size: int64(len(f.Data)), SHA256: sidecar.Digest(f.Data)})
	}
	doc, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	doc = append(doc, '\n')
	if _, err := sidecar.Parse(doc); err != nil {
		return fmt.Errorf("internal fault: manifest of the bundle: %w", err)
	}
	head.Manifest = sidecar.Digest(doc)
	launcher, err := image.Encode(runtime, head)
	if err != nil {
		return err
	}
	b.Manifest = m
	b.Files = append([]File{{Data: launcher, Executable: true}, {Path: sidecar.ManifestFile, Data: doc}}, files...)
	b.count(runtime, program)
	b.Parts = append(b.Parts, Part{"guest_kernel", int64(len(kernel))}, Part{"policy", int64(len(o.Policy))})
	b.Parts[0] = Part{"runtime", 2 * int64(len(runtime))}
	b.rest()
	return nil
}

// count fills in the parts.
func (b *Bundle) count(runtime []byte, program []image.Part) {
	b.Parts = []Part{{"runtime", int64(len(runtime))}}
	for _, p := range program {
		b.Parts = append(b.Parts, Part{p.Name, int64(len(p.Data))})
	}
	if b.Kind != image.KindVM {
		b.rest()
	}
}

// rest adds what headers and manifests take.
func (b *Bundle) rest() {
	n := b.Size()
	for _, p := range b.Parts {
		n -= p.Bytes
	}
	b.Parts = append(b.Parts, Part{"headers", n})
}

// machineCode compiles the program for the target, nil where this machine
// cannot: the code of another architecture is made when the bundle starts.
func machineCode(ctx context.Context, o Options) ([]byte, error) {
	if o.Target.Arch != Host().Arch {
		return nil, nil
	}
	code, err := engine.CompileCode(ctx, o.Artifact)
	if errors.Is(err, engine.ErrNoCompiler) {
		return nil, nil
	}
	return code, err
}
