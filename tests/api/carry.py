#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as one file: exported from one engine, imported into another, and gone on with there."""

import glob
import json
import os
import stat
import subprocess
import tempfile

import engine
from engine import BUILDDIR, Engine, Unix, wait

e = Engine("steps=4", "grace=1s")
other = Engine("steps=4", "grace=1s")
WORK = tempfile.TemporaryDirectory(prefix="pawl-carry-")

FILES = """name: files
params: {who: {default: me}}
nodes:
  a: {run: 'echo "one $PARAM_WHO"; echo hello > a.txt; mkdir -p d e; ln -s ../a.txt d/l; printf "#!/bin/sh\\n" > x; chmod 751 x; head -c 70000 /dev/urandom > bin'}
  b: {needs: a, run: 'echo two; echo b >> a.txt; rm x; echo v=7 >> "$PAWL_OUTPUT"'}
  c: {needs: b, env: {V: '${{ nodes.b.outputs.v }}'}, run: 'echo "three $V"; echo c >> a.txt; exit 3'}
"""
INNER = "name: inner\nnodes:\n  x: {run: 'echo in the inner; cat m1 > deep'}\n  y: {needs: x, run: 'echo y'}\n"
SUBS = """name: outer
nodes:
  pick: {run: 'echo outer > o.txt'}
  each: {needs: pick, matrix: {n: [1, 2]}, env: {N: '${{ matrix.n }}'}, run: 'echo "inst $N"; echo "$N" > "m$N"'}
  inner: {needs: each, workflow: inner.yaml}
  last: {needs: inner, run: 'cat deep'}
"""


def state(on, run, wanted):
    return wait(lambda: (lambda r: r if r["state"] == wanted else None)(on.get(f"/v1/runs/{run}").json),
                f"the run is {wanted}")


def export(on, run, query=""):
    r = on.get(f"/v1/runs/{run}/export{query}")
    assert r.headers["Content-Type"] == "application/octet-stream" and f"{run}.pawl" in r.headers["Content-Disposition"]
    assert int(r.headers["Content-Length"]) == len(r.body)
    return r.body


def load(on, data, status=201):
    r = on.ask("POST", "/v1/import", data)
    assert r.status == status, (r.status, r.body[:600])
    return r.json


def sound(on):
    f = on.post("/v1/fsck").json
    assert f["ok"], [c for c in f["checks"] if not c["ok"]]


def tree(folder):
    found = {}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(root, name)
            st = os.lstat(path)
            content = os.readlink(path) if stat.S_ISLNK(st.st_mode) else \
                open(path, "rb").read() if stat.S_ISREG(st.st_mode) else None
            found[os.path.relpath(path, folder)] = (stat.S_IFMT(st.st_mode), st.st_mode & 0o777, content)
    return found


def left(on):
    """What an import leaves where it should leave nothing."""
    wait(lambda: not os.listdir(on.home + "/tmp"), "its temporary files are gone")
    return sorted(os.listdir(on.home + "/runs")), len(on.get("/v1/runs?limit=1000")["items"])


def lines(on, run, node):
    r = on.ask("GET", f"/v1/runs/{run}/nodes/{node}/log")
    return [i["text"] for i in r["items"]] if r.status == 200 else None


def unpack(data):
    folder = tempfile.mkdtemp(dir=WORK.name)
    with open(folder + ".pawl", "wb") as f:
        f.write(data)
    subprocess.run([BUILDDIR + "/pawl-archive", "unpack", folder + ".pawl", folder, str(1 << 30), "10000"], check=True)
    return folder


def pack(folder, names=None):
    """What pawl-archive makes of a folder, as the export would."""
    names = names or sorted(os.path.relpath(os.path.join(r, f), folder) for r, _, fs in os.walk(folder) for f in fs)
    listing = b"".join(f"{n}\0{folder}/{n}\0{os.path.getsize(f'{folder}/{n}')}\0".encode() for n in names)
    subprocess.run([BUILDDIR + "/pawl-archive", "pack", folder + ".out"], input=listing, check=True)
    with open(folder + ".out", "rb") as f:
        data = f.read()
    os.unlink(folder + ".out")
    return data


