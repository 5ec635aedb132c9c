#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A step fails; the operator sees why, compares it with the last good one, stands in it with a shell, mends it there, lets
# it run again, stops before a node, and does without another: all from the console, with a real engine.
. "${srcdir:-.}/tests/tui/lib.sh"

cat >"$tmp/flow.yaml" <<END
name: ship
params:
  colour: {type: string, default: red}
nodes:
  build: {run: "echo built"}
  test:
    needs: build
    run: |
      echo "colour \$PARAM_COLOUR"
      test ! -e "$tmp/broken" || { echo "error: it is broken"; exit 1; }
  lint: {needs: build, run: "echo 'error: too long'; exit 3"}
  ship: {needs: [test, lint], run: "echo shipped"}
END
"$pawl" engine start -q
"$pawl" run -q "$tmp/flow.yaml" -p colour=blue >/dev/null 2>&1 || :
: >"$tmp/broken"
"$pawl" run -q "$tmp/flow.yaml" >/dev/null 2>&1 || :
cat >"$tmp/editor" <<'END'
#!/bin/sh
sed -i 's/exit 1/exit 0/' "$@"
END
chmod +x "$tmp/editor"
SHELL=/bin/sh EDITOR=$tmp/editor
export SHELL EDITOR

console 100 30
wait_for 'ITERATIONS +run r-[0-9a-z]+'
wait_for '(test|lint) +FAIL'
pressed=0
tm send-keys 3 / && tm send-keys -l test && keys Enter
wait_for '>.*1 test +FAIL'
wait_for 'error: it is broken'
pressed=0
keys W
wait_for 'WHY +run r-[0-9a-z]+ > test'
wait_for 'failed: it ran'
within 1 "why it ended so"
keys Escape
wait_for 'ITERATIONS'
pressed=0
keys d
wait_for 'DIFFERENCE +run r-[0-9a-z]+ > test'
wait_for '[-] colour=blue'
wait_for '[+] error: it is broken'
keys n n
wait_for '>.*(COLOUR|colour|error)'
within 3 "compare with the last good one"
keys Escape
wait_for 'ITERATIONS'

# The shell: the folder and environment of the node; mended there, it runs again.
pressed=0
keys !
wait_for '(test|ship).*[$#] *$'
tm send-keys -l "echo stands with \$PARAM_COLOUR; rm $tmp/broken" && tm send-keys Enter
wait_for 'stands with red'
tm send-keys -l exit && tm send-keys Enter
wait_for '[(]r[)]etry'
tm send-keys r Enter
wait_for '2 test +ok'

# Another node is not needed: with a reason, which is kept.
keys Escape
tm send-keys / && tm send-keys -l lint && keys Enter
wait_for '>.*lint +FAIL'
keys x
wait_for 'lint: do without it, because:'
tm send-keys -l 'known to be too long' && keys Enter
wait_until sh -c "'$pawl' show last --json | grep -q '\"state\": *\"succeeded\"'"
"$pawl" events --json 2>/dev/null | grep -q 'known to be too long' || fail "the reason is not in the history"

# A breakpoint is seen in the graph, and goes again.
keys D
wait_for 'GRAPH +run'
keys b
wait_for 'B\['
keys b
wait_until sh -c "! tmux -L '$server' capture-pane -p | grep -q 'B\\['"
keys q

# A node spoils the files: they are compared with a checkpoint, and the run goes back to it.
cat >"$tmp/files.yaml" <<'END'
name: files
nodes:
  one: {run: "echo one >a"}
  two: {needs: one, run: "echo two >>a"}
  three: {needs: two, run: "test -e mended || { echo junk >>a; echo 'error: spoiled'; exit 1; }"}
