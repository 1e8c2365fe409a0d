package cli

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"x07/internal/compile"
	"x07/internal/report"
	"x07/internal/sandbox"
)

// doctorReport is what `x07 doctor` prints, in this order.
type doctorReport struct {
	OK          bool          `json:"ok"`
	Command     string        `json:"command"`
	Platform    platform      `json:"platform"`
	Checks      []doctorCheck `json:"checks"`
	Suggestions []string      `json:"suggestions"`
	// Backends are the sandbox backends of this build and whether they work here.
	Backends []sandbox.Status `json:"backends"`
}

type platform struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Distro string `json:"distro,omitempty"`
	WSL    bool   `json:"wsl,omitempty"`
}

type doctorCheck struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

func doctorCommand(s streams) *cobra.Command {
	var probe bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what works on this machine, what does not, and how to fix it",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := doctorReport{Command: "doctor", Platform: thisPlatform(), Suggestions: []string{}, Backends: sandbox.Survey(cmd.Context(), backends(), probe)}
			if r.Backends == nil {
				r.Backends = []sandbox.Status{}
			}
			r.add(cacheCheck())
			r.add(sandboxCheck(r.Backends))
			r.OK = true
			for _, c := range r.Checks {
				r.OK = r.OK && c.OK
			}
			if _, err := s.out.Write(report.Compact(r)); err != nil {
				return fmt.Errorf("write report: %w", err)
			}
			if !r.OK {
				return exit(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&probe, "probe", false, "also start a guest with every usable backend")
	return cmd
}

func (r *doctorReport) add(c doctorCheck, fixes []string) {
	r.Checks = append(r.Checks, c)
	r.Suggestions = append(r.Suggestions, fixes...)
}

// cacheCheck says whether compiled programs can be kept between runs.
func cacheCheck() (doctorCheck, []string) {
	c := doctorCheck{Name: "build_cache"}
	dir := compile.DefaultCacheDir()
	if dir == "" {
		c.Detail = "no user cache directory"
		return c, []string{"set HOME or XDG_CACHE_HOME so that compiled programs are kept between runs"}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.Detail = err.Error()
		return c, []string{"make " + dir + " writable, or set XDG_CACHE_HOME to a directory that is"}
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		c.Detail = err.Error()
		return c, []string{"make " + dir + " writable, or set XDG_CACHE_HOME to a directory that is"}
	}
	f.Close()
	os.Remove(f.Name())
	c.OK, c.Detail = true, dir
	return c, nil
}

// sandboxCheck says whether run-os-sandboxed has a boundary by default.
func sandboxCheck(all []sandbox.Status) (doctorCheck, []string) {
	c := doctorCheck{Name: "sandbox_backend"}
	var fixes []string
	for _, st := range all {
		if st.Usable && st.Isolation != sandbox.IsolationProcess && st.Isolation != sandbox.IsolationContainer {
			c.OK, c.Detail = true, "usable: "+st.Backend+" ("+string(st.Isolation)+")"
			return c, nil
		}
		if st.Fix != "" {
			fixes = append(fixes, st.Backend+": "+st.Fix)
		}
	}
	c.Detail = "run-os-sandboxed has no backend with a kernel of its own here"
	return c, fixes
}

// thisPlatform names the machine as other tools do.
func thisPlatform() platform {
	p := platform{OS: runtime.GOOS, Arch: runtime.GOARCH}
	for _, alias := range [][2]string{{"darwin", "macos"}} {
		if p.OS == alias[0] {
			p.OS = alias[1]
		}
	}
	for _, alias := range [][2]string{{"amd64", "x86_64"}, {"arm64", "aarch64"}} {
		if p.Arch == alias[0] {
			p.Arch = alias[1]
		}
	}
	if runtime.GOOS == "linux" {
		p.Distro = osReleaseID("/etc/os-release")
		version, _ := os.ReadFile("/proc/version")
		p.WSL = strings.Contains(strings.ToLower(string(version)), "microsoft")
	}
	return p
}

// osReleaseID is the ID of an os-release file, "" if it has none.
func osReleaseID(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if id, ok := strings.CutPrefix(sc.Text(), "ID="); ok {
			return strings.Trim(id, `"'`)
		}
	}
	return ""
}

// beside is the path of a program that lies next to this one, else on PATH, ""
// when it is nowhere.
func beside(name string) string {
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		if p := filepath.Join(filepath.Dir(exe), name); isExecutable(p) {
			return p
		}
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		// A relative PATH entry would run whatever the project contains.
		if p := filepath.Join(dir, name); filepath.IsAbs(dir) && isExecutable(p) {
			return p
		}
	}
	return ""
}

func isExecutable(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
