package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"x07/internal/atomicfile"
	"x07/internal/oserr"
)

// InitOptions are the arguments of "x07 policy init".
type InitOptions struct {
	Template string
	// WorkDir is the directory the command runs in.
	WorkDir string
	// Project is the --project file; empty means the nearest x07.json above
	// WorkDir, else WorkDir itself.
	Project string
	// PolicyID is --policy-id when HasPolicyID is set.
	PolicyID    string
	HasPolicyID bool
	// Out is --out, relative to the project root; empty means the default path.
	Out             string
	Force, MkdirOut bool
}

// InitReport is x07.policy.init.report@0.1.0; JSON keys come in field order.
type InitReport struct {
	SchemaVersion string `json:"schema_version"`
	Template      string `json:"template"`
	ProjectRoot   string `json:"project_root"`
	Out           string `json:"out"`
	Status        string `json:"status"`
	PolicyID      string `json:"policy_id"`
}

// JSON returns the report as one compact line with its newline.
func (r InitReport) JSON() []byte { return append(compact(r), '\n') }

// ExitCode returns 2 when an existing file was left alone, else 0.
func (r InitReport) ExitCode() int {
	if r.Status == "exists_different" {
		return 2
	}
	return 0
}

// policyIDChars are what an id may hold.
const policyIDChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

// Init writes the policy of a template, and returns the report together with the
// rendered policy, whatever became of the file. Errors exit with ExitCode(err).
func Init(o InitOptions) (InitReport, []byte, error) {
	none := InitReport{}
	if o.HasPolicyID {
		if n := len([]rune(o.PolicyID)); n < 1 || n > 64 {
			return none, nil, usage("--policy-id must be 1..=64 chars")
		}
		if strings.ContainsFunc(o.PolicyID, func(r rune) bool { return !strings.ContainsRune(policyIDChars, r) }) {
			return none, nil, usage("--policy-id must match ^[a-zA-Z0-9_.-]{1,64}$")
		}
	}
	p, err := FromTemplate(o.Template, o.PolicyID)
	if err != nil {
		return none, nil, err
	}
	rendered := Render(p)
	if _, err := Load("", rendered); err != nil {
		return none, rendered, err
	}
	root, err := ProjectRoot(o.WorkDir, o.Project)
	if err != nil {
		return none, rendered, err
	}
	out := o.Out
	if out == "" {
		out = filepath.Join(".x07", "policies", "base", o.Template+".sandbox.base.policy.json")
	}
	path := out
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, out)
	}
	report := InitReport{
		SchemaVersion: "x07.policy.init.report@0.1.0", Template: o.Template,
		ProjectRoot: root, Out: relativeTo(root, path), PolicyID: p.PolicyID,
	}
	report.Status, err = place(root, path, rendered, o.Force, o.Out == "" || o.MkdirOut)
	return report, rendered, err
}

// place writes data to path unless it holds something else, and says what it did.
func place(root, path string, data []byte, force, mkdir bool) (status string, err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("write %s: expected a regular file or nothing there", path)
	}
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, data):
		return "unchanged", nil
	case err == nil && !force:
		return "exists_different", nil
	case err == nil:
		status = "overwritten"
	case errors.Is(err, fs.ErrNotExist):
		status = "created"
	default:
		return "", fmt.Errorf("read: %s: %s", path, oserr.Cause(err).Error())
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if !mkdir {
			return "", usage("refusing to create output dir %q (pass --mkdir-out to allow)", relativeTo(root, dir))
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", fmt.Errorf("create dir: %s: %s", dir, oserr.Cause(err).Error())
		}
	}
	return status, atomicfile.Write(path, data, 0o644)
}

// ProjectRoot returns the directory of the manifest project; when project is
// empty, the nearest directory at or above workDir that holds x07.json, else
// workDir.
func ProjectRoot(workDir, project string) (string, error) {
	if project != "" {
		path := project
		if !filepath.IsAbs(path) {
			path = filepath.Join(workDir, path)
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return "", usage("--project is not a file: %s", project)
		}
		return filepath.Dir(path), nil
	}
	for dir := filepath.Clean(workDir); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, "x07.json")); err == nil && info.Mode().IsRegular() {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return filepath.Clean(workDir), nil
		}
	}
}

// relativeTo returns path relative to root when it lies below it.
func relativeTo(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return path
	}
	return filepath.ToSlash(rel)
}