END
"$pawl" run -q "$tmp/files.yaml" >/dev/null 2>&1 || :
id=$("$pawl" runs --json | grep -o '"id": *"r-[0-9a-z]*"' | head -n 1 | grep -o 'r-[0-9a-z]*')
work=$PAWL_HOME/runs/$id/work
keys f
wait_for 'error: spoiled'
pressed=0
keys B
wait_for 'CHECKPOINTS +run r-[0-9a-z]+ files'
wait_for '> +2 two .*kept'
keys d
wait_for 'FILES +run'
wait_for '[+]junk'
keys Escape
wait_for 'CHECKPOINTS'
within 3 "see what it did to the files"
keys Enter
wait_for '1 run again, 2 kept'
wait_for '1 written: a'
wait_for "roll back $id to checkpoint 2[?] +last 4 of its id:"
tail4=$(printf %s "$id" | tail -c 4)
for key in $(printf %s "$tail4" | sed 's/./& /g') Enter; do keys "$key"; done
within 6 "roll back to the last good checkpoint"
wait_until sh -c "! grep -q junk '$work/a'"
[ "$(cat "$work/a")" = "one
two" ] || fail "the files are not those of the checkpoint: $(cat "$work/a")"
wait_for 'last way back: done'

# The node's lines are changed before the run goes on.
keys Escape
wait_for 'ITERATIONS'
keys D l l
wait_for 'GRAPH +run'
keys e
wait_until sh -c "'$pawl' show '$id' --json | grep -q '\"generation\": *3'" # 2 was the rollback
wait_for 'GRAPH +run'
keys q 2 g p
wait_until sh -c "'$pawl' show '$id' --json | grep -q '\"state\": *\"succeeded\"'"

# Only the first node runs again, and the files stay: switched at the question, which tells anew what it would do. What was
# made from it is marked until it is made anew, too.
keys R
tm send-keys C-u && tm send-keys -l one && keys Enter
wait_for '3 run again, 0 kept, 0 stale'
wait_for 'K \[ \] keep the files +O \[ \] only this node'
keys O
wait_for '1 run again, 0 kept, 2 stale'
wait_for 'O \[x\] only this node'
keys O
wait_for '3 run again, 0 kept, 0 stale'
keys K
wait_for 'stay as they are: as was asked for'
keys O
wait_for '1 run again, 0 kept, 2 stale'
keys c
wait_until sh -c "tmux -L '$server' show-buffer | grep -qx 'pawl resume-from $id one --keep-files --only'"
keys y
wait_until sh -c "'$pawl' show '$id' | grep -q 'two .*succeeded, stale'"
keys 3
wait_for 'two +stale'
wait_for 'three +stale'
wait_until sh -c "'$pawl' show '$id' | grep -q 'one  *succeeded  '"
"$pawl" show "$id" | grep -q 'one .*stale' && fail "what ran again is no stale node"
keys D
wait_for '~ two stale'
keys q
wait_until sh -c "'$pawl' show '$id' --json | grep -q '\"state\": *\"succeeded\"'"
keys R
tm send-keys C-u && tm send-keys -l two && keys Enter
wait_for '1 cannot be kept'
keys K
wait_for '2 run again, 1 kept, 0 stale;'
keys y
wait_until sh -c "! '$pawl' show '$id' | grep -q 'stale'"
wait_for 'two +ok'
wait_until sh -c "'$pawl' show '$id' --json | grep -q '\"state\": *\"succeeded\"'"
keys 2

# What somebody else did to a run is undone from here, after a question.
cat >"$tmp/slow.yaml" <<'END'
name: soak
nodes:
  first: {run: "sleep 600"}
END
"$pawl" submit -q "$tmp/slow.yaml" >/dev/null
wait_for 'soak +run'
keys g
wait_for '>.*soak +run'
"$pawl" pause last -q >/dev/null
wait_for '>.*soak +(drain|pause)'
pressed=0
keys u
wait_for 'undo what was last done to r-[0-9a-z]+ soak'
keys y
wait_for '>.*soak +run'
within 2 "undo what somebody else did"
"$pawl" cancel last -q >/dev/null
keys q
wait_for 'prompt:'
