package examples

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// example is one command and what it must do. A command with profiles is run
// in each; PROFILE stands for its name.
type example struct {
	dir      string // below examples/
	command  string // run from the top of the repository
	profiles []string
	result
	in map[string]result // what is different, by profile
}

type result struct {
	stdout, stderr string
	code           int
}

// both are the worlds of the examples with a policy; the last runs it in the
// weaker backend, where everything must come out the same.
var both = []string{"os", "sandbox", "sandbox --sandbox-backend os --i-accept-weaker-isolation"}

var examples = []example{
	{dir: "log-summary",
		command: `bin/x07 run --raw --program examples/log-summary/log-summary.x07.json -- examples/log-summary/app.log`,
		result:  result{stdout: `{"lines":8,"levels":{"INFO":5,"ERROR":2,"WARN":1},"services":{"web":4,"auth":2,"db":2}}` + "\n"}},
	{dir: "log-summary",
		command: `bin/x07 run --raw --program examples/log-summary/log-summary.x07.json`,
		result:  result{stdout: "usage: log-summary LOGFILE\n"}},
	{dir: "csv-to-json",
		command: `bin/x07 run --raw --program examples/csv-to-json/csv-to-json.x07.json --input examples/csv-to-json/people.csv`,
		result: result{stdout: `[
  {"name": "Ada", "age": 36, "note": "first, of many"},
  {"name": "Grace", "age": 85, "note": "said \"hello\""},
  {"name": "Alan", "age": 41, "note": ""}
]
`}},
	{dir: "text-search",
		command: `bin/x07 run --raw --program examples/text-search/search.x07.json -- 'ERROR|WARN' examples/log-summary/app.log`,
		result: result{stdout: `examples/log-summary/app.log:3:2024-05-01T12:00:02Z WARN web slow request 812ms
examples/log-summary/app.log:4:2024-05-01T12:00:05Z ERROR db connection reset
examples/log-summary/app.log:7:2024-05-01T12:00:11Z ERROR web 502 from upstream
`}},
	{dir: "text-search",
		command: `bin/x07 run --raw --program examples/text-search/search.x07.json -- nothing-like-it examples/log-summary/app.log`,
		result:  result{code: 1}},
	{dir: "text-search",
		command: `bin/x07 run --raw --program examples/text-search/search.x07.json -- '(' examples/log-summary/app.log`,
		result:  result{stdout: "search: bad pattern at byte 1\n", code: 2}},
	{dir: "multi-module",
		command: `bin/x07 run --raw --project examples/multi-module`,
		result:  result{stdout: "square 144\nrectangle 63\ntriangle 25\n"}},
	{dir: "sandboxed", profiles: both,
		command: `bin/x07 run --raw --project examples/sandboxed --profile PROFILE`,
		result:  result{stdout: "data/notes.txt: read 30 bytes\nsecret/key.txt: read 17 bytes\n"},
		in: map[string]result{"sandbox": {
			stdout: "data/notes.txt: read 30 bytes\nsecret/key.txt: denied by policy, code 60001\n",
			stderr: "x07 run: denied by the policy: fs.read secret/key.txt (fs.read_roots)\n"}}},
	{dir: "dir-report", profiles: both,
		command: `bin/x07 run --raw --project examples/dir-report --profile PROFILE -- tree`,
		result:  result{stdout: treeReport}},
	{dir: "dir-report", profiles: both,
		command: `bin/x07 run --raw --project examples/dir-report --profile PROFILE`,
		result:  result{stdout: treeReport}},
	{dir: "dir-report", profiles: []string{"sandbox"},
		command: `bin/x07 run --raw --project examples/dir-report --profile PROFILE -- policy`,
		result: result{code: 1,
			stdout: "dir-report: policy: the policy does not allow to walk it, code 60001\n",
			stderr: "x07 run: denied by the policy: fs.walk policy (fs.read_roots)\n"}},
	{dir: "dir-report", profiles: both,
		command: `bin/x07 run --raw --project examples/dir-report --profile PROFILE -- tree/nowhere`,
		result:  result{stdout: "dir-report: tree/nowhere: no such directory, code 60010\n", code: 1}},
	{dir: "parallel-worker", profiles: both,
		command: `bin/x07 run --raw --project examples/parallel-worker --profile PROFILE`,
		result: result{stdout: `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc.bin
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty.bin
d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592  fox.txt
027609e34d0d5f644eac896742d03d67c050f7b1eb462dd768450587ea7ee99a  long.txt
b6285c57e8797db5d4c51c80d6f11938afda9b11c6a003549709189e9b4b92a2  numbers.txt
`}},
	{dir: "cli-args", profiles: both,
		command: `bin/x07 run --raw --project examples/cli-args --profile PROFILE -- head --lines 2 texts/shopping.txt`,
		result:  result{stdout: "bread\nmilk\n"}},
	{dir: "cli-args", profiles: both,
		command: `bin/x07 run --raw --project examples/cli-args --profile PROFILE -- head -n9 --number texts/note.txt`,
		result:  result{stdout: "1: Buy the bread on Friday,\n2: not before.\n"}},
	{dir: "cli-args", profiles: both,
		command: `bin/x07 run --raw --project examples/cli-args --profile PROFILE -- count -w texts/shopping.txt texts/nowhere.txt texts/note.txt`,
		result:  result{stdout: "4 texts/shopping.txt\n7 texts/note.txt\n", stderr: "lines: texts/nowhere.txt: no such file\n", code: 1}},
	{dir: "cli-args", profiles: both,
		command: `bin/x07 run --raw --project examples/cli-args --profile PROFILE -- count x07.json`,
		result:  result{stdout: "11 x07.json\n"},
		in: map[string]result{"sandbox": {code: 1,
			stderr: "lines: x07.json: the policy does not allow to read it\nx07 run: denied by the policy: fs.read x07.json (fs.read_roots)\n"}}},
	{dir: "cli-args", profiles: both,
		command: `bin/x07 run --raw --project examples/cli-args --profile PROFILE -- head`,
		result:  result{stderr: "lines: missing_required_arg\nusage: lines head [OPTIONS] <FILE>\n", code: 2}},
	{dir: "cli-args", profiles: both,
		command: `bin/x07 run --raw --project examples/cli-args --profile PROFILE -- count --all texts/note.txt`,
		result:  result{stderr: "lines: unknown_option\nusage: lines count [OPTIONS] <FILE...>\n", code: 2}},
	{dir: "cli-args", profiles: []string{"os"},
		command: `bin/x07 run --raw --project examples/cli-args --profile PROFILE`,
		result:  result{stdout: "usage: lines [OPTIONS]\n", stderr: "lines: count or head?\n", code: 2}},
	{dir: "cli-args", profiles: []string{"os"},
		command: `bin/x07 run --raw --project examples/cli-args --profile PROFILE -- -V`,
		result:  result{stdout: "lines 1.0.0\n"}},
	{dir: "web-service", profiles: both,
		command: `bin/x07 run --raw --project examples/web-service --profile PROFILE -- 4 >/dev/null & bin/x07 run --raw --project examples/link-checker --profile PROFILE; wait`,
		result:  result{stdout: linkReport + "bad  http://localhost:18079/ no connection\n"},
		in:      map[string]result{"sandbox": deniedLink}},
	{dir: "link-checker", profiles: both,
		command: `bin/x07 run --raw --project examples/web-service --profile PROFILE -- 4 >/dev/null & bin/x07 run --raw --project examples/link-checker --profile PROFILE; wait`,
		result:  result{stdout: linkReport + "bad  http://localhost:18079/ no connection\n"},
		in:      map[string]result{"sandbox": deniedLink}},
	{dir: "link-checker", profiles: both,
		command: `bin/x07 run --raw --project examples/link-checker --profile PROFILE -- nothing.txt`,
		result:  result{stdout: "link-checker: cannot read the list of links\n", code: 2},
		in: map[string]result{"sandbox": {stdout: "link-checker: cannot read the list of links\n", code: 2,
			stderr: "x07 run: denied by the policy: fs.read nothing.txt (fs.read_roots)\n"}}},
}