RUN = {}


def test_a_run_opens_shows_and_goes_on_elsewhere():
    run = RUN["files"] = e.finish(e.submit(FILES, params={"who": "you"})["id"])
    assert e.get(f"/v1/runs/{run}")["state"] == "failed"
    data = RUN["data"] = export(e, run)
    i = load(other, data)
    assert i["run"] == run and i["from"]["run"] == run and i["order"] == e.get(f"/v1/runs/{run}")["order"], i
    assert i["state"] == "failed" and i["logs"] and not i["paused"] and not i["moved"] and i["snapshots"] == 2, i
    mine, theirs = e.get(f"/v1/runs/{run}").json, other.get(f"/v1/runs/{run}").json
    for key in mine:
        if key not in ("workspace",):
            assert mine[key] == theirs[key], (key, mine[key], theirs[key])
    assert theirs["workspace"] == i["workspace"] and theirs["workspace"].startswith(other.home)
    for node in "abc":
        assert lines(e, run, node) == lines(other, run, node) != []
        a, b = (on.get(f"/v1/runs/{run}/nodes/{node}").json for on in (e, other))
        assert a["state"] == b["state"] and a["outputs"] == b["outputs"]
    a, b = (on.get(f"/v1/runs/{run}/checkpoints")["items"] for on in (e, other))
    assert [(c["number"], c["node"], c["tree"], c["at_ms"]) for c in a] == [(c["number"], c["node"], c["tree"], c["at_ms"]) for c in b]
    # Its events are there, in their order, and what was appended says where they are from.
    a, b = (on.get(f"/v1/events?run={run}&limit=1000")["items"] for on in (e, other))
    assert [(x["type"], x["at_ms"], x["node"]) for x in a] == [(x["type"], x["at_ms"], x["node"]) for x in b[:-1]]
    assert b[-1]["type"] == "run.imported" and b[-1]["data"]["run"] == run and b[-1]["data"]["home"] == e.home, b[-1]
    # The newest snapshot is what the folder has: after b.
    files = tree(theirs["workspace"])
    assert files["a.txt"][2] == b"hello\nb\n" and files["d/l"][2] == "../a.txt" and "x" not in files and "e" in files
    changes = other.get(f"/v1/runs/{run}/diff?from=a&to=b").json
    assert {c["path"]: c["change"] for c in changes["items"]} == {"a.txt": "modified", "x": "removed"}, changes
    sound(other)


def test_resume_retry_and_rollback_work_there():
    run = RUN["files"]
    p = other.get(f"/v1/runs/{run}/preview?verb=resume_from&node=b").json
    assert p["counts"]["rerun"] == 2 and p["counts"]["kept"] == 1, p["counts"]
    other.post(f"/v1/runs/{run}/resume-from", {"node": "b"})
    state(other, run, "failed")
    folder = other.get(f"/v1/runs/{run}")["workspace"]
    assert tree(folder)["a.txt"][2] == b"hello\nb\nc\n"
    other.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a"})
    state(other, run, "paused")
    files = tree(folder)
    assert files["a.txt"][2] == b"hello\n" and files["x"][1] == 0o751, files.keys()
    other.post(f"/v1/runs/{run}/resume")
    state(other, run, "failed")
    other.post(f"/v1/runs/{run}/retry", {})
    state(other, run, "failed")
    assert other.get(f"/v1/runs/{run}")["generation"] == 4
    sound(other)
    # What came of it there is exported again, with the patch of the rollback, and comes home as another run.
    data = export(other, run)
    folder = unpack(data)
    assert glob.glob(folder + f"/patch/{run}/*.patch") and len(os.listdir(folder + f"/log/{run}")) >= 8
    i = load(e, data)
    assert i["run"] != run and i["from"]["run"] == run
    assert e.get(f"/v1/runs/{i['run']}")["generation"] == 4
    assert glob.glob(e.home + f"/runs/{i['run']}/*.patch")
    assert lines(e, i["run"], "a") == ["one you"]
    sound(e)


