#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The shipped examples do what they say, run by the real programs in a home of their own.
set -eu

srcdir=${srcdir:-.}
examples=$srcdir/data/examples
scratch=$(mktemp -d)
PAWL_HOME=$scratch/home
export PAWL_HOME
unset ANTHROPIC_API_KEY # nobody is called
trap './pawl engine stop --kill >/dev/null 2>&1 || :; rm -rf "$scratch"' EXIT
failures=0

# run STATUS 'TEXT IN THE OUTPUT OR A LOG' FILE [ARGUMENT…]
run() {
	status=$1 text=$2
	shift 2
	got=0
	timeout 60 ./pawl run "$@" >"$scratch/out" 2>&1 </dev/null || got=$?
	if [ "$got" -ne "$status" ]; then
		echo "pawl run $*: exit status $got, expected $status"
		sed 's/^/    /' "$scratch/out"
		failures=$((failures + 1))
	elif ! grep -rqF -- "$text" "$scratch/out" "$PAWL_HOME/runs"; then
		echo "pawl run $*: '$text' is nowhere"
		failures=$((failures + 1))
	fi
	echo "ran $*"
}

# Run a file that asks; the other arguments answer each question in turn.
answered() {
	file=$1
	shift
	timeout 60 ./pawl run "$file" >"$scratch/out" 2>&1 </dev/null &
	asked=
	for answer; do
		tries=0
		until now=$(./pawl approvals --json | sed -n 's/.*"asked_at_ms":\([0-9]*\).*/\1/p') && [ -n "$now" ] && [ "$now" != "$asked" ]; do
			tries=$((tries + 1))
			[ "$tries" -lt 600 ] || break
			sleep 0.05
		done
		asked=$now
		# shellcheck disable=SC2086 # words of an answer
		./pawl approve last $answer >>"$scratch/answers" 2>&1 || cat "$scratch/answers"
	done
	if ! wait $!; then
		echo "pawl run $file: failed"
		sed 's/^/    /' "$scratch/out"
		failures=$((failures + 1))
	fi
	echo "ran $file, answered $# times"
}

# iterations NODE-INDEX N: so many did the node need in the run before.
iterations() {
	logs=$PAWL_HOME/runs/$(./pawl show last --json | sed -n 's/.*"id": *"\(r-[a-z0-9]*\)".*/\1/p' | head -n 1)/log
	if [ ! -f "$logs/$1.g1.i$2.a2.verify.json" ] || [ -f "$logs/$1.g1.i$(($2 + 1)).a1.log" ]; then
		echo "node $1 did not need $2 iterations:"
		find "$logs" -name "$1.*.log" -exec echo "    {}" \;
		failures=$((failures + 1))
	fi
}

cat >"$scratch/env.yaml" <<'END'
env: {A: "1", B: "${{ env.A }}2", PATH: "/x:${{ env.PATH }}"}
defaults: {env: {C: "${{ env.B }}3"}}
nodes:
  a:
    when: env.C == '123' && starts_with(env.PATH, '/x:')
    env: {D: "${{ env.C }}4", A: mine}
    run: echo "$A $B $C $D"
END

run 0 'hello from the left, hello from the right' "$examples/hello.yaml"
run 0 'left:  hello, Ada' "$examples/hello.yaml" -p who=Ada
run 0 'good morning' "$examples/patch.yaml"
if [ "$(./pawl patches list last --json | grep -o '"state":"[a-z]*"' | sort | tr -d '\n')" != '"state":"committed""state":"quarantined"' ]; then
	echo 'patch.yaml: one patch was to stay, the other to be quarantined'
	failures=$((failures + 1))
fi
run 1 'site/about.html is gone, nothing is published' "$examples/back.yaml"
if ! ./pawl resume-from last publish --set careful=true >"$scratch/out" 2>&1 || ! timeout 60 ./pawl follow last >>"$scratch/out" 2>&1 ||
	[ "$(./pawl logs last/publish --raw)" != 'packed 2 pages' ]; then
	echo 'back.yaml: the files were not as they had been before the step that failed'
	sed 's/^/    /' "$scratch/out"
	failures=$((failures + 1))
fi
run 1 'site/about.html is gone, nothing is published' "$examples/back.yaml"
if ! ./pawl rollback last build >"$scratch/out" 2>&1 || [ "$(./pawl exec last/build -- cat site/about.html | tail -n 1)" != About. ]; then
	echo 'back.yaml: a rollback did not bring the files back'
	sed 's/^/    /' "$scratch/out"
	failures=$((failures + 1))
fi
run 0 'packed 2 pages' "$examples/back.yaml" -p careful=true
run 1 'NOT OK  pear costs 4, expected 5' "$examples/fails.yaml"
run 0 'needed 3 attempts' "$examples/retries.yaml"
run 0 '6 sums' "$examples/matrix.yaml"
run 0 'words in each file: 1, 2, 3' "$examples/foreach.yaml"
run 0 'Hello, Grace Hopper' "$examples/params.yaml" -p 'name=Grace Hopper'
run 0 'this node runs only with level=debug' "$examples/params.yaml" -p name=Ada -p level=debug -p tags=red,green
run 3 "parameter 'name' is required" "$examples/params.yaml"
run 3 'does not match its pattern' "$examples/params.yaml" -p name=1
run 0 'the linter found something' "$examples/handlers.yaml"
run 1 'failed at gate' "$examples/handlers.yaml" -p strict=true
run 0 '2. hello, Grace' "$examples/sub.yaml"
run 0 'mine 12 123 1234' "$scratch/env.yaml"
run 0 'largest 4, mean -0.33' "$examples/mend.yaml"
iterations 1 3
run 0 'Ten people use it' "$examples/charter.yaml" -p idea='A better bell' -p out="$scratch/charter"
iterations 2 2
iterations 4 1
grep -q '^A better bell\.$' "$scratch/charter/charter.md" || {
	echo 'charter.yaml: the charter was not exported'
	failures=$((failures + 1))
}
run 1 'the engine has no variable ANTHROPIC_API_KEY' "$examples/llm.yaml" -p url=http://127.0.0.1:9
if command -v python3 >/dev/null; then
	# A stand-in for the servers, which speaks their protocols over real sockets.
	mkfifo "$scratch/life" "$scratch/port"
	python3 "$srcdir/tests/standin/provider.py" <"$scratch/life" >"$scratch/port" &
	exec 3>"$scratch/life" # its input ends with this script
	read -r port <"$scratch/port"
	run 0 'The ratchet (pawl, catch), by local' "$examples/llm.yaml" -p url="http://127.0.0.1:$port/summary"
	run 0 'The ratchet (again), by local' "$examples/llm.yaml" -p url="http://127.0.0.1:$port/summary-repaired"
	./pawl engine stop >/dev/null
	ANTHROPIC_API_KEY=sk-ant-of-a-test ./pawl engine start >/dev/null
	run 0 'The ratchet (pawl, catch), by remote' "$examples/llm.yaml" -p url="http://127.0.0.1:$port/503" \
		-p remote_url="http://127.0.0.1:$port/summary"
	! grep -rqF sk-ant-of-a-test "$PAWL_HOME" || {
		echo 'llm.yaml: the key is in a file of the home'
		failures=$((failures + 1))
	}
else
	echo 'not run: llm.yaml against a stand-in, for want of python3'
fi
answered "$examples/approval.yaml" '-c redirect --to draft' '-c continue --reason fine'
[ "$(./pawl logs last/announce --raw)" = 'announced: Version 2 is here.' ] || {
	echo 'approval.yaml: nothing was announced'
	failures=$((failures + 1))
}
exit $((failures > 0))
