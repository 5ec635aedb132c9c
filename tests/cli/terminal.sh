#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is different on a terminal: the live block, colours, the question of Ctrl-C, the refusal of raw bytes; and the
# demo, which leaves nothing behind. Runs in a private tmux; skipped where there is none.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"
command -v tmux >/dev/null || { echo "SKIP: there is no tmux"; exit 77; }

T="tmux -L pawl-cli-$$ -f /dev/null"
trap '$T kill-server 2>/dev/null || :; leave' EXIT
TMPDIR=$tmp
export TMPDIR
unset TMUX
$T new-session -d -s keep -x 100 -y 30 'exec cat' # so that the server stays between sessions

start() { # a shell in a fresh 100x30 terminal
	$T kill-session -t t 2>/dev/null || :
	$T new-session -d -s t -x 100 -y 30 "env LC_ALL=C.UTF-8 PS1='$ ' PAWL_HOME='$PAWL_HOME' TMPDIR='$TMPDIR' PAWL_DATA='$PAWL_DATA' sh"
	wait_for '^\$'
}
keys() { $T send-keys -t t "$@"; }
wait_for() { # PATTERN: the screen shows it, at most 20 s later
	tries=0
	until $T capture-pane -p -t t | grep -Eq -- "$1"; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || { $T capture-pane -p -t t; fail "the screen never shows /$1/"; }
		sleep 0.05
	done
}

cat >"$tmp/slow.yaml" <<X
name: slow
nodes:
  begin: {run: 'true'}
  wait: {needs: begin, run: 'while ! [ -e $tmp/go ]; do sleep 0.05; done'}
X

# ---- the live block ----
start
keys "$pawl run $tmp/slow.yaml; echo status \$?" Enter
wait_for 'slow r-[0-9a-z]+ running \[(█)+(·)+\] 1/2'
wait_for '▶ wait'
touch "$tmp/go"
wait_for 'slow r-[0-9a-z]+ succeeded, 2/2 nodes'
wait_for '^status 0'
$T capture-pane -p -t t | grep -q '\[█' && fail "the block stays on the screen"
rm "$tmp/go"

# ---- Ctrl-C: go on, detach, cancel ----
start
keys "$pawl run $tmp/slow.yaml; echo status \$?" Enter
wait_for '▶ wait'
keys C-c
wait_for 'etach, .c.ancel'
keys g Enter
wait_for '▶ wait'
keys C-c
wait_for 'etach, .c.ancel'
keys d Enter
wait_for 'watch it with: pawl follow r-'
wait_for '^status 130'
keys "$pawl follow last; echo status \$?" Enter
wait_for '▶ wait'
keys C-c
wait_for '^status 130'
run 0 cancel last
until_says '"state":"canceled"' show last --json
start
keys "$pawl run $tmp/slow.yaml; echo status \$?" Enter
wait_for '▶ wait'
keys C-c
wait_for 'etach, .c.ancel'
keys c Enter
wait_for 'slow r-[0-9a-z]+ canceled'
wait_for '^status 16'

# ---- colours, raw bytes ----
start
keys "$pawl runs" Enter
wait_for 'canceled +slow'
$T capture-pane -e -p -t t | grep -q "$(printf '\033')\[2mcanceled" || fail "no colours on a terminal"
start
keys "NO_COLOR=1 $pawl runs; $pawl runs --no-color; echo status \$?" Enter
wait_for '^status 0'
$T capture-pane -e -p -t t | grep -q "$(printf '\033')\[2mcanceled" && fail "colours under NO_COLOR"
start
keys "$pawl logs last/wait --raw; echo status \$?" Enter
wait_for 'could control your terminal'
wait_for '^status 2'
start
keys "TERM=dumb $pawl; echo status \$?" Enter
wait_for 'status --watch'
wait_for '^status 2'

# ---- status --watch ----
start
keys "$pawl status --watch; echo status \$?" Enter
wait_for '0 runs live'
"$pawl" submit "$tmp/slow.yaml" -q >/dev/null
wait_for '1 run live'
touch "$tmp/go"
tries=0
until [ "$($T capture-pane -p -t t | grep -c ' 0 runs live')" -ge 2 ]; do
	tries=$((tries + 1))
	[ $tries -lt 400 ] || { $T capture-pane -p -t t; fail "--watch does not tell the end"; }
	sleep 0.05
done
keys C-c
wait_for '^status 130'
$T capture-pane -p -t t | grep -q ' 1 new failure' && fail "a run that runs counts as a failure"

# ---- demo ----
start
keys "$pawl demo; echo status \$?" Enter
wait_for 'fails.yaml: fails'
wait_for 'NOT OK +pear'
wait_for 'Press Enter for the console'
set -- "$tmp"/pawl-demo-*
if [ $# != 1 ] || [ ! -S "$1/pawl.sock" ]; then fail "where is the demo's home?"; fi
keys C-c
wait_for 'are removed'
wait_for '^status '
ls -d "$tmp"/pawl-demo-* 2>/dev/null && fail "the demo's home stays"

run 0 demo
says 'hello r-[0-9a-z]+ succeeded' 'retries r-[0-9a-z]+ succeeded' 'fails r-[0-9a-z]+ failed' 'NOT OK +pear'
ls -d "$tmp"/pawl-demo-* 2>/dev/null && fail "the demo's home stays"

# Killed in the middle, it still cleans up.
"$pawl" demo >"$tmp/out" 2>&1 &
demo=$!
tries=0
until ls -d "$tmp"/pawl-demo-*/pawl.sock >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 400 ] || fail "the demo does not start"
	sleep 0.05
done
kill -9 $demo
tries=0
while ls -d "$tmp"/pawl-demo-* >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 400 ] || fail "the home of a killed demo stays"
	sleep 0.05
done
