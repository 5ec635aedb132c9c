#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A workflow on somebody's git repository, with history, hooks, filters and staged work: its third step breaks files and
# fails. The operator sees it, compares, mends a file in a shell, lets it run again on these files, and then sends the run
# back to its second step. Engines are killed meanwhile. The repository is byte for byte what it was, but for pawl/ branches.
. "${srcdir:-.}/tests/tui/lib.sh"

repo=$tmp/repo
GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=author GIT_AUTHOR_EMAIL=author@example.org
GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
export GIT_CONFIG_NOSYSTEM GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

make_repository() {
	git init -q -b main "$repo"
	cd "$repo"
	mkdir src
	for i in 1 2 3 4; do
		seq "$i" 40 >src/lib
		printf 'release %s\r\nwith two kinds of lines\n' "$i" >NEWS
		printf '\000\001binary %s\377\n' "$i" >"src/ü $i"
		git add . && git commit -qm "change $i"
	done
	printf '*.secret filter=turn\n' >.gitattributes
	printf 'out/\n*.o\n' >.gitignore
	printf '#!/bin/sh\ncat lib\n' >src/tool && chmod 755 src/tool
	ln -s lib src/link
	git add . && git commit -qm tools
	git tag -a v1 -m v1 && git branch side HEAD~2 && git update-ref refs/remotes/origin/main HEAD~1 && git pack-refs --all
	git config core.autocrlf true
	git config filter.turn.clean "tee -a '$tmp/filtered'" && git config filter.turn.smudge "tee -a '$tmp/filtered'"
	printf 'word\n' >a.secret
	git -c core.autocrlf=false add a.secret && git commit -qm secret
	for hook in post-checkout pre-commit post-commit reference-transaction; do
		printf '#!/bin/sh\necho %s >>"%s"\n' "$hook" "$tmp/hooked" >".git/hooks/$hook"
		chmod 755 ".git/hooks/$hook"
	done
	seq 100 >src/staged && git add src/staged 2>/dev/null # in the index, and then changed again
	seq 90 >src/staged && echo mine >>NEWS && echo untracked >notes && mkdir out && echo built >out/a.o
	rm -f "$tmp/filtered" "$tmp/hooked"
	cd "$here"
}

