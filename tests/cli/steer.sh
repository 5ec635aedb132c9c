#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Steering a run by its nodes, from the command line.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"

cat >"$tmp/fails.yaml" <<'X'
name: fails
nodes:
  first: {run: 'echo one'}
  breaks: {needs: first, run: 'echo about to break; exit 7'}
  last: {needs: breaks, run: 'echo last'}
X

# ---- skip and mark ----
run 1 run "$tmp/fails.yaml" --json
failed=$(first_id)
run 2 skip "$failed" breaks
complains '--reason'
run 2 mark "$failed" --reason x
complains 'name a node'
run 5 mark "$failed" first --reason x
complains 'succeeded already'
run 4 mark "$failed/nothing" --reason x
run 2 mark "$failed" breaks --reason x -o nonsense
run 0 mark "$failed" breaks --reason 'done by hand' -o v=1
says 'generation 2'
until_says ' succeeded' show "$failed"
run 0 show "$failed/breaks" --json
says '"state":"succeeded"' '"outputs":\{"v":"1"\}'
run 1 run "$tmp/fails.yaml" --json
failed=$(first_id)
run 0 skip "$failed/breaks" --reason 'not needed' --json
says '"generation":2'
until_says ' succeeded' show "$failed"

run 0 why "$failed" breaks
says 'breaks skipped: it did not run' '! it is skipped: skipped by the operator: not needed' 'earlier generations' 'g1 failed'
run 0 why "$failed/last" --json
says '"kind":"need","holds":true,"node":"breaks"'
run 4 why "$failed" nothing

# ---- two attempts beside each other ----
cat >"$tmp/flaky.yaml" <<'X'
name: flaky
nodes:
  t: {run: 'date; echo "took $$ ms"; [ -e ok ] || { echo broken; exit 3; }; echo good'}
X
run 1 run "$tmp/flaky.yaml" --json
flaky=$(first_id)
workspace=$(json workspace)
run 4 diff "$flaky" t
touch "$workspace/ok"
run 0 retry "$flaky"
until_says '"state":"succeeded"' show "$flaky" --json
run 0 diff "$flaky" t 2.2.1 1.1.1
says '^--- .*2\.2\.1 succeeded' '^\+\+\+ .*1\.1\.1 failed, exit, exit code 3' '^-good' '^\+broken' '2 lines are the same, 1 removed, 1 added'
run 0 diff "$flaky/t" 1.1.1 2.2.1 -U 0 --json
says '"op":"remove"' '"text":"broken"'
run 2 diff "$flaky" t 1 2 3
run 2 diff "$flaky" t nonsense

# ---- standing where a node stood ----
cat >"$tmp/stand.yaml" <<'X'
name: stand
params: {key: {type: string, secret: true, required: true}}
env: {COLOUR: blue}
nodes:
  t: {run: '[ "$COLOUR" = green ] || [ -e mended ]', env: {SHAPE: round}, limits: {open_files: 77}}
X
run 1 run "$tmp/stand.yaml" -p key=hush --json
stand=$(first_id)
workspace=$(json workspace)
# shellcheck disable=SC2016
run 0 exec "$stand/t" -- sh -c 'pwd; echo "$COLOUR $SHAPE $PARAM_KEY $PAWL_NODE $PAWL_ATTEMPT"; ulimit -n'
says "^$workspace\$" '^blue round hush t 1$' '^77$'
run 9 exec "$stand" t -- sh -c 'exit 9'
# shellcheck disable=SC2016
run 143 exec "$stand/t" -- sh -c 'kill $$'
run 127 exec "$stand/t" -- /nonexistent/program
run 2 exec "$stand/t"
run 4 exec "$stand/nothing" -- true
run 0 events --run "$stand" --type node.shell --json
says '"type":"node.shell_ended".*"outcome":"leave","exit_code":9'
grep -q hush "$tmp/out" && fail "a secret is in the events"
SHELL=/bin/sh "$pawl" shell "$stand" --then retry -q <<'X' >"$tmp/out" 2>"$tmp/err" || fail "pawl shell"
touch mended
exit 3
X
says 'running|succeeded'
until_says '"state":"succeeded"' show "$stand" --json
run 0 events --run "$stand" --type node.shell_ended --json
says '"outcome":"retry","exit_code":3'
run 2 shell "$stand" t --then dance
run 5 shell "$stand"
complains 'no node of .* has failed'
run 0 resume-from "$stand" t
until_says '"state":"succeeded"' show "$stand" --json

