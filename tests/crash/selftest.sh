#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The crash tools on a small program whose durability is known: what flushes as it should loses
# nothing in any image, what does not is caught; and each single failed call costs nothing that was
# said to be safe. PAWL_CRASH_IMAGES sets how many images each case gets.
set -eu
images=${PAWL_CRASH_IMAGES:-100}
here=$PWD/tests/crash
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

bad() {
	echo "selftest: $*"
	exit 1
}

# ---- power loss: record once, rebuild many times ----
powerloss() { # mode, entries, what replay's exit status must be: 0 nothing lost, 1 lost, 2 corrupt
	mkdir "$scratch/$1" "$scratch/$1/data"
	: >"$scratch/$1/log"
	PAWL_RECORD_DIR=$scratch/$1/data PAWL_RECORD_LOG=$scratch/$1/log LD_PRELOAD=$here/record.so \
		"$here/ledger" write "$1" "$scratch/$1/data" "$2" "$scratch/$1/log"
	"$here/replay" --verify "$scratch/$1/data" "$scratch/$1/log" ||
		bad "$1: the recording misses something"
	status=0
	"$here/replay" --images "$images" "$scratch/$1/log" "$scratch/$1" \
		"$here/ledger" check "$1" >"$scratch/$1/report" 2>"$scratch/$1/errors" || status=$?
	echo "$1: $(tail -n 1 "$scratch/$1/report")"
	case $3 in
	*"$status"*) ;;
	*) cat "$scratch/$1/report" "$scratch/$1/errors"; bad "$1: status $status, not $3" ;;
	esac
}

powerloss full 60 0
powerloss normal 60 1
powerloss off 60 12
powerloss file 30 0
powerloss careless 30 12

# The same seed gives the same images.
"$here/replay" --images 40 --seed 7 "$scratch/normal/log" "$scratch" "$here/ledger" check normal \
	>"$scratch/one" 2>/dev/null || :
"$here/replay" --images 40 --seed 7 "$scratch/normal/log" "$scratch" "$here/ledger" check normal \
	>"$scratch/two" 2>/dev/null || :
cmp -s "$scratch/one" "$scratch/two" || bad "a seed does not repeat"

# ---- one failed call at a time ----
fault() { # mode, calls, error, at; leaves what ledger did in $status and the state in $state
	rm -rf "$scratch/fault"
	mkdir -p "$scratch/fault/data"
	: >"$scratch/fault/marks"
	status=0
	PAWL_FAULT_DIR=$scratch/fault/data PAWL_FAULT_CALLS=$2 PAWL_FAULT_ERROR=$3 PAWL_FAULT_AT=$4 \
		PAWL_FAULT_SHORT=$(($4 % 2)) PAWL_FAULT_STATE=$scratch/fault/state \
		LD_PRELOAD=$here/failnth.so \
		"$here/ledger" write "$1" "$scratch/fault/data" 6 "$scratch/fault/marks" 2>"$scratch/fault/said" ||
		status=$?
	state=$(tr -d '\0' <"$scratch/fault/state")
}
value() { # line of the state
	printf '%s\n' "$state" | sed -n "s/^$1 *//p"
}

tried=0 refused=0
for mode in full file; do
	fault $mode all EIO 0
	[ "$status" = 0 ] || bad "$mode fails without a fault"
	calls=$(value calls)
	[ "$calls" -gt 20 ] || bad "$mode: only $calls calls were seen"
	for error in EIO ENOSPC EMFILE; do
		at=1
		while [ $at -le "$calls" ]; do
			fault $mode all $error $at
			[ "$(value failed)" = 1 ] || bad "$mode: call $at did not fail"
			[ "$status" = 0 ] || refused=$((refused + 1))
			found=0
			last=$(sed -n 's/^m //p' "$scratch/fault/marks" | tail -n 1)
			"$here/ledger" check $mode "$scratch/fault/data" "${last:-0}" || found=$?
			[ $found = 0 ] || bad "$mode: $error in call $at: check says $found: $state"
			tried=$((tried + 1))
			at=$((at + 3))
		done
	done
done
[ $refused -gt 10 ] || bad "hardly any fault was noticed ($refused of $tried)"

# From one call on all fail: the program must say so and stop.
PAWL_FAULT_LENGTH=0
export PAWL_FAULT_LENGTH
fault file write ENOSPC 4
unset PAWL_FAULT_LENGTH
[ "$status" != 0 ] || bad "a full disk was not noticed"
grep -q 'No space' "$scratch/fault/said" || bad "a full disk was not named"
echo "faults: $tried calls failed, $refused were told to the caller, nothing safe was lost"
