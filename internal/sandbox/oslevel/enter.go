package oslevel

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Enter confines this process to the rules that the os backend handed to it, and
// reports back. Without rules, because this process was not started by the os
// backend, it does nothing and returns nil: the boundary is somewhere else.
//
// An error means that the process is not confined as it should be; it must end
// without running anything.
func Enter() (*Report, error) {
	value, ok := os.LookupEnv(RulesEnv)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(RulesEnv); err != nil {
		return nil, err
	}
	var rulesFD, reportFD uintptr
	if _, err := fmt.Sscanf(value, "%d,%d", &rulesFD, &reportFD); err != nil {
		return nil, fmt.Errorf("%s is %q, want two descriptor numbers: %w", RulesEnv, value, err)
	}
	in, out := os.NewFile(rulesFD, "rules"), os.NewFile(reportFD, "report")
	if in == nil || out == nil {
		return nil, fmt.Errorf("%s is %q, which are no descriptors", RulesEnv, value)
	}
	defer in.Close()
	defer out.Close()
	var rules Rules
	if err := json.NewDecoder(in).Decode(&rules); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	report, err := Apply(rules)
	if err != nil {
		// The backend shows the error; the process that failed cannot.
		fmt.Fprintln(out, "error: "+strings.ReplaceAll(err.Error(), "\n", "; "))
		return nil, err
	}
	if err := json.NewEncoder(out).Encode(report); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return report, nil
}
