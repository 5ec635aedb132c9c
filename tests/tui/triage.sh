#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# An operator's work with a real engine, key by key: see why it failed, acknowledge, go to the next failure, pause, resume, cancel,
# stop the queue, search; all within the number of keys that the manual promises.
. "${srcdir:-.}/tests/tui/lib.sh"

cat >"$tmp/fails.yaml" <<'END'
name: nightly
nodes:
  build: {run: "seq 1 3000"}
  test:
    needs: build
    run: |
      seq 1 500
      echo "NEEDLE one"
      seq 501 900
      echo "NEEDLE two"
      echo "test_merge.c:219: error: assertion failed: expected 3, got 4" >&2
      seq 1 20
      exit 1
END
cat >"$tmp/other.yaml" <<'END'
name: port
nodes:
  link: {run: "echo 'error: undefined reference'; exit 2"}
END
cat >"$tmp/slow.yaml" <<'END'
name: soak
nodes:
  first: {run: "sleep 600"}
  second: {needs: first, run: "echo never"}
END
"$pawl" engine start -q
"$pawl" run -q "$tmp/other.yaml" >/dev/null 2>&1 || :
"$pawl" run -q "$tmp/fails.yaml" >/dev/null 2>&1 || :

# The assertion of the newest failure is there with no key pressed.
console 80 24
wait_for '> .*test_merge.c:219: error: assertion failed: expected 3, got 4'
wait_for 'ITERATIONS +run r-[0-9a-z]+ nightly'
within 0 "see the failing assertion"

# The second match of a search.
keys 4
tm send-keys / && tm send-keys -l NEEDLE && keys Enter
wait_for '2 matches'
keys N
wait_for '> +902 .*NEEDLE two'
pressed=0

keys a
wait_for 'acknowledged r-'
within 1 "acknowledge"
keys f
wait_for 'ITERATIONS.*port|it 1 link'
wait_for 'undefined reference'
within 1 "go to the next failure"

# A run that lives: pause, go on, undo, cancel.
"$pawl" submit -q "$tmp/slow.yaml" >/dev/null
keys 2
wait_for 'soak +run' # a new row never moves the cursor, so it has to be there before
keys g
wait_for '^>.*soak +run'
pressed=0
keys p
wait_for 'soak +(drain|pause)'
within 1 "pause a run"
keys u
wait_for 'soak +run'
within 1 "undo it"
keys X
wait_for 'cancel r-[0-9a-z]+ soak.*\?  y yes'
keys Enter
wait_for 'cancel r-[0-9a-z]+ soak.*\?  y yes'
pressed=1
keys y
wait_for 'soak +(stop|ending)'
within 2 "cancel it"

keys P
wait_for 'pause the whole queue'
keys y
wait_for 'QUEUE PAUSED|the queue is paused'
within 2 "pause the queue"
"$pawl" submit -q "$tmp/slow.yaml" >/dev/null
keys 1
wait_for '>.*soak +wait'
pressed=0
keys H
wait_for 'soak +held'
within 1 "hold an order"
keys X
wait_for 'cancel o-[0-9a-z]+ soak.*\?  y yes' # keys typed ahead of the question do not answer it
keys y
wait_for 'nothing waits|canceled o-'

# The failed run again: what that means stands above the question.
keys 2 G
wait_for '^>.*port +FAIL'
pressed=0
keys r
wait_for '1 run again, 0 kept'
wait_for 'run again what failed in r-[0-9a-z]+ port\?'
keys y
wait_for 'r-[0-9a-z]+ runs again|failed: r-'
within 2 "retry a failed run"

# Ctrl-Z gives the shell back, fg brings the console back.
keys C-z
wait_for 'prompt:'
tm send-keys fg Enter
wait_for 'QUEUE'
keys q
wait_for 'prompt:'
