#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back with real files: folders, git repositories, checkpoints, previews, rollbacks that are killed."""

import hashlib
import os
import random
import shutil
import signal
import stat
import subprocess
import tempfile

import engine
from engine import Engine, wait

e = Engine("steps=2", "grace=1s")
top = tempfile.mkdtemp(prefix="pawl-back-", dir="/tmp")


def state(run, *wanted):
    return wait(lambda: (lambda r: r if r["state"] in wanted else None)(e.get(f"/v1/runs/{run}").json),
                f"the run is {wanted}")


def tree(folder, skip=(".git",)):
    """Every name with its kind, mode and content."""
    seen = {}
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in skip)
        for name in folders + files:
            path = os.path.join(at, name)
            if name in skip:
                continue
            s = os.lstat(path)
            if stat.S_ISLNK(s.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(s.st_mode):
                with open(path, "rb") as f:
                    what = hashlib.sha256(f.read()).hexdigest()
            else:
                what = "folder" if not os.listdir(path) else None
            if what is not None:
                seen[os.path.relpath(path, folder)] = (stat.S_IFMT(s.st_mode), stat.S_IMODE(s.st_mode), what)
    return seen


def git(folder, *args):
    env = {"PATH": os.environ["PATH"], "HOME": top, "GIT_CONFIG_NOSYSTEM": "1",
           "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    return subprocess.run(["git", "-C", folder, *args], env=env, check=True, capture_output=True, text=True).stdout


def points(run):
    return {c["name"]: c for c in e.get(f"/v1/runs/{run}/checkpoints")["items"]}


CHAIN = """name: chain
nodes:
  a: {run: "echo a > a; mkdir sub; echo x > sub/x; ln -s a link; chmod 600 a"}
  b: {needs: a, run: "echo b > b; echo more >> a; rm sub/x"}
  c: {needs: b, run: "echo c > c; rm link; mv b renamed; test -e %s/mended"}
"""


def test_rollback_restores_files_and_state():
    run = e.finish(e.submit(CHAIN % top)["id"])
    assert e.get(f"/v1/runs/{run}")["state"] == "failed"
    folder = e.get(f"/v1/runs/{run}")["workspace"]
    p = points(run)
    assert [p[n]["files"] for n in ("start", "a", "b")] == ["empty", "kept", "kept"], p
    shown = e.get(f"/v1/runs/{run}/preview?verb=rollback&checkpoint=a").json
    assert {i["node"]: i["verdict"] for i in shown["items"]} == {"a": "kept", "b": "rerun", "c": "rerun"}
    f = shown["files"][0]
    assert f["action"] == "restore" and sorted(f["written"]) == ["a", "link", "sub/x"], f
    # (An empty folder is something of its own.)
    assert sorted(f["removed"]) == ["c", "renamed", "sub"] and f["conflict"] is None, f
    e.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a", "reason": "try again"})
    r = state(run, "paused")
    assert r["reason"] == "rollback" and r["generation"] == 2
    assert sorted(tree(folder)) == ["a", "link", "sub/x"]
    assert open(f"{folder}/a").read() == "a\n" and stat.S_IMODE(os.stat(f"{folder}/a").st_mode) == 0o600
    way = e.get(f"/v1/runs/{run}/checkpoints")["way_back"]
    assert way["step"] == "done" and way["took_ms"] >= 0 and way["lost_ms"] >= 0, way
    patch = f"{e.home}/runs/{run}/rollback-1.patch"
    assert "renamed" in open(patch).read()
    open(f"{top}/mended", "w").close()
    e.post(f"/v1/runs/{run}/resume")
    state(run, "succeeded")
    assert sorted(tree(folder)) == ["a", "c", "renamed", "sub"]
    nodes = {n["node"]: n for n in e.get(f"/v1/runs/{run}/nodes")["items"]}
    assert nodes["a"]["generation"] == 1 and nodes["c"]["generation"] == 2


def test_resume_from_finds_the_files_as_they_were_before_the_node():
    source = "name: from\nnodes:\n  a: {run: echo 1 >> log}\n  b: {needs: a, run: echo 2 >> log}\n  c: {needs: b, run: cat log}\n"
    run = e.finish(e.submit(source)["id"])
    folder = e.get(f"/v1/runs/{run}")["workspace"]
    e.post(f"/v1/runs/{run}/resume-from", {"node": "b"})
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] == "succeeded" and e.get(f"/v1/runs/{run}")["generation"] == 2, "it ran")
    assert open(f"{folder}/log").read() == "1\n2\n"
    e.post(f"/v1/runs/{run}/resume-from", {"node": "b", "keep_files": True})
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] == "succeeded" and e.get(f"/v1/runs/{run}")["generation"] == 3, "it ran")
    assert open(f"{folder}/log").read() == "1\n2\n2\n"


