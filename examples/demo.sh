#!/bin/sh
# Runs the same program in both worlds. It reads a file that it may read and
# then one that it may not: run-os allows both, the sandbox only the first.
# Usage: examples/demo.sh BIN_DIRECTORY
set -u
bin=$1
here=$(dirname "$0")

show() {
	echo
	echo "\$ x07 $*"
	"$bin/x07" "$@"
	echo "(exit status $?)"
}

echo "== A log summary, in run-os"
show run --raw --program "$here/log-summary/log-summary.x07.json" -- "$here/log-summary/app.log"

echo
echo "== The same program twice: it reads data/notes.txt, then secret/key.txt"
echo
echo "-- run-os allows both"
show run --raw --project "$here/sandboxed" --profile os
status=$?
echo
echo "-- run-os-sandboxed: the policy grants data/ only, and a guest kernel stands around it"
show run --raw --project "$here/sandboxed" --profile sandbox
echo
echo "-- the denial, as the report shows it to an agent"
show run --project "$here/sandboxed" --profile sandbox
exit 0
