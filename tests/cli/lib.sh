# shellcheck shell=sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What the scripts of this folder share: a home and an engine of their own, which go when the script ends.
set -eu
LC_ALL=C
TZ=UTC
export LC_ALL TZ
unset PAWL_URL PAWL_HOME MEMORY_STORAGE_ROOT NO_COLOR 2>/dev/null || :
here=$(pwd)
PAWL_DATA=$(cd "${srcdir:-.}/data" && pwd) # a build folder may lie anywhere
export PAWL_DATA
pawl=${PAWL:-$here/pawl}
tmp=$(mktemp -d)
PAWL_HOME=$tmp/home
export PAWL_HOME
trap 'leave' EXIT
trap 'exit 1' INT TERM HUP
count=0

leave() {
	# An engine first, so that steps that were left to their workers end, too.
	[ ! -d "$PAWL_HOME" ] || "$pawl" engine start -q >/dev/null 2>&1 || :
	"$pawl" engine stop --kill -q >/dev/null 2>&1 || :
	rm -rf "$tmp"
}

fail() {
	echo "FAILED: $*"
	echo "--- standard output"; cat "$tmp/out" 2>/dev/null || :
	echo "--- standard error"; cat "$tmp/err" 2>/dev/null || :
	echo "--- engine"; tail -5 "$PAWL_HOME/pawld.log" 2>/dev/null || :
	exit 1
}

# run STATUS WORDS…: run pawl; it must end so. Output is in $out and in the files out and err.
run() {
	want=$1
	shift
	count=$((count + 1))
	got=0
	"$pawl" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || got=$?
	out=$(cat "$tmp/out")
	[ "$got" = "$want" ] || fail "pawl $*: exit status $got, not $want"
}

says() { # PATTERN…: each is in the output
	for pattern; do
		grep -Eq -- "$pattern" "$tmp/out" || fail "no /$pattern/ in the output"
	done
}

complains() {
	for pattern; do
		grep -Eq -- "$pattern" "$tmp/err" || fail "no /$pattern/ in the errors"
	done
}

# until_says PATTERN WORDS…: repeat the command until its output has the pattern, at most 20 s.
until_says() {
	pattern=$1
	shift
	tries=0
	until "$pawl" "$@" >"$tmp/out" 2>"$tmp/err" && grep -Eq -- "$pattern" "$tmp/out"; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || fail "pawl $* never says /$pattern/"
		sleep 0.05
	done
}

# json KEY: the first value of that name in the output, bare.
json() {
	sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" "$tmp/out" | head -1
}

# The first of several "id" members: greedy matching above would find the last.
first_id() {
	grep -o '"id":"[^"]*"' "$tmp/out" | head -1 | cut -d'"' -f4
}