def marks(run):
    """What is stale, as each list says it: node, iteration and attempt."""
    nodes = {n["node"] for n in e.get(f"/v1/runs/{run}/nodes")["items"] if n["stale"]}
    its = {i["node"] for i in e.get(f"/v1/runs/{run}/iterations")["items"] if i["stale"]}
    attempts = {n for n in "abc" if e.get(f"/v1/runs/{run}/nodes/{n}/attempts")["items"][0]["stale"]}
    return nodes, its, attempts


def test_what_was_made_from_something_made_anew_is_marked():
    source = "name: only\nnodes:\n  a: {run: echo 1}\n  b: {needs: a, run: echo 2}\n  c: {needs: b, run: echo 3}\n"
    run = e.finish(e.submit(source)["id"])
    assert marks(run) == (set(), set(), set())
    for node, generation, stale in (("a", 2, {"b", "c"}), ("b", 3, {"c"}), ("c", 4, set())):
        e.post(f"/v1/runs/{run}/resume-from", {"node": node, "only": True})
        wait(lambda: e.get(f"/v1/runs/{run}")["state"] == "succeeded" and e.get(f"/v1/runs/{run}")["generation"] == generation, "it ran")
        assert marks(run) == (stale, stale, stale), (node, marks(run))
    one = e.get(f"/v1/runs/{run}/nodes/c/attempts")["items"]
    assert [a["stale"] for a in one] == [False, False], one


def test_the_preview_says_when_the_health_command_runs():
    run = e.finish(e.submit("name: well\nhealth: {run: 'true'}\nnodes:\n  a: {run: echo 1}\n")["id"])
    for query in ("verb=resume_from&node=a", "verb=rollback&checkpoint=start"):
        items = {i["node"]: i for i in e.get(f"/v1/runs/{run}/preview?{query}")["items"]}
        assert items["health"]["why"] == "it runs after a rollback, never otherwise", items


def test_differences_between_checkpoints():
    run = e.finish(e.submit(CHAIN % top)["id"])
    d = e.get(f"/v1/runs/{run}/diff?from=a&to=b").json
    changes = {i["path"]: i["change"] for i in d["items"]}
    assert (changes["a"], changes["b"], changes["sub/x"]) == ("modified", "added", "removed"), d
    d = e.get(f"/v1/runs/{run}/diff?from=a&to=b&path=a").json
    assert "+more" in d["text"] and "renamed" not in d["text"]
    d = e.get(f"/v1/runs/{run}/diff?from=c&to=now").json
    assert d["items"] == [] and d["total"] == 0
    with open(e.get(f"/v1/runs/{run}")["workspace"] + "/new", "w") as f:
        f.write("x")
    assert [i["path"] for i in e.get(f"/v1/runs/{run}/diff?from=c").json["items"]] == ["new"]
    e.get(f"/v1/runs/{run}/diff?from=nope", 404)
    e.get(f"/v1/runs/{run}/diff?workstream=nope", 404)


def test_fork_begins_at_a_checkpoint():
    source = ("name: forked\nparams: {word: {type: string, default: one}}\nnodes:\n"
              "  a: {run: 'echo \"$PARAM_WORD\" > a; echo v=1 >> \"$PAWL_OUTPUT\"'}\n"
              "  b: {needs: a, env: {V: '${{ nodes.a.outputs.v }}'}, run: 'echo \"$PARAM_WORD $V\" > b'}\n")
    run = e.finish(e.submit(source)["id"])
    shown = e.get(f"/v1/runs/{run}/preview?verb=fork&checkpoint=a").json
    assert shown["files"][0]["action"] == "copy" and shown["counts"]["kept"] == 1, shown
    order = e.post(f"/v1/runs/{run}/fork", {"checkpoint": "a", "params": {"word": "two"}}, 201).json
    other = e.finish(order["id"])
    assert other != run
    r = e.get(f"/v1/runs/{other}").json
    assert r["state"] == "succeeded" and r["params"] == {"word": "two"}, r
    assert open(r["workspace"] + "/a").read() == "one\n"
    assert open(r["workspace"] + "/b").read() == "two 1\n"
    assert e.get(f"/v1/runs/{other}/nodes/a/attempts")["items"] == []
    e.post(f"/v1/runs/{run}/fork", {"checkpoint": "nope"}, 404)
    e.post(f"/v1/runs/{run}/fork", {"checkpoint": "a", "params": {"nope": 1}}, 422)


