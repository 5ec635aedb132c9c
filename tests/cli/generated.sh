#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is written from the table of commands is committed as the table is now: the manual's command and exit status
# tables, the completions. UPDATE=1 rewrites them.
set -eu
src=${srcdir:-.}
pawl=${PAWL:-./pawl}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

current() { # file, what it should be
	if [ "${UPDATE:-}" ]; then
		cmp -s "$1" "$2" || { cat "$2" > "$1"; echo "$1 is rewritten"; }
	elif ! diff -u "$1" "$2" > "$tmp/diff"; then
		echo "$1 is not what the table of commands says; run this test with UPDATE=1:"
		head -40 "$tmp/diff"
		status=1
	fi
}

between() { # file, marker, file with what belongs there
	awk -v marker="$2" -v insert="$3" '
		index($0, ".\\\" " marker ": begin") == 1 {
			print
			while ((getline line < insert) > 0)
				print line
			skip = 1
			seen++
		}
		index($0, ".\\\" " marker ": end") == 1 { skip = 0; seen++ }
		!skip { print }
		END { exit seen != 2 }' "$1"
}

export LC_ALL=C
"$pawl" completion bash > "$tmp/bash"
"$pawl" completion zsh > "$tmp/zsh"
"$pawl" help --as mdoc > "$tmp/commands"
"$pawl" exit-codes --as mdoc > "$tmp/codes"
between "$src/doc/pawl.1" commands "$tmp/commands" > "$tmp/man1"
between "$tmp/man1" "exit codes" "$tmp/codes" > "$tmp/man2"
current "$src/data/completions/pawl" "$tmp/bash"
current "$src/data/completions/_pawl" "$tmp/zsh"
current "$src/doc/pawl.1" "$tmp/man2"

# Every setting of the engine is in its manual, and no other.
"${PAWLD:-./pawld}" --help-config | sed -n 's/^# \([a-z_]*\) = .*/\1/p' | sort > "$tmp/settings"
sed -n '/^\.Sh SETTINGS/,/^\.Sh SIGNALS/s/^\.It Ic \([a-z_]*\)$/\1/p' "$src/doc/pawld.8" | sort > "$tmp/manual"
[ -s "$tmp/settings" ]
diff "$tmp/settings" "$tmp/manual" || { echo "doc/pawld.8: its settings are not those of pawld --help-config"; status=1; }

# What bash offers: the words before the cursor, and what must be among the answers.
offers() {
	want=$1
	shift
	got=$(bash -c 'compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pawl; echo " ${COMPREPLY[*]} "' \
		- "$src/data/completions/pawl" "$@")
	case $got in
	*" $want "*) ;;
	*) echo "completion of '$*' has no $want:$got"; status=1 ;;
	esac
}
offers runs pawl ru
offers --priority pawl submit --pri
offers --json pawl --home /tmp runs --j
offers failed pawl runs --state fa
offers failed pawl list -s fa
offers resume pawl queue re
offers bash pawl completion b
offers logs pawl help lo

bash -n "$src/data/completions/pawl" || status=1
if command -v zsh > /dev/null; then
	zsh -n "$src/data/completions/_pawl" || status=1
fi
if command -v mandoc > /dev/null; then
	for page in "$src/doc/pawl.1" "$src/doc/pawld.8" "$src/doc/pawl-workflow.5"; do
		mandoc -Tlint -Wwarning "$page" > "$tmp/lint" || { cat "$tmp/lint"; status=1; }
	done
fi
exit $status
