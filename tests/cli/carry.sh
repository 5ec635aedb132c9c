#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A run as one file, from the command line: from one home into another.
# shellcheck source=tests/cli/lib.sh
. "${srcdir:-.}/tests/cli/lib.sh"
second=$tmp/second
cd "$tmp"

cat >"$tmp/fails.yaml" <<'X'
name: fails
nodes:
  first: {run: 'echo one; echo kept > file'}
  breaks: {needs: first, run: 'echo about to break; cat file; exit 7'}
X
run 1 run "$tmp/fails.yaml" --json
id=$(first_id)

run 0 export "$id"
says "^$id -> $id\.pawl \([0-9.]+ KiB\)"
[ "$(stat -c %a "$id.pawl")" = 600 ] || fail "the file is open to others"
run 5 export "$id"
complains 'exists already' '--force'
run 0 export "$id" --force --json
says "\"run\":\"$id\",\"file\":\"$id\.pawl\",\"bytes\":[0-9]+,\"logs\":true"
says '"changed_since":0,"warning":null'
echo later >"$PAWL_HOME/runs/$id/work/late"
run 0 export "$id" -o late.pawl
complains '1 files changed since checkpoint 1, .*: late'
run 0 export "$id" -o late.pawl --force --json
says '"changed_since":1,"warning":".*late"'
rm "$PAWL_HOME/runs/$id/work/late"
run 0 export "$id" -o small.pawl --no-logs -q
[ ! -s "$tmp/out" ] || fail "-q says something"
[ "$(stat -c %s small.pawl)" -lt "$(stat -c %s "$id.pawl")" ] || fail "--no-logs makes it no smaller"
"$pawl" export "$id" -o - >piped.pawl || fail "not to standard output"
run 4 export r-zzzzzzzzz
run 12 export "$id" -o /nonexistent/x
[ -z "$(find . -name '*.part')" ] || fail "something is left"

# ---- in another home ----
leave_second() {
	"$pawl" --home "$second" engine stop --kill -q >/dev/null 2>&1 || :
	leave
}
trap 'leave_second' EXIT
run 0 --home "$second" import piped.pawl
says "^$id is here: fails, failed" '1 runs, .* 4 files, 1 snapshots' "workspace: $second/runs/$id/work"
run 0 --home "$second" show "$id"
says 'failed' 'breaks'
run 0 --home "$second" logs "$id/breaks"
says 'about to break' 'kept'
run 0 --home "$second" resume-from "$id" breaks
until_says '"state":"failed"' --home "$second" show "$id" --json
run 0 --home "$second" logs "$id/breaks"
says 'kept'
run 0 --home "$second" import small.pawl --json
says "\"from\":\{\"run\":\"$id\"" '"logs":false'
grep -q "^{\"run\":\"$id\"" "$tmp/out" && fail "two runs have one id"
run 0 --home "$second" import small.pawl
says "is here, which was $id: fails" 'without its logs'
run 0 --home "$second" fsck

# One that was forked, which its order says, too.
run 0 fork "$id" first --paused --json
until_says '"state":"paused"' runs --json
run 0 export last -q -o fork.pawl
run 0 --home "$second" import fork.pawl
says 'paused'
run 0 --home "$second" fsck

# ---- what is none ----
head -c 500 "$id.pawl" >cut.pawl
run 3 --home "$second" import cut.pawl
run 3 --home "$second" import "$tmp/fails.yaml"
run 4 --home "$second" import nothing.pawl
complains 'nothing.pawl'
run 2 --home "$second" import "$tmp"
complains 'no plain file'
: >empty.pawl
run 2 --home "$second" import empty.pawl
complains 'empty'
run 2 import

# ---- gc ----
run 0 --home "$second" gc
says '^0 runs ended long enough ago; .*would be free' 'nothing was changed'
run 0 --home "$second" gc --older 0s
says '3 runs ended' 'workspace of a run that ended' "$second/runs/$id/work"
[ -e "$second/runs/$id/work/file" ] || fail "a dry run removes something"
run 0 --home "$second" gc --older 0s --yes --json
says '"dry_run":false' '"runs":3' '"kind":"workspace"'
[ ! -e "$second/runs/$id/work" ] || fail "gc leaves the workspace"
run 0 --home "$second" logs "$id/breaks"
says 'about to break'
run 0 --home "$second" fsck
run 2 --home "$second" gc --older soon
echo "$count calls"
