#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# An agent mends a program, and does not get there: why is seen, in the file itself; what it changed; what it said; it is told
# something else, and runs again. Then a question is answered, and a circuit breaker forced. All with a real engine, and with
# the keys counted.
. "${srcdir:-.}/tests/tui/lib.sh"

# An editor that tells where it was opened, or puts another prompt in the place of the old one.
cat >"$tmp/editor" <<END
#!/bin/sh
echo "\$*" >>"$tmp/edited"
for last; do :; done
case \$1 in
+*) ;;
*) sed -i 's/Mend it\\./Mend it, and begin with the first element./' "\$last" ;;
esac
END
chmod +x "$tmp/editor"
EDITOR=$tmp/editor
export EDITOR

# The agent does what its prompt says, and no more.
cat >"$tmp/mend.yaml" <<'END'
name: mend
nodes:
  broken:
    run: |
      cat >stats.c <<'C'
      int largest(const int *v, int n)
      {
      	int best = 0
      	return best;
      }
      C
      cat >check.sh <<'SH'
      if ! grep -q 'best = v\[0\];' stats.c; then
      	echo "stats.c:3: error: largest of -7 -3: expected -3, got 0"
      	exit 1
      fi
      SH
      cat >agent.sh <<'SH'
      prompt=$(cat)
      line() { printf '%s\n' "$1"; }
      line '{"type":"system","subtype":"init","session_id":"s1","model":"scripted","tools":["Edit"],"cwd":"."}'
      line '{"type":"assistant","message":{"id":"m1","model":"scripted","role":"assistant","content":[{"type":"text","text":"I look at stats.c first."}],"usage":{"input_tokens":100,"output_tokens":20}},"session_id":"s1"}'
      line '{"type":"assistant","message":{"id":"m2","model":"scripted","role":"assistant","content":[{"type":"tool_use","id":"t1","name":"Edit","input":{"file_path":"stats.c","new_string":"a semicolon"}}],"usage":{"input_tokens":100,"output_tokens":30}},"session_id":"s1"}'
      sed -i 's/best = 0$/best = 0;/' stats.c
      case $prompt in
      *'first element'*) sed -i 's/best = 0;/best = v[0];/' stats.c ;;
      esac
      line '{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"one semicolon added"}]},"session_id":"s1"}'
      line '{"type":"result","subtype":"success","is_error":false,"duration_ms":5,"num_turns":2,"result":"It is mended.","session_id":"s1","total_cost_usd":0.001,"usage":{"input_tokens":200,"output_tokens":50}}'
      SH
  fix:
    needs: broken
    agent: {command: sh agent.sh, adapter: claude, prompt: "stats.c is broken. Mend it."}
    verify:
      - {level: L0, name: there, files: [stats.c]}
      - {level: L1, name: syntax, run: "grep -q 'best = .*;' stats.c", parse: gcc}
      - {level: L1, name: tests, run: sh check.sh, parse: gcc}
      - {level: L2, name: outside, fixture: {run: "true"}}
    loop: {strategy: fixed, max: 2}
    budget: {iterations: 4, tokens: 1000}
END
cat >"$tmp/ask.yaml" <<'END'
name: release
nodes:
  draft: {run: "echo Version 2 >announcement"}
  ask:
    needs: draft
    approval: {ask: "Announce it?", choices: [continue, redirect, abort], to: [draft], timeout: 1h}
  announce: {needs: ask, run: "cat announcement"}
END
cat >"$tmp/live.yaml" <<END
name: live
nodes:
  think:
    agent: {command: sh $tmp/think.sh, adapter: claude, prompt: "Think."}
END
cat >"$tmp/think.sh" <<END
cat >/dev/null
echo '{"type":"system","subtype":"init","session_id":"s1","model":"scripted","tools":[],"cwd":"."}'
echo '{"type":"assistant","message":{"id":"m1","model":"scripted","role":"assistant","content":[{"type":"text","text":"I think."}],"usage":{"input_tokens":4321,"output_tokens":79}},"session_id":"s1"}'
until [ -e $tmp/thought ]; do sleep 0.05; done
echo '{"type":"result","subtype":"success","is_error":false,"duration_ms":5,"num_turns":1,"result":"Thought.","session_id":"s1","total_cost_usd":0.002,"usage":{"input_tokens":4321,"output_tokens":79}}'
END
"$pawl" engine start -q
"$pawl" run -q "$tmp/mend.yaml" >/dev/null 2>&1 || :

