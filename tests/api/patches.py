#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches on a real repository: committed, refused, taken back, and whole after every kind of end in the middle."""

import hashlib
import os
import signal
import subprocess
import tempfile

import engine
from engine import Engine, wait

TOP = tempfile.TemporaryDirectory(prefix="pawl-patches-")
REPO = TOP.name + "/repo"
FOLDER = TOP.name + "/folder"
e = Engine("steps=4", "grace=1s")

DIFF = """--- a/{path}
+++ b/{path}
@@ -1,3 +1,3 @@
 one
-{old}
+{new}
 three
"""


def git(*words, at=REPO):
    return subprocess.run(["git", "-C", at, "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
                          check=True, capture_output=True, text=True).stdout


def indent(text, n):
    return "".join(" " * n + line + "\n" for line in text.splitlines())


def workflow(path="src/a", old="two", new="2", gate="true", commit="true", space=f"{{repo: {REPO}}}", more="", rules="paths: {allow: 'src/**'}"):
    return (f"name: p\nworkspace: {space}\nnodes:\n  mend:\n    patch:\n      text: |\n{indent(DIFF.format(path=path, old=old, new=new), 8)}"
            f"      {rules}\n      commit: {commit}\n{more}    verify: [{{run: '{gate}'}}]\n")


def picture(folder):
    """Names, modes and bytes of all but what git itself keeps."""
    seen = []
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if f != ".git")
        for name in sorted(files + folders):
            path = os.path.join(at, name)
            st = os.lstat(path)
            data = b"" if os.path.isdir(path) else open(path, "rb").read()
            seen.append((os.path.relpath(path, folder), st.st_mode, hashlib.sha256(data).hexdigest()))
    return [s for s in seen if not s[0].endswith("/.git") and s[0] != ".git"]


def patches(run):
    return e.get(f"/v1/patches?run={run}").json["items"]


def states(patch):
    return [m["to"] for m in e.get(f"/v1/patches/{patch}")["history"]]


def ends(text, state):
    run = e.run_of(e.submit(text)["id"])
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] in ("succeeded", "failed", "canceled"), "it ends")
    assert e.get(f"/v1/runs/{run}")["state"] == state, e.get(f"/v1/runs/{run}/nodes").json
    return run


def make_repo():
    os.makedirs(REPO + "/src")
    for path in (REPO + "/src/a", REPO + "/src/b"):
        with open(path, "w", encoding="utf-8") as f:
            f.write("one\ntwo\nthree\n")
    os.chmod(REPO + "/src/b", 0o600)
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "base")


def original():
    """The files of a fresh worktree."""
    at = tempfile.mkdtemp(dir=TOP.name)
    os.rmdir(at)
    git("worktree", "add", "-q", "--detach", at, "main")
    seen = picture(at)
    git("worktree", "remove", "--force", at)
    return seen


WAY = ["created", "validated", "queued", "applying", "applied", "verified", "committed"]


def test_a_good_one_is_committed():
    make_repo()
    run = ends(workflow(commit="{message: 'Mend ${{ run.id }}', author: 'A B <a@b>'}"), "succeeded")
    p, = patches(run)
    assert p["state"] == "committed" and p["files"] == 1 and p["added"] == 1 and p["removed"] == 1, p
    assert states(p["id"]) == WAY
    assert git("log", "--format=%s %an", "-1", p["commit"]).strip() == f"Mend {run} A B"
    assert git("show", f"{p['commit']}:src/a") == "one\n2\nthree\n"
    assert git("rev-parse", f"pawl/{run}").strip() == p["commit"]
    assert e.get(f"/v1/runs/{run}/nodes/mend")["outputs"]["commit"] == p["commit"]
    whole = e.get(f"/v1/patches/{p['id']}").json
    assert whole["diff"] == DIFF.format(path="src/a", old="two", new="2") and whole["changes"][0]["path"] == "src/a"
    assert e.get(f"/v1/patches/{p['id'][:-1]}").status in (200, 409)
    assert e.ask("GET", "/v1/patches/p-000000000").status == 404
    assert e.ask("GET", "/v1/patches?state=good").status == 400


