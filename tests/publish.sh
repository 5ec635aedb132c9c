#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# publish: makes a commit on a branch and pushes it, in each mode, with real repositories; the repository of the
# user stays as it is, and its hooks do not run.
set -eu

scratch=$(mktemp -d)
PAWL_HOME=$scratch/home
HOME=$scratch/user
export PAWL_HOME HOME
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
trap './pawl engine stop --kill >/dev/null 2>&1 || :; rm -rf "$scratch"' EXIT
failures=0

wrong() {
	echo "WRONG: $*"
	[ ! -f "$scratch/out" ] || sed 's/^/    /' "$scratch/out"
	failures=$((failures + 1))
}
same() { [ "$2" = "$3" ] || wrong "$1: '$2', expected '$3'"; }
# run STATUS FILE [ARGUMENT…]
run() {
	status=$1 got=0
	shift
	timeout 60 ./pawl run "$@" >"$scratch/out" 2>&1 </dev/null || got=$?
	[ "$got" -eq "$status" ] || wrong "pawl run $*: exit status $got, expected $status"
}
report() { ./pawl logs last/ship --raw; }

mkdir "$HOME"
git config --global user.name 'A User'
git config --global user.email user@example.org
git config --global init.defaultBranch main
git init -q --bare "$scratch/far.git"
git init -q "$scratch/repo"
cd "$scratch/repo"
echo one >file
echo '*.o' >.gitignore
git add .
git commit -qm first
git remote add origin "$scratch/far.git"
for hook in pre-commit commit-msg pre-push reference-transaction; do
	printf '#!/bin/sh\ntouch "%s/hook-ran"\nexit 1\n' "$scratch" >".git/hooks/$hook"
	chmod +x ".git/hooks/$hook"
done
echo mine >>file
cd - >/dev/null
before=$(git -C "$scratch/repo" status --porcelain; git -C "$scratch/repo" rev-parse HEAD; cat "$scratch/repo/.git/config")

cat >"$scratch/ship.yaml" <<'YAML'
params: {remote: {default: origin}, branch: {default: ""}, text: {default: two}, push: {type: bool, default: true}}
workspace: {repo: "REPO", base: main}
nodes:
  work:
    run: |
      echo "$PARAM_TEXT" >>file
      echo new >'odd name'
      echo object >made.o
  ship: {needs: work, publish: {to: git, remote: "${{ params.remote }}", message: "a change", mode: MODE}}
YAML
for mode in fail_fast best_effort disabled; do
	sed "s|REPO|$scratch/repo|; s|MODE|$mode|" "$scratch/ship.yaml" >"$scratch/$mode.yaml"
done

run 0 "$scratch/fail_fast.yaml"
id=$(./pawl show last --json | sed -n 's/^{"id":"\([^"]*\)".*/\1/p')
same 'the branch at the remote' "$(git -C "$scratch/far.git" for-each-ref --format='%(refname:short) %(subject) %(authorname)')" "pawl/$id a change A User"
same 'its files' "$(git -C "$scratch/far.git" ls-tree -r --name-only "pawl/$id" | tr '\n' ';')" '.gitignore;file;odd name;'
same 'its text' "$(git -C "$scratch/far.git" show "pawl/$id:file" | tr '\n' ';')" 'one;two;'
same "the user's repository" "$(git -C "$scratch/repo" status --porcelain; git -C "$scratch/repo" rev-parse HEAD; cat "$scratch/repo/.git/config")" "$before"
[ ! -e "$scratch/hook-ran" ] || wrong 'a hook of the repository ran'
./pawl show last/ship --json | grep -q '"branch":"pawl/' || wrong 'the outputs do not name the branch'

run 1 "$scratch/fail_fast.yaml" -p remote="$scratch/none.git"
./pawl show last --json | grep -q '"class":"publish"' || wrong 'the class is not publish'
run 1 "$scratch/fail_fast.yaml" -p remote=https://me:secret@example.invalid/x.git
grep -q 'no password or token in an address' "$scratch/out" || wrong 'a password in an address is not refused'
run 0 "$scratch/best_effort.yaml" -p remote="$scratch/none.git"
report | grep -q 'push: failed' || wrong 'the warning is nowhere'
run 0 "$scratch/disabled.yaml" -p remote="$scratch/none.git"
report | grep -q 'publishing is disabled' || wrong 'it does not say that publishing is disabled'

# A folder that is a repository: a branch of its own, and what is checked out stays.
mkdir "$scratch/plain"
git init -q "$scratch/plain"
cat >"$scratch/plain.yaml" <<YAML
workspace: {folder: "$scratch/plain"}
nodes:
  work: {run: echo "\$PAWL_RUN" >file}
  ship: {needs: work, publish: {to: git, branch: results, push: false}}
YAML
run 0 "$scratch/plain.yaml"
run 0 "$scratch/plain.yaml"
same 'commits on the branch' "$(git -C "$scratch/plain" rev-list --count results)" 2
same 'what is checked out' "$(git -C "$scratch/plain" symbolic-ref HEAD)" refs/heads/main
sed 's/ >file/ >\/dev\/null/' "$scratch/plain.yaml" >"$scratch/same.yaml"
run 0 "$scratch/same.yaml"
report | grep -q 'nothing has changed' || wrong 'a commit without a change'
same 'commits on the branch' "$(git -C "$scratch/plain" rev-list --count results)" 2
same 'what is left of the index' "$(find "$scratch/plain/.git" "$scratch/repo/.git" -name 'pawl-index*')" ''

[ "$failures" -eq 0 ] && echo 'published in each mode'
exit $((failures > 0))
