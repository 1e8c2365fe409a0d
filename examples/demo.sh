#!/bin/sh
# Runs programs in both worlds and shows what comes out. It fails if the sandbox
# does not hold, so CI runs it too.
# Usage: examples/demo.sh BIN_DIRECTORY
set -eu
bin=$1
here=$(dirname "$0")
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# show runs x07, prints the command and its output, and keeps the output in $out.
show() {
	echo
	echo "\$ x07 $*"
	"$bin/x07" "$@" >"$out" 2>&1 || echo "(exit status $?)" >>"$out"
	cat "$out"
}

# expect fails the demo unless the last output has the text.
expect() {
	grep -qF -- "$1" "$out" || {
		echo "demo: expected the output to contain: $1" >&2
		exit 1
	}
}

echo "== run-os: a program reads a log file and writes a JSON summary"
show run --raw --program "$here/log-summary/log-summary.x07.json" -- "$here/log-summary/app.log"
expect '"ERROR":2'

echo
echo "== One program, two worlds: it reads data/notes.txt, then secret/key.txt"
echo
echo "-- run-os allows both"
show run --raw --project "$here/sandboxed" --profile os
expect 'secret/key.txt: read'

echo
echo "-- run-os-sandboxed: the policy grants data/ only, and a guest kernel stands around it"
show run --raw --project "$here/sandboxed" --profile sandbox
expect 'data/notes.txt: read'
expect 'secret/key.txt: denied by policy'

echo
echo "-- the same as an agent sees it: the report has the denial and the change that would allow it"
show run --project "$here/sandboxed" --profile sandbox
expect '"field": "fs.read_roots"'
