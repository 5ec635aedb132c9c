#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What engines that died left behind, on a real repository: found by gc, and gone afterwards."""

import os
import shutil
import signal
import subprocess
import tempfile

import engine
from engine import Engine, wait

TOP = tempfile.TemporaryDirectory(prefix="pawl-gc-")
REPO = TOP.name + "/repo"
e = Engine("steps=2", "grace=1s")
WORKFLOW = f"name: w\nworkspace: {{repo: {REPO}}}\nnodes:\n  a: {{run: 'echo a >> f; while [ -e {TOP.name}/wait ]; do sleep 0.1; done'}}\n"


def git(*words):
    return subprocess.run(["git", "-C", REPO, "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
                          check=True, capture_output=True, text=True).stdout


def gc(**body):
    return e.post("/v1/gc", {"older_ms": 10 ** 12, **body}).json


def kinds(g):
    return sorted(i["kind"] for i in g["items"])


def kill_and_forget(saved):
    """The engine is killed, and its database is the one of before, as from a backup."""
    e.stop(signal.SIGKILL)
    for pid in filter(str.isdigit, os.listdir("/proc")):  # its workers, which would come back
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
            if len(words) > 2 and words[0].endswith(b"/pawl-worker") and words[2] == e.home.encode():
                os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass
    os.unlink(TOP.name + "/wait")  # what the step waits for
    for name in os.listdir(e.home):
        if name.startswith("state.db"):
            os.unlink(f"{e.home}/{name}")
    for name in os.listdir(saved):
        shutil.copy2(f"{saved}/{name}", e.home)
    e.start()


def test_a_worktree_of_a_lost_run():
    os.makedirs(REPO)
    git("init", "-q", "-b", "main")
    with open(REPO + "/f", "w", encoding="utf-8") as f:
        f.write("base\n")
    git("add", ".")
    git("commit", "-qm", "base")
    e.finish(e.submit(engine.OK)["id"])
    assert e.stop() == 0
    saved = TOP.name + "/saved"
    os.makedirs(saved)
    for name in os.listdir(e.home):
        if name.startswith("state.db"):
            shutil.copy2(f"{e.home}/{name}", saved)
    e.start()
    open(TOP.name + "/wait", "w", encoding="utf-8").close()
    run = e.run_of(e.submit(WORKFLOW)["id"])
    folder = wait(lambda: e.get(f"/v1/runs/{run}")["workspace"], "it has a workspace")
    wait(lambda: os.path.exists(folder + "/f") and "a" in open(folder + "/f", encoding="utf-8").read().split(), "a runs")
    assert "orphan" not in kinds(gc())
    before = git("status", "--porcelain"), git("rev-parse", "HEAD"), git("branch", "--list", "main")
    kill_and_forget(saved)
    assert e.ask("GET", f"/v1/runs/{run}").status == 404 and os.path.isdir(folder)
    g = gc()
    assert kinds(g) == ["folder", "orphan"], g
    orphan = [i for i in g["items"] if i["kind"] == "orphan"][0]
    assert orphan["branch"] == f"pawl/{run}" and orphan["path"] == folder and g["bytes"] > 0, g
    assert os.path.isdir(folder), "a dry run changes nothing"
    g = gc(dry_run=False)
    assert kinds(g) == ["folder", "orphan"] and not any(i["error"] for i in g["items"]), g
    assert not os.path.exists(f"{e.home}/runs/{run}")
    assert "pawl/" not in git("branch", "--list", "-a") and len(git("worktree", "list").splitlines()) == 1
    assert (git("status", "--porcelain"), git("rev-parse", "HEAD"), git("branch", "--list", "main")) == before
    assert not gc()["items"]
    assert e.post("/v1/fsck")["ok"]


def test_a_branch_with_commits_stays():
    folder = f"{e.home}/runs/r-zzzzzzzz0/work"
    os.makedirs(os.path.dirname(folder))
    git("worktree", "add", "-q", "-b", "pawl/r-zzzzzzzz0", folder)
    subprocess.run(["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "--allow-empty",
                    "-m", "work"], check=True)
    g = gc(dry_run=False)
    orphan = [i for i in g["items"] if i["kind"] == "orphan"][0]
    assert orphan["kept"] and not orphan["error"] and not os.path.exists(folder), g
    assert "pawl/r-zzzzzzzz0" in git("branch", "--list", "pawl/*")
    git("branch", "-qD", "pawl/r-zzzzzzzz0")


def test_what_uploads_and_imports_left():
    os.makedirs(e.home + "/tmp", exist_ok=True)
    with open(e.home + "/tmp/upload-1-abcdef", "wb") as f:
        f.write(bytes(100000))
    os.makedirs(e.home + "/tmp/import-1-abcdef/rows")
    g = gc()
    assert kinds(g) == ["temporary", "temporary"] and g["bytes"] >= 100000, g
    # What the present engine makes is its own business.
    c = engine.Unix(e.socket)
    c.putrequest("POST", "/v1/import")
    c.putheader("Content-Length", "900000")
    c.endheaders()
    c.send(b"x" * 600000)
    wait(lambda: len(os.listdir(e.home + "/tmp")) == 3, "the upload has begun")
    assert kinds(gc(dry_run=False)) == ["temporary", "temporary"]
    assert len(os.listdir(e.home + "/tmp")) == 1
    c.send(b"x" * 300000)
    assert c.getresponse().status == 422
    c.close()
    wait(lambda: not os.listdir(e.home + "/tmp"), "the upload is gone")


def test_an_engine_that_is_killed_in_an_import():
    run = e.finish(e.submit("name: big\nnodes: {a: {run: 'head -c 3000000 /dev/urandom > big'}}\n")["id"])
    data = e.get(f"/v1/runs/{run}/export").body
    for _ in range(3):
        runs = set(os.listdir(e.home + "/runs"))
        c = engine.Unix(e.socket)
        c.request("POST", "/v1/import", data)
        wait(lambda: os.listdir(e.home + "/tmp"), "it has begun")
        e.stop(signal.SIGKILL)
        c.close()
        e.start()
        known = {r["id"] for r in e.get("/v1/runs?limit=1000")["items"]}
        assert e.post("/v1/fsck")["ok"]
        gc(dry_run=False)
        assert set(os.listdir(e.home + "/runs")) <= known | runs
        assert not os.listdir(e.home + "/tmp")
        assert not gc()["items"]
    i = e.ask("POST", "/v1/import", data)
    assert i.status == 201 and os.path.getsize(i["workspace"] + "/big") == 3000000


if __name__ == "__main__":
    engine.main(globals())
