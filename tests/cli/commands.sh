#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every command against a real engine, in plain words and with --json, and how each ends.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"

cat >"$tmp/good.yaml" <<'X'
name: good
params: {who: {type: string, default: world}, n: {type: int, default: 1}}
nodes:
  greet: {run: 'echo "hello $PARAM_WHO $PARAM_N"; echo word=$PARAM_WHO >> "$PAWL_OUTPUT"'}
  after: {needs: greet, run: 'printf "\033[31mred\033[0m \033]0;title\007\n"; echo warning >&2'}
X
cat >"$tmp/bad.yaml" <<'X'
name: bad
nodes:
  first: {run: 'echo one; echo two'}
  breaks: {needs: first, run: 'echo about to break; exit 7'}
  never: {needs: breaks, run: 'true'}
X
cat >"$tmp/long.yaml" <<'X'
name: long
nodes:
  begin: {run: 'true'}
  wait: {needs: begin, run: 'echo waiting; while ! [ -e "$PARAM_FLAG" ]; do sleep 0.05; done; echo over'}
  end: {needs: wait, run: 'true'}
params: {flag: {type: string, required: true}}
X
printf 'name: wrong\nnodes:\n  a: {rum: x}\n' >"$tmp/wrong.yaml"

# ---- without an engine ----
run 6 engine status
complains 'no engine answers' 'pawl engine start'
run 6 engine status --json
complains '^\{"code":"unavailable",'
run 0 engine stop
run 6 status
run 0 version
says '^pawl [0-9]'
run 0 validate "$tmp/good.yaml"
says 'good.yaml: valid, 2 nodes'
run 3 validate "$tmp/good.yaml" "$tmp/wrong.yaml"
says "wrong.yaml:3:[0-9]*: nodes.a.rum: .*did you mean 'run'"
run 3 validate --json "$tmp/wrong.yaml"
says '"valid":false.*"line":3'
run 4 validate "$tmp/none.yaml"
run 0 graph "$tmp/bad.yaml"
says first breaks never
run 0 graph --dot "$tmp/bad.yaml"
says '^digraph'
run 0 graph --mermaid "$tmp/bad.yaml"
says '^flowchart'
run 2 rnus
complains 'did you mean: pawl runs'
run 2 runs --jsno
complains 'did you mean --json'
run 2
complains 'status --watch'
[ ! -e "$PAWL_HOME/pawl.sock" ] || fail "an engine was started for nothing"

# ---- engine ----
run 0 engine start
says 'the engine runs, pid [0-9]+'
run 0 engine start
says 'runs already'
run 0 engine status
says '^state +running' '^pid +[0-9]+'
run 0 engine status --json
pid=$(json pid)
kill -0 "$pid" || fail "engine status --json does not name the engine"
run 0 doctor
says 'home' 'disk' 'kernel' 'engine +pid'
run 0 doctor --json
says '"ok":true'

# ---- submit and run ----
run 0 submit "$tmp/good.yaml"
says '^o-[0-9a-z]+ (queued|running)'
run 0 submit "$tmp/good.yaml" -q --key once
order=$out
run 0 submit "$tmp/good.yaml" -q --key once
[ "$out" = "$order" ] || fail "the same key gave another order"
run 5 submit "$tmp/bad.yaml" --key once
complains 'pawl: '
"$pawl" submit --json - <"$tmp/good.yaml" | grep -q "\"id\":\"o-" || fail "submit from standard input"
run 3 submit "$tmp/wrong.yaml"
complains "wrong.yaml:3:[0-9]*: nodes.a.rum" 'the workflow has'
run 3 submit "$tmp/good.yaml" -p whoo=1
complains "did you mean 'who'"
run 2 submit "$tmp/good.yaml" -p who=1 -p who=2
run 4 submit "$tmp/none.yaml"

