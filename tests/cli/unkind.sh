#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Surroundings that are not as they should be: no room for the output, nobody who reads it, no standard streams, no HOME,
# no editor, no shell, no git, few descriptors, files that may be no larger, paths of odd names, many calls at once, a
# home that others can write into, that is read-only, that goes away.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"

# shellcheck disable=SC2016 # nothing is to be expanded there
odd=$(printf '%s/ü ö\n"q$x/work' "$tmp")
mkdir -p "$odd"
PAWL_HOME=$(dirname "$odd")/home
cp "$PAWL_DATA/examples/hello.yaml" "$odd/my flow.yaml"
cp "$PAWL_DATA/examples/back.yaml" "$odd/back.yaml"
cd "$odd"
run 0 run 'my flow.yaml'
run 0 exec last/left -- pwd
grep -qF '"q' "$tmp/out" || fail "not in the folder of the run"
run 0 export last -o "$(printf 'x y\nz')"
run 0 import "$(printf 'x y\nz')"
run 0 show last
says 'workspace .*\\x0A' # one line, whatever is in it

# ---- where the output goes ----
for words in 'runs' 'show last' 'events' 'logs last/left' 'help' 'version' 'status' 'engine status' 'doctor' 'fsck -q --json' \
	'completion bash' 'exit-codes' 'validate back.yaml' 'graph back.yaml' 'runs --json'; do
	got=0
	# shellcheck disable=SC2086
	timeout 20 "$pawl" $words >/dev/full 2>"$tmp/err" || got=$?
	[ "$got" = 11 ] || fail "pawl $words >/dev/full: exit status $got"
	complains 'No space left'
	got=0
	# shellcheck disable=SC2086
	timeout 20 "$pawl" $words <&- >"$tmp/out" 2>"$tmp/err" || got=$?
	[ "$got" = 0 ] || [ "$words" = doctor ] || fail "pawl $words <&-: exit status $got"
	# shellcheck disable=SC2086
	timeout 20 "$pawl" $words <&- >&- 2>&- || : # it ends; nothing of the home was written to
done
"$pawl" events 2>"$tmp/err" | head -1 >"$tmp/out"
[ ! -s "$tmp/err" ] || fail "a reader who leaves is a matter of words"
run 0 fsck

# ---- what is not there ----
env -u HOME -u PAWL_HOME "$pawl" runs >"$tmp/out" 2>"$tmp/err" && fail "a home out of nothing"
complains 'set PAWL_HOME'
EDITOR=/nonexistent SHELL=/nonexistent
export EDITOR SHELL
unset VISUAL
run 5 edit last left
complains 'the editor "/nonexistent" ended with 127' 'set EDITOR'
run 15 shell last/left
complains 'SHELL is /nonexistent'
EDITOR=false
run 5 edit last left
complains 'nothing was changed'
run 0 engine stop
mkdir "$tmp/bin"
for program in sh sleep cat echo env basename wc sed rm mkdir test ls; do
	ln -s "$(command -v $program)" "$tmp/bin"
done
real=$pawl
pawl=$tmp/pawl
printf '#!/bin/sh\nPATH="%s"\nexec "%s" "$@"\n' "$tmp/bin" "$real" >"$pawl"
chmod +x "$pawl"
run 1 run -q back.yaml
run 5 rollback last build
complains 'cannot start git'
run 0 doctor
says 'git is missing'
run 0 engine stop
pawl=$real

# ---- limits ----
(
	# shellcheck disable=SC3045 # every sh here has it
	ulimit -n 48
	run 0 run -q 'my flow.yaml'
) || exit 1
run 0 engine stop
(
	ulimit -f 64 # blocks of 512 bytes: less than the database has
	"$pawl" run -q back.yaml >"$tmp/out" 2>"$tmp/err" && fail "nothing is missing"
	[ $? -lt 128 ] || fail "a signal"
) || exit 1
! grep -q . "$tmp/err" || complains '^pawl: '
run 0 engine stop
run 0 fsck

# ---- many at once, of whom one starts the engine ----
i=0
while [ $((i += 1)) -le 100 ]; do
	"$pawl" submit -q 'my flow.yaml' >"$tmp/many.$i" 2>&1 &
done
wait
[ "$(cat "$tmp"/many.* | grep -c '^o-')" = 100 ] || fail "not all were taken: $(cat "$tmp"/many.* | grep -v '^o-' | sort | uniq -c)"
[ "$(cat "$tmp"/many.* | sort -u | wc -l)" = 100 ] || fail "two are the same"
until_says '0 orders wait' status

# ---- homes ----
mkdir "$tmp/loose"
chmod 777 "$tmp/loose"
run 6 --home "$tmp/loose" runs
complains 'others can write into it' 'chmod o-w'
echo >"$tmp/file"
run 2 --home "$tmp/file" runs
complains 'is .*: not a folder'
chmod 755 "$tmp/loose"
run 0 --home "$tmp/loose" runs
[ "$(stat -c %a "$tmp/loose/state.db")" = 600 ] || fail "others can read the database"
run 0 --home "$tmp/loose" engine stop

# An engine that was killed this very moment, its sockets and its lock still open, is in nobody's way.
printf 'nodes: {one: {run: "true"}}\n' >"$tmp/short.yaml"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	run 0 --home "$tmp/killed" engine start -q
	for command in "engine start -q" "runs" "submit -q $tmp/short.yaml"; do
		run 0 --home "$tmp/killed" engine status --json
		kill -9 "$(json pid)"
		# shellcheck disable=SC2086 # several words
		run 0 --home "$tmp/killed" $command
	done
done
until_says '"total":12[,}]' --home "$tmp/killed" runs --json
run 0 --home "$tmp/killed" engine stop --kill -q

# Its home is removed under it: nothing stays behind, no engine and no worker, and what runs ends as it would.
cat >"$tmp/waits.yaml" <<END
nodes: {waits: {run: "while [ ! -e '$tmp/go' ]; do sleep 0.05; done; : >'$tmp/went'"}}
END
run 0 --home "$tmp/gone" submit "$tmp/waits.yaml"
until_says 'running .*waits' --home "$tmp/gone" runs
rm -rf "$tmp/gone"
wait_for_end() { # PATTERN
	tries=0
	while pgrep -f -- "$1" >/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || fail "$1 is still there"
		sleep 0.05
	done
}
wait_for_end "pawld --home $tmp/gone"
pgrep -f -- "pawl-worker --home $tmp/gone" >/dev/null || fail "the worker did not stay with its step"
: >"$tmp/go"
wait_for_end "pawl-worker --home $tmp/gone"
[ -e "$tmp/went" ] || fail "the step was cut short"