def test_a_run_that_runs_is_sent_back():
    source = ("name: busy\nnodes:\n  a: {run: echo one > f}\n  b: {needs: a, run: 'echo two > f; test -e %s/let; exec sleep %s'}\n")
    open(f"{top}/let", "w").close()
    run = e.run_of(e.submit(source % (top, 1000))["id"])
    wait(lambda: e.get(f"/v1/runs/{run}/nodes/b")["state"] == "running", "b runs")
    p = e.get(f"/v1/runs/{run}/preview?verb=rollback&checkpoint=a&now=1").json
    assert p["counts"]["running"] == 1, p
    assert [i["first"] for i in p["items"]] == [None, "is_stopped"], p
    # It waits for the end of what runs, and can be taken back.
    r = e.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a"}).json
    assert r["state"] == "pausing" and r["way_back"] == "quiesce", r
    e.post(f"/v1/runs/{run}/resume")
    assert e.get(f"/v1/runs/{run}")["way_back"] is None
    way = e.get(f"/v1/runs/{run}/checkpoints")["way_back"]
    assert way["step"] == "undone" and way["error"], way
    # While it waits the engine dies; the next one goes on waiting, and is then told to stop it.
    e.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a"})
    e.stop(signal.SIGKILL)
    e.start()
    r = e.get(f"/v1/runs/{run}").json
    assert r["state"] == "pausing" and r["way_back"] == "quiesce", r
    e.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a", "now": True})
    wait(lambda: e.get(f"/v1/runs/{run}/checkpoints")["way_back"]["step"] == "done", "it is back")
    state(run, "paused")
    with open(e.get(f"/v1/runs/{run}")["workspace"] + "/f") as f:
        assert f.read() == "one\n"
    assert e.get(f"/v1/runs/{run}/nodes/b/attempts")["items"][-1]["state"] == "interrupted"
    # And from a node that runs.
    e.post(f"/v1/runs/{run}/resume")
    wait(lambda: e.get(f"/v1/runs/{run}/nodes/b")["state"] == "running", "b runs again")
    e.post(f"/v1/runs/{run}/resume-from", {"node": "b", "now": True})
    wait(lambda: e.get(f"/v1/runs/{run}")["generation"] == 3 and e.get(f"/v1/runs/{run}/nodes/b")["state"] == "running", "anew")
    e.post(f"/v1/runs/{run}/cancel")
    state(run, "canceled")


def make_repository(name):
    repo = f"{top}/{name}"
    os.mkdir(repo)
    git(repo, "init", "-q", "-b", "main")
    for i in range(3):
        with open(f"{repo}/file{i}", "w") as f:
            f.write(f"{i}\n")
        git(repo, "add", ".")
        git(repo, "commit", "-qm", f"c{i}")
    return repo


def everything(repo):
    """What must not change in somebody's repository."""
    kept = {}
    for name in ("HEAD", "index", "config"):
        with open(f"{repo}/.git/{name}", "rb") as f:
            kept[name] = f.read()
    kept["files"] = tree(repo)
    kept["main"] = git(repo, "rev-parse", "main")
    kept["status"] = git(repo, "status", "--porcelain")
    return kept


