// Package oci writes a bundle as an OCI image archive: a tar file with an image
// layout of one image, which podman, skopeo, containerd and docker load without
// a registry or a daemon of ours. A bundle's files and a few words of
// configuration come in, one file goes out; equal inputs give equal bytes. The
// package pulls and pushes nothing.
//
// The image has one layer, and nothing in it but the bundle, a working
// directory and a place for temporary files. The layer is not compressed: who
// pushes it does that, and who runs it locally need not undo it.
package oci

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"sort"
	"strings"
	"time"

	"x07/internal/bundle"
	"x07/internal/bundle/sidecar"
)

// Image says how the image is to be.
type Image struct {
	// Ref is the name that the image gets when it is loaded, such as
	// registry.example/team/app:1.
	Ref string
	// Name is the file name of the executable in the image.
	Name string
	// Labels are labels of the image.
	Labels map[string]string
}

// Places in the image.
const (
	binDir  = "usr/local/bin"
	WorkDir = "/work"
	// User is the user and group of the process: nobody.
	User = "65534:65534"
)

// Command is the path of the executable of that name in an image.
func Command(name string) string { return "/" + path.Join(binDir, name) }

// refForm is what references look like; digests have no place in an archive.
const refForm = `^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[0-9]+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$`

// CheckRef says what is wrong with a reference, nil if nothing is.
func CheckRef(ref string) error {
	if len(ref) > 255 || !regexp.MustCompile(refForm).MatchString(ref) {
		return fmt.Errorf("invalid image name %q (expected a form like registry.example/team/app:1, in lower case)", ref)
	}
	return nil
}

// DefaultRef is a valid reference made of an executable's name.
func DefaultRef(name string) string {
	s := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")
	if s == "" {
		s = "app"
	}
	return s + ":latest"
}

// descriptor points to a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *platform         `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

const (
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
)

// Encode returns the archive of a bundle.
func Encode(b *bundle.Bundle, im Image) ([]byte, error) {
	if b.Target.OS != "linux" {
		return nil, fmt.Errorf("an OCI image needs a bundle for linux, this one is for %s (use --target linux/%s)", b.Target, b.Target.Arch)
	}
	if err := CheckRef(im.Ref); err != nil {
		return nil, err
	}
	if im.Name == "" || strings.ContainsAny(im.Name, "/\x00") {
		return nil, errors.New("the executable of an image needs a plain file name")
	}
	layer, err := layerOf(b, im.Name)
	if err != nil {
		return nil, err
	}
	var blobs []blob
	add := func(mediaType string, data []byte) descriptor {
		sum := sha256.Sum256(data)
		name := hex.EncodeToString(sum[:])
		blobs = append(blobs, blob{name, data})
		return descriptor{MediaType: mediaType, Digest: "sha256:" + name, Size: len(data)}
	}
	layerDesc := add(typeLayer, layer)
	at := platform{Architecture: b.Target.Arch, OS: b.Target.OS}
	config := add(typeConfig, document(struct {
		Created string `json:"created"`
		platform
		Config  any `json:"config"`
		RootFS  any `json:"rootfs"`
		History any `json:"history"`
	}{
		epoch.Format(time.RFC3339), at,
		struct {
			User       string            `json:"User"`
			Entrypoint []string          `json:"Entrypoint"`
			WorkingDir string            `json:"WorkingDir"`
			Labels     map[string]string `json:"Labels,omitempty"`
		}{User, []string{Command(im.Name)}, WorkDir, im.Labels},
		struct {
			Type    string   `json:"type"`
			DiffIDs []string `json:"diff_ids"`
		}{"layers", []string{layerDesc.Digest}},
		[]struct {
			Created   string `json:"created"`
			CreatedBy string `json:"created_by"`
		}{{epoch.Format(time.RFC3339), "x07 bundle --oci"}},
	}))
	manifest := add(typeManifest, document(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}{2, typeManifest, config, []descriptor{layerDesc}}))
	manifest.Platform = &at
	manifest.Annotations = map[string]string{
		"io.containerd.image.name":          full(im.Ref),
		"org.opencontainers.image.ref.name": tag(im.Ref),
	}
	index := document(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}{2, typeIndex, []descriptor{manifest}})
	// docker load of older versions reads this document instead of the index.
	docker := document([]struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{{blobPath(config), []string{full(im.Ref)}, []string{blobPath(layerDesc)}}})

	sort.Slice(blobs, func(i, j int) bool { return blobs[i].name < blobs[j].name })
	w := newTar(len(layer) + 64<<10)
	w.dir("blobs", 0o755)
	w.dir("blobs/sha256", 0o755)
	for _, bl := range blobs {
		w.file("blobs/sha256/"+bl.name, bl.data, 0o644)
	}
	w.file("index.json", index, 0o644)
	w.file("manifest.json", docker, 0o644)
	w.file("oci-layout", document(struct {
		V string `json:"imageLayoutVersion"`
	}{"1.0.0"}), 0o644)
	return w.finish()
}