def refused(text, why, kept=True):
    run = ends(text, "failed")
    p, = patches(run)
    assert p["state"] == "quarantined" and why in p["reason"], p
    folder = e.get(f"/v1/runs/{run}")["workspace"]
    assert picture(folder) == original()
    assert git("rev-parse", "HEAD", at=folder) == git("rev-parse", "main")
    assert git("status", "--porcelain", at=folder) == ""
    if kept:
        assert os.path.exists(e.get(f"/v1/patches/{p['id']}")["diff_file"])
    return p


def test_what_is_refused_leaves_every_byte():
    refused(workflow(path="other/a"), "not among the paths")
    refused(workflow(path="src/../../x", rules="binary: false"), "lead out")
    refused(workflow(path=".git/config", rules="binary: false"), ".git")
    refused(workflow(old="zwei"), "does not apply")
    refused(workflow(rules="max_lines: 1"), "2 lines")
    refused(workflow(rules="paths: {max_file: 5}"), "would have")
    p = refused(workflow(gate="grep -q two src/a"), "failed")
    assert states(p["id"]) == WAY[:5] + ["quarantined"]
    refused(workflow().replace("@@ -1,3 +1,3 @@", "@@ -1,9 +1,9 @@"), "cut off")


def test_drop():
    run = ends(workflow(path="other/a"), "failed")
    p, = patches(run)
    assert e.ask("POST", f"/v1/patches/{p['id']}", {"do": "drop"}).status == 400
    assert e.ask("POST", f"/v1/patches/{p['id']}", {"do": "revert", "reason": "x"}).status == 409
    assert e.post(f"/v1/patches/{p['id']}", {"do": "drop", "reason": "not wanted"})["state"] == "dropped"
    assert e.ask("POST", f"/v1/patches/{p['id']}", {"do": "drop", "reason": "again"}).status == 409
    assert states(p["id"])[-2:] == ["quarantined", "dropped"]


def settled(patch):
    wait(lambda: e.get(f"/v1/patches/{patch}")["state"] in ("committed", "quarantined", "rolled_back"), "it is settled")
    return e.get(f"/v1/patches/{patch}").json


def revert(patch, reason):
    """The entry of a revert that is settled; the run's worktree may just be on its way out."""
    def asked():
        r = e.ask("POST", f"/v1/patches/{patch}", {"do": "revert", "reason": reason})
        assert r.status == 200 or "given back" in r["message"], r.body
        return r.json if r.status == 200 else None
    return settled(wait(asked, "it can be asked")["id"])


def test_revert_is_a_new_entry():
    run = ends(workflow(), "succeeded")
    p, = patches(run)
    back = revert(p['id'], "was wrong")
    assert back["state"] == "committed" and back["reverts"] == p["id"], back
    first = e.get(f"/v1/patches/{p['id']}").json
    assert first["state"] == "rolled_back" and first["reverted_by"] == back["id"] and "was wrong" in first["reason"]
    assert states(p["id"]) == WAY + ["rolled_back"] and states(back["id"]) == WAY
    assert git("rev-list", "--count", f"main..pawl/{run}").strip() == "2"
    assert git("diff", "main", f"pawl/{run}") == ""
    assert e.ask("POST", f"/v1/patches/{p['id']}", {"do": "revert", "reason": "again"}).status == 409
    assert e.ask("POST", f"/v1/patches/{back['id']}", {"do": "revert", "reason": "again"}).status == 409
    assert len(git("worktree", "list").splitlines()) == len([r for r in e.get("/v1/runs?limit=1000")["items"] if r["state"] == "failed"]) + 1