def test_twice_is_two():
    first, second = load(other, RUN["data"]), load(other, RUN["data"])
    runs = {RUN["files"], first["run"], second["run"]}
    assert len(runs) == 3 and first["order"] != second["order"]
    for run in runs:
        other.post(f"/v1/runs/{run}/resume-from", {"node": "c"})
    for run in runs:
        state(other, run, "failed")
        assert lines(other, run, "c") == ["three 7"]
    assert len({other.get(f"/v1/runs/{r}")["workspace"] for r in runs}) == 3
    # Sent again under the same key, it is not imported again.
    r = [other.ask("POST", "/v1/import", RUN["data"], headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [x.status for x in r] == [201, 201] and r[0]["run"] == r[1]["run"] and r[1].headers["Idempotency-Replayed"] == "true"
    runs.add(r[0]["run"])
    r = other.ask("POST", "/v1/import", export(e, e.finish(e.submit(engine.OK)["id"])), headers={"Idempotency-Key": "k"})
    assert r.status == 409, r.body
    assert other.get("/v1/runs?limit=1000")["total"] == 4
    sound(other)


def test_another_shape_stays_one():
    run = e.finish(e.submit("nodes:\n  a: {foreach: [1, 2], run: 'true'}\n  b: {needs: a, run: 'true'}\n")["id"])
    source = "nodes:\n  a: {foreach: [1, 2], run: 'true'}\n  x: {needs: a, run: 'true'}\n"
    e.post(f"/v1/runs/{run}/edit", {"definition": {"source": source}})
    e.post(f"/v1/runs/{run}/resume-from", {"node": "x"})
    wait(lambda: e.get(f"/v1/runs/{run}")["generation"] == 3 and e.get(f"/v1/runs/{run}")["state"] == "succeeded", "x ran")
    there = load(other, export(e, run))["run"]
    names = [n["node"] for n in other.get(f"/v1/runs/{there}/nodes")["items"]]
    assert names == [n["node"] for n in e.get(f"/v1/runs/{run}/nodes")["items"]] and "b" not in names and "x" in names, names
    other.post(f"/v1/runs/{there}/resume-from", {"node": "a"})
    state(other, there, "succeeded")
    sound(other)


def test_sub_workflows_instances_and_logs():
    with open(WORK.name + "/inner.yaml", "w", encoding="utf-8") as f:
        f.write(INNER)
    run = e.finish(e.submit(SUBS, file="outer.yaml", dir=WORK.name)["id"])
    assert e.get(f"/v1/runs/{run}")["state"] == "succeeded"
    i = load(other, export(e, run, "?logs=0"))
    there = i["run"]  # its own, unless an id was taken
    assert i["runs"] == 2 and not i["logs"] and i["files"] == 0
    assert [n["node"] for n in e.get(f"/v1/runs/{run}/nodes")["items"]] == [n["node"] for n in other.get(f"/v1/runs/{there}/nodes")["items"]]
    child = other.get(f"/v1/runs?parent={there}")["items"][0]
    assert child["workflow"] == "inner"
    assert set(tree(i["workspace"])) == {"o.txt", "m1", "m2", "deep"}
    assert lines(other, there, "last") == []
    # Taken twice, the child belongs to its own parent.
    j = load(other, export(e, run))
    assert j["run"] != there and j["runs"] == 2
    mine = other.get(f"/v1/runs?parent={j['run']}")["items"]
    assert len(mine) == 1 and mine[0]["id"] != child["id"]
    assert lines(other, mine[0]["id"], "x") == ["in the inner"]
    other.post(f"/v1/runs/{j['run']}/resume-from", {"node": "inner"})
    state(other, j["run"], "succeeded")
    assert lines(other, j["run"], "last") == ["1"]
    e.get(f"/v1/runs/{e.get(f'/v1/runs?parent={run}')['items'][0]['id']}/export", 409)
    e.get(f"/v1/runs/{run}/export?logs=perhaps", 400)
    e.get("/v1/runs/r-zzzzzzzzz/export", 404)
    sound(other)


def test_what_had_not_ended_is_paused():
    source = ("name: live\nnodes:\n  a: {run: 'echo a > a'}\n  b: {needs: a, run: 'echo running; exec sleep 1000'}\n"
              "  c: {needs: b, run: 'cat a'}\n")
    run = e.run_of(e.submit(source)["id"])
    wait(lambda: lines(e, run, "b") == ["running"], "b runs")
    i = load(other, export(e, run))
    there = i["run"]
    assert i["paused"], i
    assert state(other, there, "paused")["reason"] == "imported"
    b = other.get(f"/v1/runs/{there}/nodes/b").json
    assert b["state"] == "retrying" and "exported" in b["reason"], b
    assert e.get(f"/v1/runs/{run}/nodes/b")["state"] == "running"
    assert lines(other, there, "b")[:1] == ["running"]
    sound(other)
    # It is what it was after a restart, too, and goes on when it is told to.
    assert other.stop() == 0
    other.start()
    state(other, there, "paused")
    other.post(f"/v1/runs/{there}/resume")
    wait(lambda: other.get(f"/v1/runs/{there}/nodes/b")["state"] == "running", "b runs there")
    for on, which in ((e, run), (other, there)):
        on.post(f"/v1/runs/{which}/cancel")
        state(on, which, "canceled")
    sound(other)


def git(folder, *words):
    return subprocess.run(["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
                          check=True, capture_output=True, text=True).stdout


def test_a_worktree_becomes_a_plain_folder():
    repo = WORK.name + "/repo"
    os.makedirs(repo)
    git(repo, "init", "-q", "-b", "main")
    with open(repo + "/f", "w", encoding="utf-8") as f:
        f.write("base\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "base")
    folder = WORK.name + "/plain"
    os.makedirs(folder)
    for workspace, keep in ((f"{{repo: {repo}}}", repo), (f"{{folder: {folder}}}", folder)):
        run = e.finish(e.submit(f"name: w\nworkspace: {workspace}\nnodes:\n  a: {{run: 'echo a >> f'}}\n"
                                "  b: {needs: a, run: 'echo b >> f; exit 1'}\n")["id"])
        before = tree(keep)
        i = load(other, export(e, run))
        run = i["run"]
        assert i["moved"] and i["workspace"].startswith(other.home + "/runs/"), i
        assert tree(i["workspace"])["f"][2].endswith(b"a\n") and ".git" not in os.listdir(i["workspace"])
        other.post(f"/v1/runs/{run}/resume-from", {"node": "b"})
        state(other, run, "failed")
        assert tree(i["workspace"])["f"][2].endswith(b"a\nb\n")
        other.post(f"/v1/runs/{run}/rollback", {"checkpoint": "a"})
        state(other, run, "paused")
        assert tree(i["workspace"])["f"][2].endswith(b"a\n")
        assert tree(keep) == before
        other.post(f"/v1/runs/{run}/cancel")
        state(other, run, "canceled")
    sound(other)


# ---- what is no export ----

def test_cut_at_every_4_kib():
    before = left(other)
    data = RUN["data"]
    assert len(data) > 16 * 4096
    for size in range(4096, len(data), 4096):
        load(other, data[:size], 422)
    load(other, data[:-1], 422)
    load(other, b"", 400)
    load(other, b"no archive at all" * 1000, 422)
    assert left(other) == before
    other.healthy()


def test_garbled_at_every_4_kib():
    before = left(other)
    data = RUN["data"]
    refused = 0
    for at in range(0, len(data), 4096):
        bad = bytearray(data)
        bad[at] ^= 0x55
        refused += other.ask("POST", "/v1/import", bytes(bad)).status == 422
    assert refused == len(range(0, len(data), 4096)), refused
    assert left(other) == before
    sound(other)


def resign(folder):
    """Hashes that fit: what an attacker does first."""
    import hashlib
    with open(folder + "/pawl-export.json", encoding="utf-8") as f:
        manifest = json.load(f)
    hash_of = lambda b: hashlib.blake2b(b, digest_size=32).hexdigest()
    for m in manifest["members"]:
        with open(f"{folder}/{m['name']}", "rb") as f:
            content = f.read()
        m["size"], m["hash"] = len(content), hash_of(content)
    text = json.dumps(manifest).encode()
    with open(folder + "/pawl-export.json", "wb") as f:
        f.write(text)
    with open(folder + "/pawl-export.sum", "w", encoding="utf-8") as f:
        f.write(hash_of(text))


def edit_rows(table, change):
    def do(folder):
        path = f"{folder}/rows/{table}.jsonl"
        with open(path, encoding="utf-8") as f:
            rows = [json.loads(line) for line in f]
        rows = change(rows) or rows
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(r) + "\n" for r in rows)
    return do


def first(**values):
    return lambda rows: rows[0].update(values)


def edit_manifest(change):
    def do(folder):
        with open(folder + "/pawl-export.json", encoding="utf-8") as f:
            manifest = json.load(f)
        change(manifest)
        with open(folder + "/pawl-export.json", "w", encoding="utf-8") as f:
            json.dump(manifest, f)
    return do


def test_rows_that_lie():
    before = left(other)
    cases = {
        "a state that is none": (edit_rows("run", first(state=99)), 422),
        "a text where a number is wanted": (edit_rows("node", first(idx="x")), 422),
        "a number where a text is wanted": (edit_rows("node", first(outputs=7)), 422),
        "outputs that are no JSON": (edit_rows("node", first(outputs="{")), 422),
        "a column that nobody knows": (edit_rows("node", first(evil=1)), 422),
        "a null where none may be": (edit_rows("node", first(version=None)), 422),
        "a node twice": (edit_rows("node", lambda r: r + [r[0]]), 422),
        "a node of nobody's": (edit_rows("node", first(run=12345)), 422),
        "a state that no event tells": (edit_rows("node", first(state=10)), 422),
        "a missing event": (edit_rows("event", lambda r: r[:3] + r[4:]), 422),
        "an event with another state": (edit_rows("event", lambda r: [x.update(now=7) for x in r if x["type"] == "run.failed"] and r), 422),
        "a definition that is another": (edit_rows("workflow", lambda r: r[0].update(source=r[0]["source"] + "\n# x\n")), 422),
        "a definition that is none": (edit_rows("workflow", first(source="nodes: [")), 422),
        "a snapshot that is not there": (edit_rows("checkpoint", first(tree="a" * 40)), 422),
        "a snapshot that is no name": (edit_manifest(lambda m: m["snapshots"].append("../../etc")), 422),
        "a home that is none": (edit_manifest(lambda m: m.update(home="x")), 422),
        "another run": (edit_manifest(lambda m: m.update(run="r-zzzzzzzzz")), 422),
        "a member that leads out": (edit_manifest(lambda m: m["members"][0].update(name="../../x")), 422),
        "a newer format": (edit_manifest(lambda m: m.update(version=2)), 426),
        "a newer schema": (edit_manifest(lambda m: m.update(schema=999)), 426),
        "a time that cannot be": (edit_rows("attempt", first(started_ms=1 << 60)), 422),
        "an exit code that cannot be": (edit_rows("attempt", first(exit_code=1 << 40)), 422),
        "attempts of one number": (edit_rows("attempt", lambda r: r[1].update(token=r[0]["token"])), 422),
    }
    for what, (change, status) in cases.items():
        folder = unpack(RUN["data"])
        change(folder)
        if "member" not in what:
            resign(folder)
        else:
            manifest = open(folder + "/pawl-export.json", "rb").read()
            import hashlib
            with open(folder + "/pawl-export.sum", "w", encoding="utf-8") as f:
                f.write(hashlib.blake2b(manifest, digest_size=32).hexdigest())
        r = other.ask("POST", "/v1/import", pack(folder))
        assert r.status == status, (what, r.status, r.body[:500])
        assert r["message"], what
    # The same way, unchanged, is taken: the cases above are refused for what they are.
    folder = unpack(RUN["data"])
    resign(folder)
    i = load(other, pack(folder))
    runs, n = left(other)
    assert n == before[1] + 1 and [r for r in runs if r not in before[0]] == [i["run"]]
    sound(other)


def tar(add):
    import io
    import tarfile
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as t:
        add(t, tarfile, io)
    return subprocess.run(["zstd", "-q", "-c"], input=plain.getvalue(), capture_output=True, check=True).stdout


def test_archives_that_attack():
    if subprocess.run(["sh", "-c", "command -v zstd"], capture_output=True, check=False).returncode:
        print("skipped: no zstd here to make them")
        return
    before = left(other)

    def member(name, **values):
        def add(t, tarfile, io):
            info = tarfile.TarInfo(name)
            for k, v in values.items():
                setattr(info, k, getattr(tarfile, v) if k == "type" else v)
            t.addfile(info, io.BytesIO(b"x" * info.size))
        return add
    cases = [member("../escape", size=1), member("/etc/escape", size=1), member("rows/../../escape", size=1),
             member("rows/.hidden", size=1), member("link", type="SYMTYPE", linkname="/etc/passwd"),
             member("hard", type="LNKTYPE", linkname="pawl-export.json"), member("pipe", type="FIFOTYPE"),
             member("dev", type="CHRTYPE"), member("folder", type="DIRTYPE"), member("a" * 300, size=1),
             member("ctl\x1b[2J", size=1), member("unlisted", size=1)]
    for add in cases:
        r = load(other, tar(add), 422)
        assert "\x1b" not in r["message"]

    def twice(t, tarfile, io):
        for _ in range(2):
            member("pawl-export.json", size=1)(t, tarfile, io)
    load(other, tar(twice), 422)
    assert not glob.glob(other.home + "/**/escape", recursive=True) and not os.path.exists(other.home + "/../escape")
    assert left(other) == before


def test_limits():
    small = Engine("import_max=1M")
    load(small, b"x" * (1 << 20) + b"y", 413)
    bomb = tar(lambda t, tarfile, io: t.addfile((lambda i: setattr(i, "size", 5 << 20) or i)(tarfile.TarInfo("bomb")),
                                                io.BytesIO(bytes(5 << 20)))) if not subprocess.run(
        ["sh", "-c", "command -v zstd"], capture_output=True, check=False).returncode else None
    if bomb:
        assert len(bomb) < 100000
        load(small, bomb, 413)
    # A client that goes away in the middle leaves nothing.
    c = Unix(small.socket)
    c.putrequest("POST", "/v1/import")
    c.putheader("Content-Length", "900000")
    c.endheaders()
    c.send(b"x" * 600000)
    wait(lambda: os.listdir(small.home + "/tmp"), "the upload has begun")
    c.close()
    wait(lambda: not os.listdir(small.home + "/tmp"), "the upload is gone")
    small.healthy()
    sound(small)


def test_nothing_waits_for_it():
    """While a large file comes and is refused, the engine answers."""
    c = Unix(other.socket)
    c.putrequest("POST", "/v1/import")
    c.putheader("Content-Length", str(64 << 20))
    c.endheaders()
    for _ in range(64):
        c.send(bytes(1 << 20))
        other.healthy()
    assert c.getresponse().status == 422
    c.close()
    left(other)


if __name__ == "__main__":
    engine.main(globals())
