#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Going back, from the command line: checkpoints, what changed, previews, rollback, resume-from with and without files.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"

cat >"$tmp/site.yaml" <<'X'
name: site
params: {careful: {type: bool, default: false}}
nodes:
  write: {run: 'mkdir pages; echo one >pages/a; echo two >pages/b; chmod 640 pages/b; ln -s a pages/link'}
  build: {needs: write, run: 'cat pages/* >all; echo n=1 >>"$PAWL_OUTPUT"'}
  ship:
    needs: build
    run: |
      rm -rf pages; echo later >new; echo half >all
      test -f mended
X
run 1 run "$tmp/site.yaml" --json
site=$(first_id)
work=$(json workspace)

# ---- where it can go back to ----
run 0 checkpoints "$site"
says '^ +0 +start .* none there' '^ +1 +write +main +1\.1 .* kept' '^ +2 +build .* kept'
run 0 checkpoints "$site" --json
says '"number":2' '"name":"build"'
run 4 checkpoints r-nothing

# ---- what changed since ----
run 0 changes "$site" build
says '^modified +all' '^added +new' '^removed +pages/a' '^removed +pages/link'
run 0 changes "$site" write build
[ "$out" = "added     all" ] || fail "write to build: $out"
run 0 changes "$site" build --path all
says '^-one' '^\+half'
run 0 changes "$site" build build
[ -z "$out" ] || fail "nothing differs, and it says something"
complains 'no file differs between build and build'
run 2 changes "$site" a b c

# ---- what it would do ----
run 0 rollback "$site" build --dry-run
says '^kept +build:' '^rerun +ship:' 'files go back: ' 'written \(4\): all, pages/a, pages/b, pages/link' 'removed \(1\): new'
[ -e "$work/new" ] || fail "a preview removed a file"
run 0 resume-from "$site" ship --keep-files --dry-run
says 'files stay as they are'
run 4 rollback "$site" 17
run 4 rollback "$site" nothing

# ---- doing it ----
run 0 rollback "$site" build
says 'is back and paused: 4 files written, 1 removed' "pawl resume $site goes on"
[ ! -e "$work/new" ] || fail "what came later is still there"
[ "$(stat -c %a "$work/pages/b")" = 640 ] || fail "permissions are not what they were"
[ "$(readlink "$work/pages/link")" = a ] || fail "the link is not what it was"
run 0 changes "$site" build
complains 'no file differs'
ls "$PAWL_HOME"/runs/*/rollback-1.patch >/dev/null || fail "what was there before is not kept"

# By hand, then on: the files stay as they are.
touch "$work/mended"
run 0 resume "$site"
until_says '"state":"succeeded"' show "$site" --json
run 0 checkpoints "$site"
says '^ +3 +ship +main +2\.'

# From the first node on, files and all.
run 0 resume-from "$site" write
until_says '"state":"failed"' show "$site" --json
[ ! -e "$work/mended" ] || fail "resume-from left a file that came later"
run 0 checkpoints "$site"
says '^ +1 +write .* ran again' '^ +[45] +write .* stands'
touch "$work/mended"
run 0 retry "$site" --reason 'mended by hand'
until_says '"state":"succeeded"' show "$site" --json
run 0 rollback "$site" start --json
says '"step":"done"' '"error":null'
[ -z "$(ls -A "$work")" ] || fail "the start had no files"
run 0 fsck

# ---- a second run from there ----
run 0 fork "$site" build --dry-run
says '^kept +build:' 'files are copied as they were then'
run 0 fork "$site" build --paused --json
fork=$(json run)
until_says '^state +paused' show "$fork"
says 'build +succeeded' 'ship +ready' '^forked from .*"checkpoint":'
[ -e "$(dirname "$(dirname "$work")")/$fork/work/pages/link" ] || fail "the fork has no copy of the files"
run 0 show "$site"
says "^forks .*$fork"
run 0 resume "$fork"
until_says '"state":"failed"' show "$fork" --json