type blob struct {
	name string
	data []byte
}

func blobPath(d descriptor) string { return "blobs/" + strings.Replace(d.Digest, ":", "/", 1) }

// tag is the part of a reference behind the name, latest if there is none.
func tag(ref string) string {
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		return ref[i+1:]
	}
	return "latest"
}

// full is a reference with its tag, and with the host that short names stand for.
func full(ref string) string {
	if i := strings.LastIndexByte(ref, ':'); i <= strings.LastIndexByte(ref, '/') {
		ref += ":latest"
	}
	first, _, more := strings.Cut(ref, "/")
	if !more || !strings.ContainsAny(first, ".:") && first != "localhost" {
		return "localhost/" + ref
	}
	return ref
}

func document(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("oci: own document: " + err.Error())
	}
	return b
}

// layerOf is the file system of the image.
func layerOf(b *bundle.Bundle, name string) ([]byte, error) {
	w := newTar(int(b.Size()) + 64<<10)
	w.dir("tmp", 0o1777)
	w.dir("usr", 0o755)
	w.dir("usr/local", 0o755)
	w.dir(binDir, 0o755)
	made := map[string]bool{}
	for _, f := range b.Files {
		at := path.Join(binDir, name)
		if f.Path != "" {
			at = path.Join(binDir, name+sidecar.Suffix, f.Path)
			for _, d := range parents(at, binDir) {
				if !made[d] {
					made[d] = true
					w.dir(d, 0o755)
				}
			}
		}
		perm := int64(0o644)
		if f.Executable {
			perm = 0o755
		}
		w.file(at, f.Data, perm)
	}
	w.owned("work", 0o755, 65534)
	return w.finish()
}

// parents are the directories between top and a file, outermost first.
func parents(file, top string) []string {
	var dirs []string
	for d := path.Dir(file); d != top && d != "."; d = path.Dir(d) {
		dirs = append([]string{d}, dirs...)
	}
	return dirs
}

// epoch is the time of everything.
var epoch = time.Unix(0, 0).UTC()

// tarball writes entries with nothing of this machine in them.
type tarball struct {
	buf bytes.Buffer
	tar *tar.Writer
	err error
}

func newTar(size int) *tarball {
	w := &tarball{}
	w.buf.Grow(size)
	w.tar = tar.NewWriter(&w.buf)
	return w
}

func (w *tarball) add(h tar.Header, data []byte) {
	h.ModTime, h.Format = epoch, tar.FormatUSTAR
	if w.err == nil {
		w.err = w.tar.WriteHeader(&h)
	}
	if w.err == nil {
		_, w.err = w.tar.Write(data)
	}
}

func (w *tarball) dir(name string, perm int64) { w.owned(name, perm, 0) }

func (w *tarball) owned(name string, perm int64, id int) {
	w.add(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: perm, Uid: id, Gid: id}, nil)
}

func (w *tarball) file(name string, data []byte, perm int64) {
	w.add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: perm, Size: int64(len(data))}, data)
}

func (w *tarball) finish() ([]byte, error) {
	if err := errors.Join(w.err, w.tar.Close()); err != nil {
		return nil, fmt.Errorf("write image: %w", err)
	}
	return w.buf.Bytes(), nil
}
