#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The engine is killed under the console and comes back; hostile output of a step touches nothing of the terminal.
. "${srcdir:-.}/tests/tui/lib.sh"

cat >"$tmp/talks.yaml" <<'END'
name: talks
nodes:
  talk:
    run: |
      i=0
      while :; do i=$((i + 1)); echo "word $i"; sleep 0.2; done
END
cat >"$tmp/hostile.yaml" <<'END'
name: hostile
nodes:
  shout:
    run: |
      i=0
      while [ $i -lt 1000 ]; do
        i=$((i + 1))
        printf '\033]0;stolen\007\033]52;c;c3RvbGVu\007\033[?1049l\033[2J\033[6n\033[c\233\0611m\r\b\177 line %d\n' $i
      done
      exit 1
END
"$pawl" engine start -q
"$pawl" run -q "$tmp/hostile.yaml" >/dev/null 2>&1 || :
"$pawl" submit -q "$tmp/talks.yaml" >/dev/null

console 100 30
wait_for 'line 1000'
title=$(tm display-message -p '#{pane_title}')
keys 4 g C-f C-f C-f G
wait_for 'line 1000'
[ "$(tm display-message -p '#{pane_title}')" = "$title" ] || fail "the title was changed"
[ -z "$(tm show-buffer 2>/dev/null)" ] || fail "the clipboard was changed"
[ "$(tm display-message -p '#{alternate_on}')" = 1 ] || fail "the alternate screen was left"

# Follow a step; the engine dies; the picture stays, and the step's words go on after it is back.
keys 2 g Enter Enter
wait_for 'following'
wait_for 'word [0-9]+'
pid=$("$pawl" engine status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
kill -9 "$pid"
wait_for 'ENGINE DOWN'
shows 'word [0-9]+' || fail "the picture went with the engine"
shows 'ITERATIONS' || fail "the picture went with the engine"
keys 2 p
wait_for 'not sent'
"$pawl" engine start -q
keys C-r
wait_for 'engine up'
keys 2 g Enter Enter
wait_for 'following|held'
last=$(tm capture-pane -p | sed -n 's/.*word \([0-9]*\).*/\1/p' | tail -n 1)
further() { [ "$(tm capture-pane -p | sed -n 's/.*word \([0-9]*\).*/\1/p' | tail -n 1)" -gt "${last:-0}" ]; }
keys G
wait_until further
keys q
wait_for 'prompt:'
