package examples

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write into docs/ what the commands print")

// A page of docs/ is run from top to bottom in a directory of its own:
//
//	```json notes.x07.json      a file, here notes.x07.json, is written
//	```console                  "$ COMMAND" lines are run, each followed by
//	                            exactly what it prints, on both streams
//
// Blocks without a file name, of other languages, only stand there.
func TestSnippetsOfTheDocumentationPrintWhatTheySay(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\n```console\n") {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			if sandboxed(string(text)) {
				skipGuests(t)
			}
			got := runPage(t, strings.SplitAfter(string(text), "\n"))
			switch {
			case got == string(text):
			case *update:
				if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s: run with -update and look at the difference; the page would be:\n%s", page, got)
			}
		})
	}
}

// runPage returns the page with what its commands printed.
func runPage(t *testing.T, lines []string) string {
	top, dir := checkout(t), t.TempDir()
	var out, file strings.Builder
	var name string // of the file being written
	const (
		prose = iota
		inFile
		inConsole
		inOther
	)
	where := prose
	for _, line := range lines {
		word := strings.TrimSuffix(line, "\n")
		fence, isFence := strings.CutPrefix(word, "```")
		switch {
		case isFence && where == prose:
			fields := strings.Fields(fence)
			where = inOther
			if fence == "console" {
				where = inConsole
			} else if len(fields) == 2 {
				where, name = inFile, filepath.Join(dir, filepath.FromSlash(fields[1]))
				file.Reset()
			}
		case isFence:
			if where == inFile {
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(file.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			where = prose
		case where == inFile:
			file.WriteString(line)
		case where == inConsole:
			command, ok := strings.CutPrefix(word, "$ ")
			if !ok {
				continue // printed again below
			}
			out.WriteString(line)
			printed, _, _ := shell(t, top, dir, "{ "+command+"\n} 2>&1 </dev/null")
			out.WriteString(printed)
			if printed != "" && !strings.HasSuffix(printed, "\n") {
				out.WriteString("\n")
			}
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}