def test_a_run_has_its_own_worktree_of_a_repository():
    repo = make_repository("repo")
    git(repo, "branch", "older", "main~1")
    before = everything(repo)
    source = (f"name: repo\nworkspace: {{repo: {repo}, base: older}}\nnodes:\n"
              "  a: {run: 'test ! -e file2; echo changed > file0; git add -A; git -c user.name=a -c user.email=a@b commit -qm work'}\n"
              "  b: {needs: a, run: 'echo junk > junk; test -e %s/go'}\n" % top)
    run = e.finish(e.submit(source)["id"])
    r = e.get(f"/v1/runs/{run}").json
    assert r["state"] == "failed", r
    folder = r["workspace"]
    assert os.path.exists(f"{folder}/junk"), (r, e.get(f"/v1/events?run={run}").json)
    assert everything(repo) == before
    assert git(repo, "branch", "--list", "pawl/*").split()[-1] == f"pawl/{run}"
    e.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a"})
    state(run, "paused")
    assert not os.path.exists(f"{folder}/junk")
    open(f"{top}/go", "w").close()
    e.post(f"/v1/runs/{run}/resume")
    state(run, "succeeded")
    # Given back with the end: the branch stays, the folder goes.
    wait(lambda: not os.path.exists(folder), "the worktree goes")
    assert git(repo, "log", "--format=%s", "-1", f"pawl/{run}") == "work\n"
    assert everything(repo) == before
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    # And made again when the run is sent back.
    wait(lambda: e.get("/v1/events?type=workspace.released&run=" + run)["items"], "it is noted")
    e.post(f"/v1/runs/{run}/resume-from", {"node": "b"})
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] == "succeeded" and e.get(f"/v1/runs/{run}")["generation"] == 3, "again")
    assert everything(repo) == before


def test_what_a_step_committed_goes_back_too():
    repo = make_repository("heads")
    base = git(repo, "rev-parse", "main").strip()
    commit = "git add -A; git -c user.name=a -c user.email=a@b commit -qm"
    source = (f"name: heads\nworkspace: {{repo: {repo}}}\nnodes:\n"
              "  a: {run: 'echo one > made'}\n"
              f"  b: {{needs: a, run: '{commit} first'}}\n"
              f"  c: {{needs: b, run: 'echo two > made; {commit} second; git checkout -q --detach; exit 1'}}\n")
    run = e.finish(e.submit(source)["id"])
    folder = e.get(f"/v1/runs/{run}")["workspace"]
    first, second = git(repo, "rev-list", "--max-count=2", f"pawl/{run}").split()[::-1]
    there = lambda: (git(folder, "rev-parse", "HEAD").strip(), git(folder, "symbolic-ref", "HEAD").strip(),
                     open(f"{folder}/made").read(), git(folder, "status", "--porcelain"))
    branch = f"refs/heads/pawl/{run}"
    shown = [f["head"] for f in e.get(f"/v1/runs/{run}/preview?verb=rollback&checkpoint=b")["files"]]
    assert shown == [{"branch": f"pawl/{run}", "from": second, "to": first}], shown
    e.post(f"/v1/runs/{run}/rollback", {"checkpoint": "b"})
    state(run, "paused")
    assert there() == (first, branch, "one\n", ""), there()
    # Of the same files, one was before the commit.
    assert [f["head"]["to"] for f in e.get(f"/v1/runs/{run}/preview?verb=rollback&checkpoint=a")["files"]] == [base]
    e.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a"})
    wait(lambda: e.get(f"/v1/runs/{run}")["generation"] == 3 and e.get(f"/v1/runs/{run}")["state"] == "paused", "back at a")
    assert there() == (base, branch, "one\n", "?? made\n"), there()
    # What was committed is not lost: neither the newest nor the one before.
    kept = git(repo, "for-each-ref", "--format=%(objectname)", f"refs/pawl/{run}/").split()
    assert sorted(kept) == sorted([first, second]), kept
    fork = e.run_of(e.post(f"/v1/runs/{run}/fork", {"checkpoint": "b", "paused": True}, 201).json["id"])
    state(fork, "paused")
    assert git(repo, "rev-parse", f"pawl/{fork}").strip() == first
    e.post(f"/v1/runs/{run}/resume")
    state(run, "failed")
    assert git(repo, "log", "--format=%s", f"pawl/{run}").split("\n")[:2] == ["second", "first"]


def test_a_repository_that_is_none_fails_the_run():
    run = e.finish(e.submit(f"name: none\nworkspace: {{repo: {top}}}\nnodes: {{a: {{run: 'true'}}}}\n")["id"])
    r = e.get(f"/v1/runs/{run}").json
    assert r["state"] == "failed" and "git repository" in r["reason"], r
    repo = make_repository("based")
    run = e.finish(e.submit(f"name: none\nworkspace: {{repo: {repo}, base: nope}}\nnodes: {{a: {{run: 'true'}}}}\n")["id"])
    assert "no commit nope" in e.get(f"/v1/runs/{run}")["reason"]
    assert git(repo, "branch", "--list", "pawl/*") == ""


