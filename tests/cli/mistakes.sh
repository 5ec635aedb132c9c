#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What people get wrong: commands, options, ids, values, states, files. Each answer says what is wrong and, where there
# is one, the way out; it ends with the status of its kind, soon, and changes nothing.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"

mkdir "$tmp/work"
cp "$PAWL_DATA/examples/back.yaml" "$tmp/work"
cd "$tmp/work"
x5000() { awk -v word="$1" 'BEGIN { for (i = 0; i < 5000; i++) printf "%s", word }'; }
bad() { # NAME: a file of that name, from the text on standard input; \ is printf's
	text=$(cat)
	# shellcheck disable=SC2059
	printf "$text\n" >"$1.yaml"
}
printf '\357\273\277nodes:\r\n  a:\r\n    run: |\r\n      echo one\r\n' >marks.yaml # a byte order mark, and CR LF
bad ok <<'X'
nodes: {a: {run: "true"}}
X
bad typo <<'X'
nodes:\n  a:\n    rnu: echo
X
bad tab <<'X'
nodes:\n\ta:\n\t\trun: x
X
bad circle <<'X'
nodes:\n  a: {run: x, needs: c}\n  b: {run: x, needs: a}\n  c: {run: x, needs: b}
X
bad negative <<'X'
nodes:\n  a: {run: x, timeout: -5s}\nconcurrency: 99999999999999999999
X
bad types <<'X'
nodes:\n  a: {run: x, timeout: [1], needs: {b: 1}}
X
bad bomb <<'X'
a: &a [x, x]\nb: &b [*a, *a]\nnodes: {a: {run: x}}
X
bad twice <<'X'
nodes:\n  a: {run: x}\n  a: {run: y}
X
bad two <<'X'
nodes: {a: {run: x}}\n---\nnodes: {b: {run: x}}
X
bad expression <<'X'
nodes:\n  a: {run: x, env: {X: "${{ params.nope }}"}}
X
bad script <<'X'
nodes:\n  a: {run: "echo ${{ params.x }}"}
X
bad sub <<'X'
nodes:\n  a: {workflow: nothere.yaml}
X
bad itself <<'X'
nodes:\n  a: {workflow: itself.yaml}
X
bad control <<'X'
nodes:\n  b: {rnu\033[2J: x}
X
bad folder <<'X'
workspace: {folder: /nonexistent}\nnodes: {a: {run: "true"}}
X
printf 'nodes:\n  a: {run: "x\000y"}\n' >nul.yaml
printf 'nodes:\n  a: {run: "\344"}\n' >latin.yaml
printf 'nodes: %s%s\n' "$(x5000 '[')" "$(x5000 ']')" >deep.yaml
: >empty.yaml
awk 'BEGIN { for (i = 0; i < 110000; i++) print "# a comment that goes on and on and on, and then on and on and on, without saying what it is that it is about" }' >big.yaml
mkdir dir.yaml
mkfifo pipe.yaml
ln -s loop.yaml loop.yaml
ln -s /dev/full full

run 0 validate ok.yaml marks.yaml
run 1 run -q back.yaml
id=$(PAWL_HOME=$PAWL_HOME "$pawl" runs --json | grep -o 'r-[0-9a-z]*' | head -1)
run 0 submit -q ok.yaml --hold
"$pawl" show "$id" --json >"$tmp/before"

while IFS='|' read -r want pattern command; do
	[ -n "$want" ] || continue
	count=$((count + 1))
	got=0
	eval "timeout 20 \"\$pawl\" $command" >"$tmp/out" 2>"$tmp/err" </dev/null || got=$?
	[ "$got" = "$want" ] || fail "pawl $command: exit status $got, not $want"
	case $command in validate*) cat "$tmp/out" >>"$tmp/err" ;; esac # the mistakes are what was asked for
	complains "$pattern"
	! grep -qaE '[a-z_]+\.[ch]:[0-9]|assert|core dumped|Sanitizer' "$tmp/err" || fail "pawl $command: shows what is inside"
	! LC_ALL=C tr -d '\t\n -~\200-\377' <"$tmp/err" | grep -qa . || fail "pawl $command: its answer holds control characters"
	! grep -q 'unknown error' "$tmp/err" || fail "pawl $command: does not know what is wrong"
	grep -q 'pawl' "$tmp/err" || grep -Eq '^[^ ]+:[0-9]+:[0-9]+: ' "$tmp/err" || fail "pawl $command: who says that?"
