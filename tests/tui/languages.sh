#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The console in each language that is shipped, at several sizes, with a failure on it: it speaks that language, panes stand
# where they belong although characters are two columns wide, and no text is cut in the middle of a character.
. "${srcdir:-.}/tests/tui/lib.sh"
. "${srcdir:-.}/tests/language.sh"
unset LANGUAGE

cat >"$tmp/flow.yaml" <<'END'
name: bericht
nodes:
  build: {run: "echo 编译; echo 'error: 没有文件 größe.c' >&2; exit 1"}
  check: {needs: build, run: "true"}
END
"$pawl" engine start -q
"$pawl" run -q "$tmp/flow.yaml" >/dev/null 2>&1 && fail "it succeeds"

# Every line has its columns, and between panes the line goes straight down.
cat >"$tmp/straight.py" <<'END'
import sys
import unicodedata

columns = int(sys.argv[1])
def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)

lines = sys.stdin.read().split("\n")
bad = [line for line in lines if width(line) > columns or "\ufffd" in line or "??" in line]
borders = {}
for line in lines:
    for i, c in enumerate(line):
        if c == "│":
            borders.setdefault(width(line[:i]), []).append(line)
once = [lines[0] for lines in borders.values() if len(lines) < 3]
for line in bad + once:
    print("not straight, or broken: " + line)
sys.exit(bool(bad or once))
END

for language in de:de_DE es:es_ES zh_CN:zh_CN; do
	locale=${language#*:}
	language=${language%:*}
	learn "$language" "$locale"
	for size in 40x10 80x24 120x40 200x60; do
		LC_ALL=$locale.UTF-8
		export LC_ALL
		columns=${size%x*}
		console "$columns" "${size#*x}"
		if [ "$columns" -ge 80 ]; then wait_for 'error: 没有文件 größe'; else wait_for '✗ +1 build'; fi
		for view in : i D B; do
			[ "$view" = : ] || keys "$view"
			case $view in
			:) title=$(text "$language" "$locale" "RUNS") ;;
			D) title=$(text "$language" "$locale" "GRAPH") ;;
			B) title=$(text "$language" "$locale" "CHECKPOINTS") ;;
			*) title=$(text "$language" "$locale" "INSPECT") ;;
			esac
			if [ "$columns" -ge 80 ]; then wait_for "$title"; fi
			tm capture-pane -p >"$tmp/screen"
			python3 "$tmp/straight.py" "$columns" <"$tmp/screen" >"$tmp/bad" ||
				fail "$language at $size, $view: $(cat "$tmp/bad")"
			[ "$view" = : ] || keys Escape
		done
		keys '?'
		wait_for "$(text "$language" "$locale" "KEYS")"
		keys Escape q
		wait_for 'prompt:'
		tm kill-server
		wait_until sh -c "! tmux -L '$server' list-sessions"
		echo "$language at $size"
	done
done
