#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Steering a run by its nodes, from the command line.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"

cat >"$tmp/fails.yaml" <<'X'
name: fails
nodes:
  first: {run: 'echo one'}
  breaks: {needs: first, run: 'echo about to break; exit 7'}
  last: {needs: breaks, run: 'echo last'}
X

# ---- skip and mark ----
run 1 run "$tmp/fails.yaml" --json
failed=$(first_id)
run 2 skip "$failed" breaks
complains '--reason'
run 2 mark "$failed" --reason x
complains 'name a node'
run 5 mark "$failed" first --reason x
complains 'succeeded already'
run 4 mark "$failed/nothing" --reason x
run 2 mark "$failed" breaks --reason x -o nonsense
run 0 mark "$failed" breaks --reason 'done by hand' -o v=1
says 'generation 2'
until_says ' succeeded' show "$failed"
run 0 show "$failed/breaks" --json
says '"state":"succeeded"' '"outputs":\{"v":"1"\}'
run 1 run "$tmp/fails.yaml" --json
failed=$(first_id)
run 0 skip "$failed/breaks" --reason 'not needed' --json
says '"generation":2'
until_says ' succeeded' show "$failed"

run 0 fsck