done <<'END'
2|did you mean: pawl show|shwo last
2|no command "nonsense"|nonsense
2|see: pawl --help|-x
2|did you mean --json|--jsn runs
2|see: pawl show --help|show --bogus
4|no run and no order nope|show nope
4|no run and no order nope|cancel nope
4|no run r-zzzzzzzzz|show r-zzzzzzzzz
4|no order o-zzz|show o-zzz
4|has no node nope|show last/nope
4|no attempt 99|show last/publish.99
4|no event 99999999|show '#99999999'
2|#123|show '#x'
2|empty|show ''
2|r-3f9k2m7qd|show 'a b'
2|needs more: RUN|pause
5|possible now: retry, resume_from, rollback, fork, acknowledge, skip, mark, break, unbreak, edit, undo, shell$|pause last
5|which is failed|resume last
5|which is failed|freeze last
5|which is failed|step last
5|which is failed|cancel last
4|has no node nope|until last nope
2|--failure|until last
4|has no node nope|retry last nope
2|RUN CHECKPOINT|rollback last
4|no node nope|rollback last nope
4|no checkpoint 99|rollback last 99
4|no checkpoint 99|fork last 99
2|RUN NODE|resume-from last
3|no parameter 'nope'|resume-from last publish --set nope=1
3|no parameter 'nope'|resume-from last publish --set nope=1 --dry-run
3|careful|resume-from last publish --set careful=maybe --dry-run
2|name of a variable|resume-from last publish --env nope: --dry-run
3|no parameter 'nope'|edit last --set nope=1
2|--set, --env, --output|edit last
3|did you mean 'run'|edit last --definition typo.yaml
4|no node nope|edit last --output nope.x=1
2|--reason|skip last publish
2|--reason|mark last publish
4|no node nope|break last nope
2|none of ready|break last publish:nope
2|closing parenthesis|break last 'publish:output=('
4|no breakpoint 99|break last -d 99
2|no number|break last -d x
2|needs more|exec last/publish
5|waits for a decision|approve last
5|order o-[0-9a-z]+, which is|hold "$id"
4|no order o-zzz|release o-zzz
2|from -1000000|priority last x
2|closing parenthesis|logs last/publish --grep '('
2|A:B|logs last/publish --lines 5:1
4|no such attempt|logs last/publish.9
2|whole number|events --after x
2|possible: pending|runs --state nope
2|from 1|runs -n 0
2|from 1|runs -n 99999999999999999999
4|no report|report last publish
2|RUN/NODE|diff last
4|no such attempt|diff last publish 9.9.9 1.1.1
2|G.I.A|diff last publish x y
2|a file of the workspace|changes last --path ../../etc/passwd
4|no checkpoint 99|changes last 99
2|RUN/NODE|why last
4|No such file|submit nope.yaml
3|typo.yaml:3:5: nodes.a.rnu|submit typo.yaml
3|no parameter 'nope'|submit ok.yaml -p nope=1
2|NAME=VALUE|submit ok.yaml -p nope
2|from -1000000|submit ok.yaml --priority x
2|one argument too many|submit ok.yaml typo.yaml
12|not a file|submit dir.yaml
1|not a folder|run folder.yaml
12|No such file|export last -o /nonexistent/x
5|--force|export last -o full
11|No space left|export last -f -o full
11|No space left|export last -o - >/dev/full
4|No such file|import nope
2|no plain file|import pipe.yaml
3|no archive that pawl wrote|import ok.yaml
2|not a duration|gc --older x
2|not a duration|gc --older -5d
2|start, stop, status|engine nope
2|bash or zsh|completion csh
2|see: pawl help|help nope
2|http|--url ftp://x runs
6|cannot speak to|--url http://127.0.0.1:1 runs
2|inside /dev|--home /dev/null runs
2|empty|--home '' runs
2|absolute|--home relative/x runs
2|not a terminal|console
3|typo.yaml:3:5: nodes.a.rnu: .*did you mean 'run'|validate typo.yaml
3|tab.yaml:2:1: .*indent with spaces|validate tab.yaml
3|circle.yaml:2:22: .*a -> c -> b -> a|validate circle.yaml
3|negative.yaml:2:24: .*write it as 90s|validate negative.yaml
3|negative.yaml:3:14: .*from 1 to 10000|validate negative.yaml
3|types.yaml:2:24: .*is wanted here|validate types.yaml
3|bomb.yaml:1:4: .*anchors|validate bomb.yaml
3|twice.yaml:3:3: .*keep one|validate twice.yaml
3|two.yaml:2:1: .*one document|validate two.yaml
3|expression.yaml:2:29: .*declare it under params|validate expression.yaml
3|script.yaml:2:18: .*set it under env|validate script.yaml
3|sub.yaml:2:17: .*nothere.yaml|validate sub.yaml
3|itself.yaml:2:17: .*contain itself|validate itself.yaml
3|control.yaml:2:10: .*U.001B|validate control.yaml
3|nul.yaml:2:14: .*U.0000|validate nul.yaml
3|latin.yaml:2:13: .*save the file as UTF-8|validate latin.yaml
3|deep.yaml:1:71: .*64 levels|validate deep.yaml
3|empty.yaml:1:1: .*nodes:|validate empty.yaml
3|pipe.yaml:1:1: |validate pipe.yaml
10|larger than 1048576|validate big.yaml
12|not a file|validate dir.yaml
12|symbolic links|validate loop.yaml
4|No such file|validate nope.yaml
4|no file|validate ''
END
[ -L full ] || fail "a device was replaced"
"$pawl" show "$id" --json >"$tmp/after"
diff "$tmp/before" "$tmp/after" || fail "the run is not what it was"
run 0 fsck -q
run 0 gc --json
says '"items":\[\]' # nor is anything left of what could not begin
echo "$count commands"
