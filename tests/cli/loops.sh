#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Iterations, reports, approvals, usage and breakers from the command line.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"

cat >"$tmp/loop.yaml" <<'X'
name: loop
nodes:
  fix:
    run: n=$(cat count 2>/dev/null || echo 0); echo $((n + 1)) > count
    verify:
      - {level: L0, files: [count]}
      - {name: enough, run: 'test "$(cat count)" -ge 3 || { echo "t.c:3:1: error: only $(cat count)"; exit 1; }'}
      - {level: L2, name: later, run: 'true'}
    loop: {strategy: fixed, max: 2}
X
cat >"$tmp/ask.yaml" <<'X'
name: ask
nodes:
  ok: {approval: {ask: go on?}}
  then: {needs: ok, run: 'echo went on'}
X

# ---- the card says what failed, where, and what was decided ----
run 1 run "$tmp/loop.yaml"
says "^[0-9:]+ x fix 1 rejected: .*; continue: "
says 'no iteration is left after 2' 't.c:3: only' 'continue: its checks failed' 'verify.json'
run 0 iterations last fix
says '1\.1 +rejected' '1\.2 +rejected' 'max_iterations'
run 0 iterations last/fix --json
says '"iteration":2' '"action":"stop"' '"final":"max_iterations"'
run 0 report last fix
says 'L0 passed' 'L1 failed' 'L2 not reached' 't.c:3:1: error: only 2' 'verify.json'
run 0 report last fix -i 1 --json
says '"iteration":1' '"passed":false'
run 4 report last fix -i 9
run 2 iterations last
complains 'name a node'

# ---- a question and its answer ----
run 0 approvals
run 0 submit "$tmp/ask.yaml"
until_says 'go on\?' approvals
run 0 approvals last --json
says '"question":"go on\?"'
run 2 approve last --choice perhaps
run 0 approve last --reason 'why not'
says 'continue: ok is decided'
until_says ' succeeded' show last
run 5 approve last

# ---- usage and breakers ----
run 0 usage last
complains 'no model was called'
run 2 breaker agent:claude
run 2 breaker agent:claude --open
complains '--reason'
run 0 breaker agent:claude --open --reason billing
says 'forced_open' 'billing'
run 0 breakers --json
says '"name":"agent:claude"' '"state":"forced_open"'
run 0 breaker agent:claude --auto
says 'closed'

run 0 fsck
