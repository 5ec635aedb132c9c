#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# README and GETTING_STARTED are typed as they stand: each command in its order, against a real engine, in a folder with
# the shipped examples and the README's hello.yaml. A command ends as it says, and what is shown below it ("| …") is what
# it prints, but for ids, times and paths.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"

LC_ALL=C.UTF-8
SHELL=/bin/sh
export SHELL
sources=$(cd "${srcdir:-.}" && pwd)
mkdir "$tmp/try" "$tmp/bin"
cp "$sources"/data/examples/*.yaml "$tmp/try"
ln -s "$pawl" "$tmp/bin/pawl"
PATH=$tmp/bin:$PATH
cd "$tmp/try"
sed -n '/^hello\.yaml:$/,/^    pawl /p' "$sources/README" | sed -n 's/^    //p' | sed '/^pawl /d' >hello.yaml
grep -q '^nodes:$' hello.yaml || fail "the README has no hello.yaml"

# What differs from run to run.
plain() {
	sed -E -e 's/\b[ro]-[0-9a-z]{9}\b/ID/g' -e 's/\b[0-9]+(\.[0-9]+)?(ms|s)\b/TIME/g' -e 's/[0-9]{2}:[0-9]{2}:[0-9]{2}/CLOCK/g' \
		-e 's/ +/ /g' -e 's/^ //' -e 's/ $//'
}

# Until nothing moves by itself any more: the next command is for what the one before has led to.
settled() {
	tries=0
	until pawl runs --json >"$tmp/runs" 2>/dev/null && pawl queue --json >"$tmp/queue" 2>/dev/null &&
		! grep -Eq '"state":"(pending|preparing|running|pausing|canceling|rolling_back)"' "$tmp/runs" &&
		! grep -Eq '"state":"(pending|queued|running)"' "$tmp/queue"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || fail "it never comes to rest: $(cat "$tmp/runs")"
		sleep 0.05
	done
}

status_of() { # what its exit status is to be
	case $1 in
	'pawl run back.yaml') echo 1 ;; # "… and fails"
	*) echo 0 ;;
	esac
}

type_in() { # FILE
	typed=0
	while IFS= read -r line; do
		case $line in
		'      | '*)
			want=$(printf '%s\n' "${line#      | }" | plain)
			plain <"$tmp/out" | grep -qxF -- "$want" || fail "$1: after \"$command\" there is no line \"$want\""
			continue
			;;
		'    pawl' | '    pawl '*) ;;
		*) continue ;;
		esac
		command=$(printf '%s\n' "$line" | sed -e 's/^    //' -e 's/  .*//')
		[ "$command" != pawl ] || continue # the console: tests/tui
		typed=$((typed + 1))
		settled
		got=0
		printf 'exit\n' >"$tmp/in"
		eval "timeout 60 $command" >"$tmp/out" 2>"$tmp/err" <"$tmp/in" || got=$?
		[ "$got" = "$(status_of "$command")" ] || fail "$1: $command: exit status $got"
	done <"$1"
	settled
	[ "$typed" -ge "$2" ] || fail "$1: only $typed commands were found"
	echo "$1: $typed commands"
}

cd "$tmp/try"
type_in "$sources/README" 4
type_in "$sources/doc/GETTING_STARTED" 50
pawl fsck -q || fail "fsck"

# Every verb that goes on after a failure is named there.
for verb in show why changes diff shell exec retry resume-from rollback checkpoints edit undo skip mark fork ack gc export import fsck; do
	sed -n '/^When it failed/,/^Iterations/p' "$sources/doc/GETTING_STARTED" | grep -q "pawl $verb" || fail "GETTING_STARTED says nothing of pawl $verb"
done