def test_a_revert_that_fails_changes_nothing():
    run = ends(workflow(gate="grep -q 2 src/a"), "succeeded")
    p, = patches(run)
    head = git("rev-parse", f"pawl/{run}")
    back = revert(p['id'], "try")
    assert back["state"] == "quarantined" and "failed" in back["reason"], back
    first = e.get(f"/v1/patches/{p['id']}").json
    assert first["state"] == "committed" and first["reverted_by"] is None
    assert git("rev-parse", f"pawl/{run}") == head
    types = [v["type"] for v in e.get(f"/v1/events?run={run}&limit=1000")["items"]]
    assert "patch.revert_failed" in types and "patch.rolled_back" not in types


def test_compensations():
    run = ends(workflow(more="      compensate: {run: 'git show HEAD~1:src/a > src/a'}\n"), "succeeded")
    p, = patches(run)
    back = revert(p['id'], "by a command")
    assert back["state"] == "committed" and git("diff", "main", f"pawl/{run}") == "", back
    run = ends(workflow(more="      compensate: {run: 'echo half > src/a; exit 3'}\n"), "succeeded")
    p, = patches(run)
    back = revert(p['id'], "by a bad command")
    assert back["state"] == "quarantined" and "3" in back["reason"], back
    assert git("show", f"pawl/{run}:src/a") == "one\n2\nthree\n"
    run = ends(workflow(more="      compensate: manual\n"), "succeeded")
    p, = patches(run)
    back = revert(p['id'], "done by hand")
    assert back["state"] == "committed" and git("show", f"pawl/{run}:src/a") == "one\n2\nthree\n"


def put_folder():
    os.makedirs(FOLDER + "/src", exist_ok=True)
    with open(FOLDER + "/src/a", "w", encoding="utf-8") as f:
        f.write("one\ntwo\nthree\n")


def test_without_a_repository():
    put_folder()
    before = picture(FOLDER)
    run = ends(workflow(space=f"{{folder: {FOLDER}}}", commit="true"), "failed")
    p, = patches(run)
    assert "no git repository" in p["reason"] and picture(FOLDER) == before, p
    run = ends(workflow(space=f"{{folder: {FOLDER}}}", commit="false", gate="false"), "failed")
    assert picture(FOLDER) == before
    run = ends(workflow(space=f"{{folder: {FOLDER}}}", commit="false"), "succeeded")
    p, = patches(run)
    assert p["state"] == "committed" and p["commit"] is None and picture(FOLDER) != before
    assert revert(p['id'], "back")["state"] == "committed"
    assert picture(FOLDER) == before


def waits(gate="", commit="false"):
    """A run that has applied its patch and stands in its check until TOP/go is there."""
    put_folder()
    go = TOP.name + "/go"
    if os.path.exists(go):
        os.unlink(go)
    text = workflow(space=f"{{folder: {FOLDER}}}", commit=commit, gate=f"while [ ! -e {go} ]; do sleep 0.1; done; {gate or 'true'}")
    run = e.run_of(e.submit(text)["id"])
    wait(lambda: e.get(f"/v1/runs/{run}/nodes/mend")["state"] == "validating", "it is checked")
    assert open(FOLDER + "/src/a", encoding="utf-8").read() == "one\n2\nthree\n"
    return run, go


def go_on(go):
    open(go, "w", encoding="utf-8").close()


def test_cancel_in_the_middle():
    before = None
    put_folder()
    before = picture(FOLDER)
    run, _ = waits()
    e.post(f"/v1/runs/{run}/cancel", {})
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] == "canceled", "it is canceled")
    assert picture(FOLDER) == before
    p, = patches(run)
    assert p["state"] == "quarantined" and p["reason"], p


def test_an_engine_that_is_killed_between_apply_and_settle():
    for gate, state in (("true", "committed"), ("false", "quarantined")):
        put_folder()
        before = picture(FOLDER)
        run, go = waits(gate)
        e.stop(signal.SIGKILL)
        go_on(go)
        e.start()
        wait(lambda r=run: e.get(f"/v1/runs/{r}")["state"] in ("succeeded", "failed"), "it ends")
        p, = patches(run)
        assert p["state"] == state, p
        assert (picture(FOLDER) == before) == (state == "quarantined")
    assert e.post("/v1/fsck")["ok"]


