#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The floors of doc/ARCHITECTURE hold: a file includes its own floor and the ones it may stand on, and
# a library is seen only where it is wrapped. The linker checks the same for calls (each unit test
# links only its floors); this check names the line.
#
# Usage: check-floors.sh [TREE]      without TREE the check first proves on a copy that it can fail
set -eu

# What each folder may include. src and tests/unit/FLOOR_*.c are judged by these rows, too.
may='
base:    base
model:   base model
client:  base client
store:   base model store
flow:    base model flow
journal: base model journal
space:   base model space
work:    base model journal space work
engine:  base model store flow journal space work engine
api:     base model store flow journal space work engine api
cli:     base model client cli
tui:     base model client tui
main:    base cli
console: base tui
pawld:   base model engine api
worker:  base model work
archive: base
helper:  base
'

# Headers of libraries, and the files that may see them.
fences='
sqlite3.h      ^src/store/
microhttpd.h   ^src/api/
cJSON.h        ^src/base/
pcre2.h        ^src/base/
sodium.h       ^src/base/
archive.h      ^src/archive\\.c$
yaml.h         ^src/flow/
curl/curl.h    ^src/(client|work)/
ncurses.h      ^tui/screen
curses.h       ^tui/screen
term.h         ^tui/screen
uv.h           ^src/(base|engine|api|work|client)/|^tui/
check.h        ^tests/unit/
'

check() { # tree; prints the violations, true when there is none
	(cd "$1" && find src tui tests/unit -name '*.[ch]' -exec grep -nH '^[ \t]*#[ \t]*include' {} +) |
	awk -v may="$may" -v fences="$fences" '
		function bad(why) { print at ": " why; violations++ }
		BEGIN {
			n = split(may, row, "\n")
			for (i = 1; i <= n; i++) {
				m = split(row[i], word, /[: ]+/)
				for (j = 2; j <= m; j++) {
					allowed[word[1], word[j]] = 1
					list[word[1]] = list[word[1]] " " word[j]
				}
			}
			n = split(fences, row, "\n")
			for (i = 1; i <= n; i++)
				if (split(row[i], word, / +/) == 2)
					fence[word[1]] = word[2]
		}
		{
			split($0, part, ":")
			file = part[1]
			at = file ":" part[2]
			floor = file
			sub(/^(src|tests\/unit)\//, "", floor)
			sub(/[_.\/].*/, "", floor)
			if (file ~ /^tests\/unit\// && !(floor in list))
				floor = "helper" # of several unit tests: it may link with any floor
		}
		match($0, /<[^>]*>/) {
			header = substr($0, RSTART + 1, RLENGTH - 2)
			if (header in fence && file !~ fence[header])
				bad("<" header "> is seen only in " fence[header])
			next
		}
		match($0, /"[^"]*"/) {
			header = substr($0, RSTART + 1, RLENGTH - 2)
			folder = header
			if (!sub(/\/.*/, "", folder)) {
				bad("\"" header "\" is without its folder")
				next
			}
			if (folder == "tests" && file ~ /^tests\//)
				next
			if (!(floor in list))
				bad("folder or program \"" floor "\" has no floor; add it to tests/check-floors.sh")
			else if (!((floor, folder) in allowed))
				bad("\"" header "\" is not for " floor ", which stands on:" list[floor])
		}
		END { exit violations > 0 }'
}

seeds=0
refuses() { # file, line to add: the check must fail on it and name the file
	cp "$tree/$1" "$copy/saved" 2>/dev/null || : >"$copy/saved"
	printf '%s\n' "$2" >>"$tree/$1"
	if found=$(check "$tree") || ! printf '%s\n' "$found" | grep -q "^$1:"; then
		echo "the check does not see $2 in $1"
		exit 1
	fi
	if [ -s "$copy/saved" ]; then cp "$copy/saved" "$tree/$1"; else rm "$tree/$1"; fi
	seeds=$((seeds + 1))
}

if [ $# -gt 0 ]; then
	check "$1"
	exit
fi
source=${srcdir:-.}
check "$source" || exit 1

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
tree=$copy/tree
mkdir -p "$tree/tests"
cp -R "$source/src" "$source/tui" "$tree/"
cp -R "$source/tests/unit" "$tree/tests/"
chmod -R u+w "$tree"
refuses src/base/err.c '#include "model/graph.h"'
refuses src/model/seeded.c '#include "store/store.h"'
refuses src/store/seeded.c '#include "flow/flow.h"'
refuses src/cli/seeded.c '#include "engine/engine.h"'
refuses tui/seeded.c '#include "store/store.h"'
refuses src/engine/seeded.h '#include "err.h"'
refuses src/newfloor.c '#include "base/err.h"'
refuses tests/unit/model_seeded.c '#include "engine/engine.h"'
refuses tests/unit/seeded.c '#include "store/store.h"'
refuses src/engine/seeded.c '#include <sqlite3.h>'
refuses tui/pane_seeded.c '  #  include <ncurses.h>'
refuses src/cli/seeded.c '#include <curl/curl.h>'
refuses src/flow/seeded.c '#include <cJSON.h>'
refuses src/api/seeded.c '#include <check.h>'
check "$tree" || { echo "the copy is not as it was"; exit 1; }
echo "floors and fences hold; $seeds seeded violations were found"