const linkReport = `ok   http://127.0.0.1:18077/ 200
ok   http://127.0.0.1:18077/moved 200
bad  http://127.0.0.1:18077/nowhere 404
bad  http://127.0.0.1:18078/ no connection
`

var deniedLink = result{
	stdout: linkReport + "bad  http://localhost:18079/ denied by the policy\n",
	stderr: "x07 run: denied by the policy: net.http localhost:18079 (net.allow_dns)\n",
}

const treeReport = `{"root":"tree","files":6,"bytes":386,"largest":"src/station.c","extensions":{` +
	`"":{"files":1,"bytes":38},".c":{"files":1,"bytes":118},".csv":{"files":1,"bytes":46},".h":{"files":1,"bytes":57},".md":{"files":2,"bytes":127}}}` + "\n"

func TestExamplesDoWhatTheySayInEveryWorld(t *testing.T) {
	for _, x := range examples {
		profiles := x.profiles
		if profiles == nil {
			profiles = []string{""}
		}
		for _, profile := range profiles {
			command := strings.ReplaceAll(x.command, "PROFILE", profile)
			t.Run(strings.TrimPrefix(command, "bin/x07 run --raw "), func(t *testing.T) {
				world, _, _ := strings.Cut(profile, " ")
				if world == "sandbox" {
					skipGuests(t)
				}
				want := x.result
				if other, ok := x.in[world]; ok {
					want = other
				}
				top := checkout(t)
				var got result
				got.stdout, got.stderr, got.code = shell(t, top, top, command)
				if got != want {
					t.Errorf("%s\n got %#v\nwant %#v", command, got, want)
				}
			})
		}
	}
}

func TestEveryExampleIsTestedAndInTheReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]string{} // directory -> command
	for _, m := range regexp.MustCompile("(?m)^\\| `examples/([^`]*)` \\|.*\\| `(.*)` \\|$").FindAllStringSubmatch(string(text), -1) {
		commands[m[1]] = strings.ReplaceAll(m[2], `\|`, "|")
	}
	tested := map[string]bool{}
	for _, x := range examples {
		for _, profile := range append(x.profiles, "") {
			tested[x.dir+" "+strings.ReplaceAll(x.command, "PROFILE", profile)] = true
		}
		tested[x.dir+" "+strings.ReplaceAll(x.command, " --profile PROFILE", "")] = true
	}
	dirs, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		switch command, ok := commands[d.Name()]; {
		case !ok:
			t.Errorf("examples/%s has no row in README.md", d.Name())
		case !tested[d.Name()+" "+command]:
			t.Errorf("README.md runs examples/%s by %q, which no test runs", d.Name(), command)
		}
	}
}

func TestExamplesAreCanonicalAndFreeOfFindings(t *testing.T) {
	top := checkout(t)
	if out, errs, code := shell(t, top, top, "bin/x07 fmt --check --input examples"); code != 0 {
		t.Errorf("x07 fmt: %s%s", out, errs)
	}
	if out, _, code := shell(t, top, top, "bin/x07 lint --input examples"); code != 0 {
		t.Errorf("x07 lint: %s", out)
	}
}

func TestPoliciesOfExamplesHaveNoWarnings(t *testing.T) {
	top := checkout(t)
	files, _, _ := shell(t, top, top, "ls examples/*/policy/*.json")
	for _, file := range strings.Fields(files) {
		out, errs, code := shell(t, top, top, "bin/x07 policy check "+file)
		var report struct {
			OK       bool
			Warnings []json.RawMessage
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || !report.OK || len(report.Warnings) > 0 {
			t.Errorf("x07 policy check %s: %s%s (%v)", file, out, errs, err)
		}
	}
}