run 0 run "$tmp/good.yaml" -p who=you -p n:=2
says 'greet succeeded' 'after succeeded' 'good r-[0-9a-z]+ succeeded, 2/2 nodes'
run 0 run "$tmp/good.yaml" --json
says '^\{"id":"r-[0-9a-z]+",.*"state":"succeeded"'
run 1 run "$tmp/bad.yaml"
says 'breaks failed' 'exit \(exit code 7\)' '\| about to break' 'pawl logs r-[0-9a-z]+/breaks' 'pawl ack'
failed=$(sed -n 's/.* \(r-[0-9a-z]*\) failed.*/\1/p' "$tmp/out")
[ "$failed" ] || fail "the card does not name the run"
run 1 run "$tmp/bad.yaml" -q
run 1 run "$tmp/bad.yaml" --json
says '"state":"failed".*"failure":\{"node":"breaks"'
run 1 follow "$failed"
run 4 follow r-zzzzzzzzz

# ---- lists and things ----
run 0 runs
says '^RUN +STATE' "$failed +failed +bad"
run 0 runs --json
says '^\{"items":\[\{"id":"r-[0-9a-z]+"' '"state":"(succeeded|failed)"' '"total":[0-9]+'
run 0 runs -s failed -w bad -n 1 --json
[ "$(grep -o '"id":"r-' "$tmp/out" | wc -l)" = 1 ] || fail "-n 1 is not one"
run 2 runs -s nonsense
run 0 runs nothing-is-called-so
complains 'no such runs'
run 0 show "$failed"
says 'bad .*failed' '^breaks +failed' '^never +skipped'
run 0 show "$failed" --json
says '^\{"id":"r-'

run 0 show "$failed/breaks"
says '^class +exit' '^1.1.1 +failed'
run 0 show "$failed/breaks.1"
says '^exit code +7'
run 4 show "$failed/breaks.2"
run 4 show "$failed/nothing"
run 0 show "$failed" --partial
says '^completed +\["first"\]'
run 0 show "$failed" --iterations
run 0 show "$failed" --checkpoints
run 0 show "$failed" --definition
says '^name: bad'
run 0 show "$failed" --nodes --json
says '"items":\[\{'
run 0 show "$order"
says '^workflow +good'
run 4 show o-zzzzzzzzz
run 0 show '#1' --json
says '^\{"seq":1,'
run 0 graph "$failed"
says '\+ first' 'x breaks' 'never'
run 0 events
says 'run.failed' "$failed"
run 0 events --run "$failed" --type run. --json
says '"type":"run.failed"'
run 0 events --after 0 -n 2
says '^#1 '
run 0 status
says 'new failure' 'exit code 7'
run 0 workers
says '^ *PID'
run 0 workers --json
says '"items":'

run 0 fsck
complains 'all is well'
run 0 fsck --json
says '"ok":true'

# ---- logs ----
run 0 logs "$failed"
says '^about to break$'
complains "$failed/breaks"
run 0 logs "$failed/first" --lines 2:2
[ "$out" = two ] || fail "--lines 2:2"
run 0 logs "$failed/first" --tail 1 -n
says '^ +2 two$'
run 0 logs "$failed/first" --grep '^o' 
[ "$out" = one ] || fail "--grep"
run 0 logs "$failed/first" --grep '^O' -i -v
[ "$out" = two ] || fail "--grep -v -i"
run 4 logs "$failed/first" --grep nothing
run 2 logs "$failed/first" --grep '('
run 0 logs "$failed/first" --json
says '"n":1,.*"text":"one"'
run 0 logs "$failed/first" --raw
[ "$(wc -c <"$tmp/out")" = 8 ] || fail "--raw is not what was written"
run 0 logs "$failed/first" -f
says one two
run 0 logs "$failed" --all
says '==> first' '==> breaks'
run 0 runs -w good -n 1 --json
good=$(first_id)
run 0 logs "$good/after"
says '^.x1B\[31mred.x1B\[0m .x1B\]0;title.x07$' '^warning$'
run 0 logs "$good/after" --stderr
[ "$out" = warning ] || fail "--stderr"
run 0 logs "$good/after" --times
says '^20[0-9-]*T[0-9:.]*Z +warning'
run 0 ack "$failed"
run 4 logs "$failed/never"

# ---- verbs ----
run 0 submit "$tmp/long.yaml" -q -p "flag=$tmp/flag1"
slow=$out
until_says '"current":\["wait"\]' runs -w long --json
run 0 show "$slow" --json
slow_run=$(json run)
run 0 pause "$slow" --reason look
says "^$slow_run (pausing|paused): look"
run 0 freeze "$slow_run"
says frozen
run 0 freeze "$slow_run"
run 0 resume "$slow_run"
says running
run 0 priority "$slow_run" 5
run 0 until "$slow_run" wait
touch "$tmp/flag1"
until_says '"state":"paused"' show "$slow_run" --json
says '"reason":"until"'
run 0 step "$slow_run" end
run 0 follow "$slow_run"
run 5 pause "$slow_run"
complains 'succeeded'
run 5 pause "$slow_run" --json
complains '^\{"code":"conflict",.*"details":\{.*"legal":\['
run 0 submit "$tmp/long.yaml" -q -p flag=/nonexistent/flag
slow=$out
until_says '"current":\["wait"\]' runs -w long --json
run 0 cancel "$slow" --reason enough
until_says '"state":"canceled"' show "$slow" --json
run 16 follow "$slow"

run 0 queue pause --reason maintenance
says 'pawl queue resume'
run 0 submit "$tmp/good.yaml" -q
o1=$out
run 0 submit "$tmp/good.yaml" -q
o2=$out
run 0 submit "$tmp/good.yaml" -q
o3=$out
run 0 queue
says "^ *1 +$o1" "^ *2 +$o2" "^ *3 +$o3"
run 0 front "$o3"
run 0 back "$o1"
run 0 queue
says "^ *1 +$o3" "^ *2 +$o2" "^ *3 +$o1"
run 0 priority "$o2" 9
run 0 hold "$o3"
run 0 queue --json
[ "$(first_id)" = "$o2" ] || fail "a higher priority is not first"
says "$o3"
run 0 release "$o3"
run 0 cancel "$o3"
says canceled
run 0 queue stats --json
says '"paused":true'
run 0 queue health
run 0 queue resume
until_says '"state":"succeeded"' show "$o1" --json
run 0 queue --history -n 2
run 2 queue nonsense

# ---- an engine that is lost is replaced ----
run 0 engine status --json
pid=$(json pid)
"$pawl" run "$tmp/long.yaml" -p "flag=$tmp/flag3" >"$tmp/out3" 2>"$tmp/err3" &
follower=$!
until_says '"current":\["wait"\]' runs -w long --json
kill -9 "$pid"
tries=0
until grep -q 'another one goes on' "$tmp/err3"; do
	tries=$((tries + 1))
	[ $tries -lt 400 ] || { cat "$tmp/out3" "$tmp/err3"; fail "pawl run does not replace a lost engine"; }
	sleep 0.05
done
touch "$tmp/flag3"
wait $follower || { cat "$tmp/out3" "$tmp/err3"; fail "the run did not succeed after its engine was lost"; }
grep -q 'long r-[0-9a-z]* succeeded' "$tmp/out3" || { cat "$tmp/out3"; fail "no end is told"; }
[ "$(grep -c 'wait running' "$tmp/out3")" = 1 ] || { cat "$tmp/out3"; fail "a step ran twice"; }
run 0 engine status --json
pid=$(json pid)

# ---- the engine's end ----
run 0 submit "$tmp/long.yaml" -q -p "flag=$tmp/flag2"
kept=$out
until_says '"current":\["wait"\]' runs -w long --json
run 0 engine stop
complains 'steps that run go on'
if [ -e "/proc/$pid/status" ] && ! grep -q '^State:.*Z' "/proc/$pid/status"; then
	fail "the engine is still there" # a zombie that nobody reaps is gone, too
fi
touch "$tmp/flag2"
run 0 follow "$kept"
says 'long r-[0-9a-z]+ succeeded'
run 0 engine stop --kill --json
says '"stopping":true'
run 6 engine status
run 0 fsck --json
says '^\{"ok":true,"checks":\[\{"name":'
run 0 fsck
says 'all is well'
echo "$count calls"