# Every byte, mode and link that is the user's. What may come: objects, pawl/ branches, what git keeps of worktrees.
users() {
	(cd "$repo" && find . \( -path ./.git/objects -o -path ./.git/worktrees -o -path './.git/refs/heads/pawl' -o \
		-path './.git/logs/refs/heads/pawl' \) -prune -o -printf '%p %y %m %l\n' | LC_ALL=C sort &&
		find . \( -path ./.git/objects -o -path ./.git/worktrees -o -path './.git/refs/heads/pawl' -o \
			-path './.git/logs/refs/heads/pawl' \) -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

untouched() { # WHEN
	users >"$tmp/now"
	diff "$tmp/before" "$tmp/now" || fail "$1: the repository is not what it was"
	[ ! -e "$tmp/hooked" ] || fail "$1: hooks ran: $(cat "$tmp/hooked")"
	[ ! -e "$tmp/filtered" ] || fail "$1: a filter ran"
}

alone() { # WHEN: no worktree is left, and no branch but those named
	when=$1
	shift
	[ "$(git -C "$repo" worktree list | wc -l)" -eq 1 ] || fail "$when: $(git -C "$repo" worktree list)"
	[ -z "$(ls "$repo/.git/worktrees" 2>/dev/null)" ] || fail "$when: $(ls "$repo/.git/worktrees")"
	[ "$(git -C "$repo" for-each-ref --format='%(refname:lstrip=2)' refs/heads/pawl/ | sort | tr '\n' ' ')" = "$*${1:+ }" ] ||
		fail "$when: branches $(git -C "$repo" branch --list 'pawl/*'), not $*"
}

newest() { "$pawl" runs --json | grep -o '"id": *"r-[0-9a-z]*"' | head -n 1 | grep -o 'r-[0-9a-z]*'; }
is() { "$pawl" show "$1" --json | grep -q "\"state\": *\"$2\""; }
kill_engine() {
	pid=$("$pawl" engine status --json | grep -o '"pid": *[0-9]*' | grep -o '[0-9]*$')
	kill -9 "$pid"
	wait_until sh -c "! kill -0 $pid"
}

make_repository
users >"$tmp/before"
cat >"$tmp/flow.yaml" <<END
name: release
workspace: {repo: $repo, base: main}
env: # what the steps commit is theirs: without the hooks and filters, so that these show what the engine does
  GIT_AUTHOR_NAME: step
  GIT_AUTHOR_EMAIL: step@example.org
  GIT_COMMITTER_NAME: step
  GIT_COMMITTER_EMAIL: step@example.org
  GIT_CONFIG_COUNT: "2"
  GIT_CONFIG_KEY_0: core.hooksPath
  GIT_CONFIG_VALUE_0: /dev/null
  GIT_CONFIG_KEY_1: filter.turn.clean
  GIT_CONFIG_VALUE_1: cat
nodes:
  version:
    run: |
      test "\$(git branch --show-current)" = "pawl/\$PAWL_RUN"
      test ! -e notes && test ! -e src/staged
      echo 5 >src/version && git add src/version && git commit -qm version
  build: {needs: version, run: "mkdir lists; seq 1000 >lists/a; cat src/lib >>lists/a; sh '$tmp/files' >'$tmp/built'-\$PAWL_RUN"}
  pack:
    needs: build
    run: |
      rm -rf src/lib lists/a
      echo junk >>NEWS
      test -e RELEASE || { echo 'error: RELEASE is missing'; exit 1; }
  check:
    needs: pack
    run: |
      test -e src/lib || { echo 'error: src/lib is gone'; exit 1; }
      git add RELEASE && git commit -qm release
END
cat >"$tmp/files" <<'END'
find . -name .git -prune -o -printf '%p %y %m %l\n' | LC_ALL=C sort
find . -name .git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
END
# What the change of the definition is: it stops breaking things, and makes what was missing.
cat >"$tmp/editor" <<'END'
#!/bin/sh
sed -i -e 's/rm -rf.*/cp src\/version RELEASE/' -e '/echo junk/d' "$@"
END
chmod +x "$tmp/editor"
SHELL=/bin/sh EDITOR=$tmp/editor
export SHELL EDITOR
"$pawl" engine start -q
sed 's/rm -rf.*/echo 4 >RELEASE/; /echo junk/d' "$tmp/flow.yaml" >"$tmp/good.yaml"
"$pawl" run -q "$tmp/good.yaml" >/dev/null 2>&1 || fail "the good one fails"
good=$(newest)
untouched "after a run that succeeded"
"$pawl" run -q "$tmp/flow.yaml" >/dev/null 2>&1 && fail "what breaks files succeeds"
id=$(newest)
work=$PAWL_HOME/runs/$id/work
untouched "after a run that failed"

console 80 24
wait_for '> .*error: RELEASE is missing'
wait_for 'ITERATIONS +run r-[0-9a-z]+ release'
within 0 "see why"
keys d
wait_for 'DIFFERENCE +run r-[0-9a-z]+ > pack'
wait_for '[+-].*(error: RELEASE|echo junk|rm -rf)'
within 1 "compare"
keys Escape
wait_for 'ITERATIONS'
pressed=0

# In the shell the person mends one file; the node runs again on what is there.
keys !
wait_for '[$#] *$'
within 1 "stand in it"
tm send-keys -l 'echo 5 >RELEASE; ls NEWS src; git branch --show-current' && tm send-keys Enter
wait_for "pawl/$id"
tm send-keys -l exit && tm send-keys Enter
wait_for '[(]r[)]etry'
tm send-keys r Enter
wait_for '1 check +FAIL'
keys f
wait_for 'error: src/lib is gone'
[ "$(cat "$work/RELEASE")" = 5 ] || fail "what was mended is not kept"
untouched "after the shell"

# It went too far: back to the second node, with its files, from the list of checkpoints.
pressed=0
keys B
wait_for "CHECKPOINTS +run $id release"
keys g j
wait_for '> +2 build .*kept'
keys Enter
wait_for "roll back $id to checkpoint 2"
tail4=$(printf %s "$id" | tail -c 4)
for key in $(printf %s "$tail4" | sed 's/./& /g') Enter; do keys "$key"; done
within 9 "roll back to the second node"
wait_until is "$id" paused
wait_for 'last way back: done'
(cd "$work" && sh "$tmp/files") | diff "$tmp/built-$id" - || fail "the files are not those of the second node"
untouched "after the rollback"

# The step is changed, and the run goes on to its end.
keys Escape
wait_for 'ITERATIONS'
pressed=0
keys D h
wait_for 'GRAPH +run'
keys e
wait_until sh -c "'$pawl' show '$id' --json | grep -q '\"generation\": *4'"
wait_for 'GRAPH +run'
keys q 2 g p
within 7 "change the step, and go on"
wait_until is "$id" succeeded
wait_until test ! -e "$work"
untouched "after success"
git -C "$repo" log --format=%s "pawl/$id" | head -2 | tr '\n' ' ' | grep -q '^release version $' || fail "commits are lost"

# An engine that is killed in the middle of a run, and of a rollback.
cat >"$tmp/long.yaml" <<END
name: long
workspace: {repo: $repo, base: side}
nodes:
  one: {run: "seq 20000 >one; mkdir many; cd many; split -l 50 ../one"}
  two: {needs: one, run: "rm -r many; echo two >>one; touch '$tmp/begun'; while [ ! -e '$tmp/go' ]; do sleep 0.05; done"}
  three: {needs: two, run: "test ! -e '$tmp/spoil'"}
END
: >"$tmp/spoil"
"$pawl" submit -q "$tmp/long.yaml" >/dev/null
wait_until test -e "$tmp/begun"
kill_engine
: >"$tmp/go"
"$pawl" engine start -q
long=$(newest)
work=$PAWL_HOME/runs/$long/work
wait_until is "$long" failed
[ "$(tail -n 1 "$work/one")" = two ] || fail "the step did not end once"
"$pawl" rollback "$long" one -q >/dev/null 2>&1 &
wait_until sh -c "'$pawl' events --json | grep -q run.protected.*$long"
kill_engine
wait || :
"$pawl" engine start -q
wait_until sh -c "'$pawl' show '$long' --json | grep -Eq '\"state\": *\"(paused|failed)\"'"
is "$long" paused || "$pawl" rollback "$long" one -q >/dev/null || fail "it cannot be sent back any more"
[ "$(find "$work/many" -type f | wc -l)" -eq 400 ] || fail "not all files are back"
[ "$(tail -n 1 "$work/one")" = 20000 ] || fail "one is not back"
rm "$tmp/spoil"
"$pawl" resume "$long" -q >/dev/null
wait_until is "$long" succeeded
wait_until test ! -e "$work"
# Its branch has no commit and goes, too, after the folder.
wait_until sh -c "! git -C '$repo' rev-parse -q --verify 'refs/heads/pawl/$long' && test ! -e '$repo/.git/packed-refs.lock'"
untouched "after the engine was killed"

# Nothing is left: the branches that have commits stay, the third had none.
alone "at the end" "$(printf '%s\n' "pawl/$good" "pawl/$id" | sort | tr '\n' ' ' | sed 's/ $//')"
git -C "$repo" fsck --strict >/dev/null 2>&1 || fail "git fsck"
"$pawl" fsck -q >/dev/null || fail "pawl fsck"
# Of runs that ended just now only what crashes left could be listed; a folder of no run shows that it would be.
"$pawl" gc --json >"$tmp/gc" || fail "pawl gc"
tr -d ' \n' <"$tmp/gc" | grep -q '"items":\[\]' || fail "gc finds what nobody should have left: $(cat "$tmp/gc")"
mkdir "$PAWL_HOME/runs/r-00000000g"
"$pawl" gc --json | grep -q r-00000000g || fail "gc would not list what is left"
keys q
wait_for 'prompt:'