def kill_programs(name):
    """Every process of this home whose program is called so."""
    killed = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
            with open(f"/proc/{pid}/environ", "rb") as f:
                ours = b"PAWL_HOME=" + e.home.encode() in f.read().split(b"\0")
            worker = len(words) > 2 and words[0].endswith(b"/pawl-worker") and words[2] == e.home.encode()
            if words[0].endswith(b"/" + name) and (ours or worker):
                os.kill(int(pid), signal.SIGKILL)
                killed += 1
        except OSError:
            pass
    return killed


def test_everything_killed_between_apply_and_settle():
    put_folder()
    run, go = waits()
    e.stop(signal.SIGKILL)
    assert kill_programs(b"pawl-worker") and kill_programs(b"pawl-verify")
    go_on(go)
    e.start()
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] in ("succeeded", "failed"), "it ends")
    p, = patches(run)
    whole = open(FOLDER + "/src/a", encoding="utf-8").read()
    assert (p["state"], whole) in (("committed", "one\n2\nthree\n"), ("quarantined", "one\ntwo\nthree\n")), (p, whole)
    assert e.post("/v1/fsck")["ok"]


def test_an_operator_takes_one_out():
    put_folder()
    before = picture(FOLDER)
    run, go = waits()
    p, = patches(run)
    e.post(f"/v1/patches/{p['id']}", {"do": "quarantine", "reason": "not this one"})
    go_on(go)
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] == "failed", "it fails")
    p, = patches(run)
    assert p["state"] == "quarantined" and p["reason"] == "not this one" and picture(FOLDER) == before, p


def test_two_at_one_folder_take_turns():
    put_folder()
    two = workflow(space=f"{{folder: {FOLDER}}}", commit="false", gate="false")
    second = two[two.index("  mend:"):].replace("  mend:", "  other:").replace("+2", "+zwei").replace("'false'", "'grep -q zwei src/a'")
    two = two.replace("  mend:\n", "  mend:\n    critical: false\n") + second
    run = e.run_of(e.submit(two)["id"])
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] in ("succeeded", "failed"), "it ends")
    found = {p["node"]: p["state"] for p in patches(run)}
    assert found == {"mend": "quarantined", "other": "committed"}, patches(run)
    assert open(FOLDER + "/src/a", encoding="utf-8").read() == "one\nzwei\nthree\n"


def test_an_answer_in_a_fence():
    put_folder()
    diff = DIFF.format(path="src/a", old="two", new="2")
    say = "printf 'text<<END\\n```diff\\n%s```\\nEND\\n' \"$D\" >> \"$PAWL_OUTPUT\""
    text = (f"name: f\nworkspace: {{folder: {FOLDER}}}\nnodes:\n  say:\n    env:\n      D: |\n{indent(diff, 8)}    run: |\n      {say}\n"
            "  mend: {needs: say, patch: {text: '${{ nodes.say.outputs.text }}'}}\n")
    run = ends(text, "succeeded")
    assert open(FOLDER + "/src/a", encoding="utf-8").read() == "one\n2\nthree\n"
    assert patches(run)[0]["state"] == "committed"


def test_gc_fsck_and_a_way_back():
    run = ends(workflow(), "succeeded")
    wait(lambda: e.ask("POST", f"/v1/runs/{run}/resume-from", {"node": "mend"}).status == 200, "its worktree was given back")
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] == "succeeded" and len(patches(run)) == 2, "it runs again")
    assert [p["state"] for p in patches(run)] == ["committed", "committed"]
    assert e.ask("GET", f"/v1/runs/{run}/export").status == 200
    assert e.post("/v1/gc", {"older_ms": 0, "dry_run": False}).json is not None
    assert e.post("/v1/fsck")["ok"]
    assert len(patches(run)) == 2


if __name__ == "__main__":
    engine.main(globals())
