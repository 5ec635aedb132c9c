#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What every file of the tree promises: a licence line, no unsafe call, nothing left for later, no path
# of somebody's machine, a size that one can read, and all text for people known to the translators.
#
# Usage: check-text.sh [TREE]        without TREE the check first proves on a copy that it can fail
set -eu

max_lines=1000
files() { # tree-relative paths of what people wrote
	find src tui tests data doc po .ci bootstrap configure.ac Makefile.am README NEWS -type f \
		! -path 'data/build-aux/*' ! -name '*.gmo' ! -name '*.pot' ! -name '*.o' ! -name '*~' \
		! -path 'tests/fuzz/corpus/*' ! -path 'tests/golden/*' \
		! -path 'tests/fixtures/*.out' ! -path 'tests/fixtures/*.jsonl' 2>/dev/null | sort
}

licence() {
	grep -E '\.([ch]|sh|awk|py|ac|am)$|^bootstrap$|^\.ci/run$' "$list" | while read -r f; do
		[ "$(wc -c <"$f")" -lt 100 ] || head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-3\.0-or-later' ||
			echo "$f:1: the licence line is missing"
	done
}

# Words and paths; the patterns are written so that they do not find themselves.
leftovers() {
	xargs grep -nIE 'TO[D]O|FIX[M]E|[X]XX:|HAC[K]:' <"$list" | sed 's/$/   <- left for later/' || :
	xargs grep -nIE '(^|[^[:alnum:]_.*})~-])/(roo[t]|wor[k]|hom[e]/[a-z]+)/' <"$list" |
		sed 's/$/   <- a path of one machine/' || :
}

unsafe_calls() {
	# shellcheck disable=SC2016 # awk's own dollars
	grep '\.[ch]$' "$list" | xargs awk '
		FNR == 1 { inside = 0 }
		{
			line = $0
			gsub(/\\["\\]/, "", line)
			gsub(/"[^"]*"/, "\"\"", line)
			if (inside && !sub(/^.*\*\//, "", line)) next
			inside = 0
			gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", line)
			if (sub(/\/\*.*/, "", line)) inside = 1
			if (match(line, /(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|gets|system|popen|tmpnam|tempnam|mktemp)[ \t]*\(/))
				print FILENAME ":" FNR ": unsafe call: " substr(line, RSTART, RLENGTH)
		}'
}

sizes() {
	grep '\.[ch]$' "$list" | while read -r f; do
		n=$(wc -l <"$f")
		if [ "$n" -gt $max_lines ]; then
			echo "$f:$max_lines: $n lines; split it"
		fi
	done
}

translations() {
	grep -E '^(src|tui)/.*\.[ch]$' "$list" |
		xargs grep -lE '(^|[^A-Za-z0-9_])(N?_|n?gettext|Q_)\("' | sort >"$scratch/speaks" || :
	grep -v '^#' po/POTFILES.in | sed '/^$/d' | sort >"$scratch/listed"
	comm -23 "$scratch/speaks" "$scratch/listed" |
		sed 's/$/: has text for people, but po\/POTFILES.in does not name it/'
	while read -r f; do
		[ -e "$f" ] || echo "po/POTFILES.in: $f does not exist"
	done <"$scratch/listed"
}

check() ( # tree; prints what is wrong, true when there is nothing
	cd "$1"
	list=$scratch/list
	files >"$list"
	{ licence; leftovers; unsafe_calls; sizes; translations; } >"$scratch/found"
	cat "$scratch/found"
	[ ! -s "$scratch/found" ]
)

seeds=0
refuses() { # file, text to add, what the check must say
	cp "$tree/$1" "$scratch/saved" 2>/dev/null || : >"$scratch/saved"
	printf '%b\n' "$2" >>"$tree/$1"
	if found=$(check "$tree") || ! printf '%s\n' "$found" | grep -q "$3"; then
		echo "the check does not see in $1: $2"
		exit 1
	fi
	if [ -s "$scratch/saved" ]; then cp "$scratch/saved" "$tree/$1"; else rm "$tree/$1"; fi
	seeds=$((seeds + 1))
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ $# -gt 0 ]; then
	check "$1"
	exit
fi
source=${srcdir:-.}
check "$source" || exit 1

tree=$scratch/tree
mkdir -p "$tree/tests"
cp -R "$source/src" "$source/tui" "$source/po" "$tree/"
chmod -R u+w "$tree"
spdx='/* SPDX-License-Identifier: GPL-3.0-or-later */\n'
refuses src/base/seeded.c "/* $(printf '%0120d' 0) */" 'licence line is missing'
refuses src/base/err.c '/* TO''DO: later */' 'left for later'
refuses src/base/err.c 'static const char *p = "/hom''e/me/pawl";' 'path of one machine'
refuses src/base/err.c 'static void f(char *p) { strcpy (p, "x"); }' 'unsafe call'
refuses src/base/err.c '/* a comment\n over two lines */ static int f(void) { return system("x"); }' 'unsafe call'
refuses src/base/seeded.c "$spdx"'const char *f(void) { return _("text"); }' 'POTFILES.in does not name it'
refuses po/POTFILES.in 'src/base/nosuch.c' 'does not exist'
refuses src/base/seeded.h "$spdx$(printf '%01001d' 0 | sed 's/0/\\n/g')" 'split it'
check "$tree" || { echo "the copy is not as it was"; exit 1; }
echo "$(wc -l <"$scratch/list") files are as promised; $seeds seeded violations were found"