# ---- editing between steps ----
cat >"$tmp/edit.yaml" <<'X'
name: edit
params: {n: {type: int, default: 1}}
nodes:
  a:
    run: 'echo v=1 >> "$PAWL_OUTPUT"'
  b:
    needs: a
    env: {V: "${{ nodes.a.outputs.v }}"}
    run: 'echo "$V $PARAM_N ${X-}"; [ "$PARAM_N" = 3 ]'
X
run 1 run "$tmp/edit.yaml" --json
edit=$(first_id)
run 2 edit "$edit"
run 3 edit "$edit" --set m=1
run 2 edit "$edit" --output nonsense
run 0 edit "$edit" --set n:=2 --output a.v=7 --env X=y --reason try
says 'is edited: failed, generation 1'
run 1 run "$tmp/edit.yaml" -q
run 0 retry "$edit" --set n=3 --json
until_says '"state":"succeeded"' show "$edit" --json
run 0 logs "$edit/b"
[ "$out" = '7 3 y' ] || fail "the edit is not seen"
# shellcheck disable=SC2016
printf '#!/bin/sh\nsed -i "s/= 3/= 4/" "$1"\n' >"$tmp/editor"
chmod +x "$tmp/editor"
export EDITOR="$tmp/editor"
unset VISUAL
run 0 edit "$edit" b
says 'generation 3'
run 0 edit "$edit" b
complains 'nothing was changed'
run 0 resume-from "$edit" b
until_says '"state":"failed"' show "$edit" --json
sed -i 's/= 3/= 5/' "$tmp/edit.yaml"
run 0 retry "$edit" --dry-run
says 'changed since, and used only with --with-definition new: .*edit.yaml: b$'
run 0 retry "$edit" --set n=5 --with-definition new
until_says '"state":"succeeded"' show "$edit" --json
sed -i 's/^  b:/  bb:/' "$tmp/edit.yaml"
run 0 resume-from "$edit" a --with-definition new --dry-run
says 'rerun +a: ' 'open +bb: ' 'used as it is now: .*edit.yaml: \+bb, -b$'
run 5 resume-from "$edit" b --with-definition new
complains 'the definition has no b any more'
run 0 resume-from "$edit" bb --with-definition new
until_says '"state":"succeeded"' show "$edit" --json
run 0 show "$edit/b"
says 'the definition has it no more'
# shellcheck disable=SC2016
printf '#!/bin/sh\nsed -i "s/= [35]/= 6/" "$1"\n' >"$tmp/editor"
run 0 resume-from "$edit" bb --edit
until_says '"state":"failed"' show "$edit" --json
run 2 retry "$edit" --with-definition other

# ---- undo ----
run 0 submit "$tmp/edit.yaml" -q --paused
until_says '"state":"paused"' runs -w edit -n 1 --json
undo=$(first_id)
run 0 edit "$undo" --set n=9
run 0 undo "$undo" --json
says '"params":\{"n":1\}'
run 5 undo "$undo"
complains 'nothing to undo'
run 0 cancel "$undo"

# ---- breakpoints, several targets, the first failure ----
cat >"$tmp/chain.yaml" <<'X'
name: chain
nodes:
  a: {run: 'true'}
  b: {needs: a, run: 'echo warning 7'}
  c: {needs: b, run: 'true'}
X
run 0 submit "$tmp/chain.yaml" -q --break b
until_says '"reason":"breakpoint"' runs -w chain --json
paused=$(first_id)
run 0 break "$paused"
says '1 +b +1 +ready'
run 0 break "$paused" '*:output=^warn(ing|ed), or .|warning [0-9]' 'c:state=running,hits=2,class=exit'
says '2 +\*.*output /' '3 +c +0 +running, class exit, from hit 2 on'
run 0 resume "$paused"
until_says '"hit":1' break "$paused" --json
until_says '"state":"paused"' show "$paused" --json
run 0 break "$paused" -d all
complains 'stops nowhere'
run 4 break "$paused" nothing
run 2 break "$paused" 'a:oh=1'
run 2 break "$paused" ':failed'
run 2 break "$paused" 'a:hits=0'
run 0 resume "$paused"
until_says '"state":"succeeded"' show "$paused" --json
run 0 submit "$tmp/fails.yaml" -q --until-failure
until_says '"reason":"failure"' runs -w fails -n 1 --json
run 0 cancel "$(first_id)"
run 0 submit "$tmp/chain.yaml" -q --until b --until c
until_says '"reason":"until"' runs -w chain -n 1 --json
until_says '"state":"paused"' runs -w chain -n 1 --json
run 0 show "$(first_id)/c" --json
says '"state":"(ready|pending)"'

run 0 fsck