def change(folder, rng):
    """Some random changes beneath a folder."""
    names = ["plain", "with space", "ü-name", "-dash", "q'uote", "new\nline", "deep/er/file", "deep/other"]
    for _ in range(rng.randrange(1, 8)):
        path = os.path.join(folder, rng.choice(names))
        what = rng.randrange(6)
        if os.path.isdir(path) and not os.path.islink(path):
            continue
        if what == 0 and os.path.lexists(path):
            os.unlink(path)
        elif what == 1 and not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(rng.choice(["plain", "/nowhere", "../.."]), path)
        elif what == 2 and os.path.isfile(path) and not os.path.islink(path):
            os.chmod(path, rng.choice([0o600, 0o644, 0o755]))
        elif not os.path.islink(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(rng.randbytes(rng.randrange(0, 3000)))


def test_rollback_is_exact_and_survives_a_kill():
    rng = random.Random(7)
    for turn in range(8):
        folder = f"{top}/exact{turn}"
        os.mkdir(folder)
        change(folder, rng)
        source = (f"name: exact\nworkspace: {{folder: {folder}}}\nnodes:\n"
                  "  a: {run: echo a > by-a}\n  b: {needs: a, run: echo b > by-b}\n")
        run = e.finish(e.submit(source)["id"])
        os.unlink(f"{folder}/by-b")
        then = tree(folder)
        assert "by-a" in then
        for _ in range(3):
            change(folder, rng)
        e.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a"})
        # Killed at some moment of it, and gone on with.
        if turn % 2:
            wait(lambda: turn % 4 == 1 or e.get(f"/v1/events?type=run.protected&run={run}")["items"], "it is protected")
            e.stop(signal.SIGKILL)
            e.start()
            if state(run, "paused", "succeeded")["state"] == "succeeded":
                e.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a"})
        state(run, "paused")
        now = tree(folder)
        assert now == then, (turn, set(now.items()) ^ set(then.items()))
        e.post(f"/v1/runs/{run}/resume")
        state(run, "succeeded")
    assert e.post("/v1/fsck")["ok"]


def test_gc_gives_back_what_is_old_and_nothing_else():
    keep = e.run_of(e.submit("name: keep\nnodes:\n  a: {run: head -c 100000 /dev/urandom > big}\n  b: {needs: a, run: exec sleep 1000}\n")["id"])
    wait(lambda: points(keep).get("a"), "a is done")
    old = e.finish(e.submit("name: old\nnodes: {a: {run: head -c 300000 /dev/urandom > big}}\n")["id"])
    folder = e.get(f"/v1/runs/{old}")["workspace"]
    e.post("/v1/gc", {}, 400)
    g = e.post("/v1/gc", {"older_ms": 3600000}).json
    assert g["dry_run"] and g["runs"] == 0, g
    g = e.post("/v1/gc", {"older_ms": 0}).json
    assert g["runs"] > 3 and os.path.exists(folder) and any(i["path"] == folder for i in g["items"]), g
    assert not any(i["run"] == keep for i in g["items"]), g
    before = points(old)["a"]["tree"]
    g = e.post("/v1/gc", {"older_ms": 0, "dry_run": False}).json
    assert not g["dry_run"] and g["bytes"] > 300000 and not any(i["error"] for i in g["items"]), g
    assert not os.path.exists(folder)
    assert before and points(old)["a"]["tree"] is None and "gc" in points(old)["a"]["why_not"]
    e.post(f"/v1/runs/{old}/rollback", {"checkpoint": "a"}, 409)
    # The one that has not ended can still go back.
    e.post(f"/v1/runs/{keep}/pause")
    e.post(f"/v1/runs/{keep}/cancel")
    state(keep, "canceled")
    with open(e.get(f"/v1/runs/{keep}")["workspace"] + "/junk", "w") as f:
        f.write("x")
    e.post(f"/v1/runs/{keep}/rollback", {"checkpoint": "a"})
    state(keep, "paused")
    assert sorted(tree(e.get(f"/v1/runs/{keep}")["workspace"])) == ["big"]
    e.post(f"/v1/runs/{keep}/cancel")


def test_what_is_kept_is_sound():
    f = e.post("/v1/fsck").json
    assert f["ok"], [c for c in f["checks"] if not c["ok"]]


try:
    engine.main(globals())
finally:
    shutil.rmtree(top, ignore_errors=True)
