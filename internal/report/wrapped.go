package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"x07/internal/version"
)

// Target is what was run or bundled.
type Target struct {
	Kind                string   `json:"kind"` // project, program or artifact
	Path                string   `json:"path"` // as resolved
	ProjectRoot         *string  `json:"project_root"`
	Lockfile            *string  `json:"lockfile"`
	ResolvedModuleRoots []string `json:"resolved_module_roots"`
}

// Repair sums up the automatic repair of the entry file.
type Repair struct {
	Mode            string `json:"mode"` // memory or write
	Iterations      int    `json:"iterations"`
	AppliedOpsCount int    `json:"applied_ops_count"`
	LastLintOK      bool   `json:"last_lint_ok"`
}

// Wrap is the x07.run.report@0.1.0 around a runner report, which is embedded
// byte for byte. A runner that printed no JSON object is an error.
func Wrap(runner, world string, target Target, repair *Repair, report []byte) ([]byte, error) {
	report = bytes.TrimSpace(report)
	if len(report) == 0 {
		return nil, errors.New("parse runner report JSON: the runner printed nothing")
	}
	if !json.Valid(report) {
		return nil, errors.New("parse runner report JSON: the runner's output is not JSON")
	}
	if target.ResolvedModuleRoots == nil {
		target.ResolvedModuleRoots = []string{}
	}
	head := Pretty(struct {
		SchemaVersion string  `json:"schema_version"`
		Runner        string  `json:"runner"`
		World         string  `json:"world"`
		Target        Target  `json:"target"`
		Repair        *Repair `json:"repair,omitempty"`
	}{"x07.run.report@0.1.0", runner, world, target, repair})
	doc := bytes.TrimSuffix(head, []byte("\n}\n"))
	doc = append(doc, ",\n  \"report\": "...)
	doc = append(doc, report...)
	return append(doc, "\n}\n"...), nil
}

// contractMarker starts the trap text of a broken contract.
const contractMarker = "X07T_CONTRACT_V1 "

// ContractRun is the run that broke a contract.
type ContractRun struct {
	TargetKind, TargetPath string
	World                  string
	SolveFuel              uint64
	MaxMemoryBytes         uint64
	MaxOutputBytes         uint64
	CPUTimeLimitSeconds    uint64
	DebugBorrowChecks      bool
	Input                  []byte
}

// ContractRepro is the x07.contract.repro@0.1.0 document for a trap text and
// the place of its file below the artifacts directory. ok is false when the
// trap is not a broken contract.
func ContractRepro(trap string, run ContractRun) (file string, doc []byte, ok bool) {
	text, found := strings.CutPrefix(trap, contractMarker)
	if !found {
		return "", nil, false
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var contract map[string]any
	if dec.Decode(&contract) != nil || contract == nil {
		return "", nil, false
	}
	clause, found := contract["clause_id"].(string)
	if !found {
		return "", nil, false
	}
	sum := sha256.Sum256([]byte(clause))
	file = filepath.Join("contract", "id_"+hex.EncodeToString(sum[:]), "repro.json")
	doc = CanonicalPretty(map[string]any{
		"schema_version": "x07.contract.repro@0.1.0",
		"tool":           map[string]any{"x07_version": version.Language, "x07c_version": version.Language},
		"source":         map[string]any{"mode": "x07run", "target_kind": run.TargetKind, "target_path": run.TargetPath},
		"world":          run.World,
		"runner": map[string]any{
			"solve_fuel":             run.SolveFuel,
			"max_memory_bytes":       run.MaxMemoryBytes,
			"max_output_bytes":       run.MaxOutputBytes,
			"cpu_time_limit_seconds": run.CPUTimeLimitSeconds,
			"debug_borrow_checks":    run.DebugBorrowChecks,
		},
		"input_bytes_b64": base64.StdEncoding.EncodeToString(run.Input),
		"contract":        contract,
	})
	return file, doc, true
}

// Hints are the commands that show the nodes a compile error points to: up to
// four distinct pointers of the message, in order. file is the source of the
// function the error names.
func Hints(message, file string) []string {
	var hints []string
	seen := map[string]bool{}
	for i := 0; i < len(message) && len(hints) < 4; i++ {
		rest := message[i:]
		for _, key := range []string{"moved_ptr=/", "borrowed_ptr=/", "ptr=/"} {
			if !strings.HasPrefix(rest, key) {
				continue
			}
			ptr := rest[len(key)-1:]
			if end := strings.IndexAny(ptr, " \t\r\n),"); end >= 0 {
				ptr = ptr[:end]
			}
			if !seen[ptr] {
				seen[ptr] = true
				hints = append(hints, fmt.Sprintf("hint: x07 ast get --in %s --ptr %s", file, ptr))
			}
			i += len(key) + len(ptr) - 2
			break
		}
	}
	return hints
}

// FailedFunction is the function a compile error names with fn=, "" if none.
func FailedFunction(message string) string {
	_, rest, ok := strings.Cut(message, "fn=")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, " \t\r\n),"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}
