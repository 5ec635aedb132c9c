# shellcheck shell=sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The console in a private tmux, beside a real engine with a home of its own; both go when the script ends.
set -eu
LC_ALL=C.UTF-8
TZ=UTC
export LC_ALL TZ
unset PAWL_URL PAWL_HOME MEMORY_STORAGE_ROOT NO_COLOR TMUX PAGER EDITOR VISUAL 2>/dev/null || :
if ! command -v tmux >/dev/null; then
	echo "no tmux here"
	exit 77
fi
here=$(pwd)
pawl=$here/pawl
tmp=$(mktemp -d)
HOME=$tmp
PAWL_HOME=$tmp/home
export HOME PAWL_HOME
server=pawl-$$
# What a sanitizer says would go to a screen that is gone: it is kept, and fails the test.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$tmp/sanitizer
UBSAN_OPTIONS=${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}log_path=$tmp/sanitizer
export ASAN_OPTIONS UBSAN_OPTIONS
trap 'leave' EXIT
trap 'exit 1' INT TERM HUP

tm() { tmux -L "$server" -f /dev/null "$@"; }

leave() {
	status=$?
	tm kill-server 2>/dev/null || :
	"$pawl" engine stop --kill -q >/dev/null 2>&1 || :
	for report in "$tmp"/sanitizer.*; do
		[ -s "$report" ] || continue
		head -60 "$report"
		status=1
	done
	rm -rf "$tmp"
	exit "$status"
}

fail() {
	echo "FAILED: $*"
	tm capture-pane -p || :
	tail -5 "$PAWL_HOME/pawld.log" 2>/dev/null || :
	exit 1
}

# console COLUMNS ROWS [OPTIONS]: open it in a shell, so that ^Z has somewhere to go.
console() {
	columns=$1
	rows=$2
	shift 2
	tm new-session -d -x "$columns" -y "$rows" "env TERM=tmux-256color PS1='prompt: ' sh -i"
	tm set-option -g set-clipboard on
	wait_for 'prompt:'
	tm send-keys "$pawl console --no-session $*" Enter
}

# Keys are counted, for the promises of doc/pawl-console.1 and GETTING_STARTED.
pressed=0
keys() {
	for key; do
		tm send-keys "$key"
		pressed=$((pressed + 1))
	done
}

within() { # NUMBER WHAT: no more keys than that were needed since the last call
	[ "$pressed" -le "$1" ] || fail "$2 took $pressed keys, not $1"
	echo "$2: $pressed keys"
	pressed=0
}

wait_for() {
	i=0
	until tm capture-pane -p | grep -Eq -- "$1"; do
		i=$((i + 1))
		[ $i -lt 200 ] || fail "no /$1/"
		sleep 0.05
	done
}

wait_until() { # COMMAND…
	i=0
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 200 ] || fail "never: $*"
		sleep 0.05
	done
}

shows() {
	tm capture-pane -p | grep -Eq -- "$1"
}
