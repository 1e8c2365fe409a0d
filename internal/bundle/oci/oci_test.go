package oci

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"x07/internal/bundle"
	"x07/internal/bundle/image"
)

func vm() *bundle.Bundle {
	return &bundle.Bundle{
		Kind: image.KindVM, Target: bundle.Target{OS: "linux", Arch: "arm64"},
		Files: []bundle.File{
			{Data: []byte("launcher"), Executable: true},
			{Path: "manifest.json", Data: []byte("{}")},
			{Path: "deps/x07-sentry", Data: []byte("kernel"), Executable: true},
		},
	}
}

// untar reads an archive by name.
func untar(t *testing.T, b []byte) (files map[string]string, headers []*tar.Header) {
	t.Helper()
	files = map[string]string{}
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return files, headers
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(data)
		headers = append(headers, h)
	}
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return v
}

func TestAnArchiveIsAnImageLayoutWhoseDigestsHold(t *testing.T) {
	im := Image{Ref: "registry.example:5000/team/app:1", Name: "app"}
	doc, err := Encode(vm(), im)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Encode(vm(), im)
	if err != nil || !bytes.Equal(doc, again) {
		t.Errorf("two archives of one bundle differ (%v)", err)
	}
	files, _ := untar(t, doc)
	if files["oci-layout"] != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout is %q", files["oci-layout"])
	}
	// blob returns what a descriptor points to, and holds it to the descriptor.
	blob := func(d any) string {
		desc := d.(map[string]any)
		digest, size := desc["digest"].(string), int(desc["size"].(float64))
		text, ok := files["blobs/"+strings.Replace(digest, ":", "/", 1)]
		sum := sha256.Sum256([]byte(text))
		if !ok || len(text) != size || "sha256:"+hex.EncodeToString(sum[:]) != digest {
			t.Fatalf("descriptor %v points to %d bytes (%v)", desc, len(text), ok)
		}
		return text
	}
	index := decode(t, files["index.json"])
	desc := index["manifests"].([]any)[0].(map[string]any)
	notes := desc["annotations"].(map[string]any)
	if notes["org.opencontainers.image.ref.name"] != "1" || notes["io.containerd.image.name"] != im.Ref {
		t.Errorf("annotations are %v", notes)
	}
	manifest := decode(t, blob(desc))
	config := decode(t, blob(manifest["config"]))
	if config["architecture"] != "arm64" || config["os"] != "linux" {
		t.Errorf("config is %v", config)
	}
	run := config["config"].(map[string]any)
	if run["User"] != "65534:65534" || run["Entrypoint"].([]any)[0] != "/usr/local/bin/app" || run["WorkingDir"] != "/work" {
		t.Errorf("config is %v", run)
	}
	layerDesc := manifest["layers"].([]any)[0].(map[string]any)
	if diff := config["rootfs"].(map[string]any)["diff_ids"].([]any)[0]; diff != layerDesc["digest"] {
		t.Errorf("diff id %v of an uncompressed layer %v", diff, layerDesc["digest"])
	}
	layer, headers := untar(t, []byte(blob(layerDesc)))
	for name, want := range map[string]string{
		"usr/local/bin/app":                    "launcher",
		"usr/local/bin/app.vm/manifest.json":   "{}",
		"usr/local/bin/app.vm/deps/x07-sentry": "kernel",
	} {
		if layer[name] != want {
			t.Errorf("%s is %q, want %q", name, layer[name], want)
		}
	}
	modes := map[string]int64{}
	for _, h := range headers {
		modes[h.Name] = h.Mode
		if h.ModTime.Unix() != 0 || h.Uname != "" {
			t.Errorf("%s has the time %v and the owner %q", h.Name, h.ModTime, h.Uname)
		}
		// A directory comes before what is in it.
		if i := strings.LastIndexByte(strings.TrimSuffix(h.Name, "/"), '/'); i >= 0 {
			if _, ok := modes[h.Name[:i+1]]; !ok {
				t.Errorf("%s comes before its directory", h.Name)
			}
		}
	}
	for name, want := range map[string]int64{"tmp/": 0o1777, "work/": 0o755, "usr/local/bin/app": 0o755, "usr/local/bin/app.vm/manifest.json": 0o644, "usr/local/bin/app.vm/deps/x07-sentry": 0o755} {
		if modes[name] != want {
			t.Errorf("%s has mode %o, want %o", name, modes[name], want)
		}
	}
	var docker []struct{ RepoTags []string }
	if err := json.Unmarshal([]byte(files["manifest.json"]), &docker); err != nil || docker[0].RepoTags[0] != im.Ref {
		t.Errorf("manifest.json is %s (%v)", files["manifest.json"], err)
	}
}

func TestImagesAreForLinuxAndHaveValidNames(t *testing.T) {
	b := vm()
	b.Target.OS = "darwin"
	if _, err := Encode(b, Image{Ref: "app:1", Name: "app"}); err == nil || !strings.Contains(err.Error(), "--target linux/arm64") {
		t.Errorf("for darwin: %v", err)
	}
	for ref, ok := range map[string]bool{
		"app": true, "app:latest": true, "a.example/b/c_d:1.0-x": true, "localhost:5000/app": true,
		"": false, "App": false, "a b": false, "a/": false, "a:": false, "a::b": false, "app@sha256:00": false,
		"-a": false, "a\n": false, "../a": false, strings.Repeat("a", 256): false,
	} {
		if err := CheckRef(ref); (err == nil) != ok {
			t.Errorf("%q: %v", ref, err)
		}
	}
	for name, want := range map[string]string{"app": "app:latest", "My Tool_2": "my-tool-2:latest", "§": "app:latest"} {
		if got := DefaultRef(name); got != want || CheckRef(got) != nil {
			t.Errorf("the default name for %q is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"", "a/b", "a\x00"} {
		if _, err := Encode(vm(), Image{Ref: "app:1", Name: name}); err == nil {
			t.Errorf("an executable named %q", name)
		}
	}
}