# From the start to the line of the failing test, in the editor.
console 80 24
wait_for 'ITERATIONS +run r-[0-9a-z]+ mend'
wait_for '>.*2 fix +FAIL +stop .*250 +[$]0.0010'
wait_for '  *1 fix +FAIL +continue'
wait_for 'stats.c:3: error: largest of -7 -3: expected -3, got 0'
pressed=0
keys E
wait_for 'CHECKS +run r-[0-9a-z]+ > fix > it 2'
wait_for '> +stats.c:3 +error: largest of -7 -3'
wait_for 'L2 fixtures +not reached'
keys Enter
wait_until grep -q -- "^+3 -- .*/work/stats.c\$" "$tmp/edited"
within 2 "from the start to the failing test's line"

# What it changed since the iteration before; what its checks said then.
wait_for 'CHECKS'
keys '{'
wait_for 'CHECKS +run r-[0-9a-z]+ > fix > it 1'
keys d
wait_for 'FILES +run r-[0-9a-z]+ +fix@1.0 > fix@1.1'
wait_for '[+].*best = 0;'
keys Escape
wait_for 'CHECKS'
keys '}'
wait_for 'fix > it 2'
keys Escape
wait_for 'ITERATIONS'
pressed=0
keys d
wait_for 'DIFFERENCE +run r-[0-9a-z]+ > fix'
wait_for '[-][-][-] .*fix 1.1.2'
wait_for '[+][+][+] .*fix 1.2.2'
keys d
wait_for 'the files are the same'
within 2 "the difference to the last good iteration"
keys Escape
wait_for 'ITERATIONS'

# What it said: a call is a line, and opens.
pressed=0
keys t
wait_for 'TRANSCRIPT .*1 tool call'
wait_for '>agent> +I look at stats.c first.'
keys n
wait_for '>tool> +Edit stats.c +=.* 1 line'
if shows 'one semicolon added'; then fail "the call is not folded"; fi
keys Enter
wait_for 'one semicolon added'
wait_for 'a semicolon'
within 3 "what a tool call was given, and gave"

# What it was told, and how it was judged.
keys I
wait_for 'PROMPT'
wait_for 'Mend it[.]'
wait_for 'The checks of iteration 1 failed at level L1'
keys J
wait_for 'it 1 +rejected +continue: its checks failed'
wait_for '> it 2 +rejected +stop max_iterations: no iteration is left after 2'
wait_for 'node +iterations +\[#+[.]+\] 2 of 4 +50%'
wait_for 'node +tokens +\[#+[.]+\] 500 of 1.0k +50%'
keys Escape
wait_for 'ITERATIONS'

# Another prompt, and again.
pressed=0
keys e
wait_until grep -q -v -- '^+3' "$tmp/edited"
wait_for 'ITERATIONS'
keys r
wait_for 'run again what failed in r-[0-9a-z]+ mend'
keys y
wait_until sh -c "'$pawl' show last --json | grep -q '\"state\": *\"succeeded\"'"
wait_for 'fix +ok +passed'
within 3 "retry with an edited prompt"

# A question rings, and is answered from wherever one is.
keys 2
"$pawl" submit -q "$tmp/ask.yaml" >/dev/null
wait_for 'ask asks: Announce it[?]'
pressed=0
keys Y
wait_for 'QUESTIONS'
wait_for '>.* ask .*Announce it[?]'
wait_for 'redirect to: draft'
keys Enter Tab
wait_for 'reason: continue *$'
tm send-keys -l 'it was read twice' && keys Enter
wait_until sh -c "'$pawl' show last --json | grep -q '\"state\": *\"succeeded\"'"
within 4 "answer a question"
"$pawl" events --json 2>/dev/null | grep -q 'it was read twice' || fail "the reason is not in the history"
wait_for 'nothing waits for a person'

# A breaker: who forced it and why stands with it.
keys Escape
keys O
wait_for '>.*agent:sh +closed'
pressed=0
keys o
wait_for 'agent:sh: force it open, because:'
tm send-keys -l billing && keys Enter
wait_for 'force agent:sh open: nothing is called[?]'
keys y
wait_for 'agent:sh +FORCED OPEN .*billing'
within 3 "force a breaker open"
keys "="
wait_for 'let agent:sh work by itself again[?]'
keys y
wait_for 'agent:sh +closed'

# What an agent has used so far is seen while it works, and goes with it.
keys Escape 2 g
"$pawl" submit -q "$tmp/live.yaml" >/dev/null
wait_for ' live .*run'
keys g 3
wait_for '>.*1 think +run'
wait_for '^ [-|/\\] 00:[0-9]+ .*4[.]?[0-9]*k? .*node think'
: >"$tmp/thought"
wait_for '>.*1 think +ok'
if shows '^ [-|/\\] 00:'; then fail "it still works, says the last line"; fi
keys q q
wait_for 'prompt:'
