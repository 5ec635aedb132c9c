#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means to go on later: nine behaviours, each on a real engine that is killed and started again where
that matters."""

import os
import shutil
import signal
import tempfile
import threading

import engine
from engine import Engine, wait

e = Engine("steps=4", "grace=1s")
top = tempfile.mkdtemp(prefix="pawl-resumption-", dir="/tmp")


def state(run, *wanted):
    return wait(lambda: (lambda r: r if r["state"] in wanted else None)(e.get(f"/v1/runs/{run}").json),
                f"the run is {wanted}")


def points(run):
    return [c["name"] for c in e.get(f"/v1/runs/{run}/checkpoints")["items"]]


def outputs(run):
    return e.get(f"/v1/runs/{run}/partial")["outputs"]


def again():
    """Another engine, as after a crash."""
    e.stop(signal.SIGKILL)
    e.start()


def times(name):
    with open(f"{top}/{name}") as f:
        return f.read().split()


def test_basic_resumption():
    source = ("name: basic\nparams: {key: {type: string, default: none}}\nnodes:\n"
              "  checkpoint: {run: 'echo \"key=$PARAM_KEY\" >> \"$PAWL_OUTPUT\"'}\n"
              "  rest: {needs: checkpoint, env: {K: '${{ nodes.checkpoint.outputs.key }}'}, run: 'echo \"seen=$K\" >> \"$PAWL_OUTPUT\"'}\n")
    run = e.run_of(e.submit(source, params={"key": "kept"}, until=["checkpoint"])["id"])
    state(run, "paused")
    assert points(run) == ["start", "checkpoint"] and outputs(run) == {"checkpoint": {"key": "kept"}}
    again()
    assert state(run, "paused")["params"] == {"key": "kept"}
    e.post(f"/v1/runs/{run}/resume")
    state(run, "succeeded")
    assert outputs(run)["rest"] == {"seen": "kept"}


def test_resumption_with_modification():
    source = ("name: edited\nnodes:\n  a: {run: 'echo counter=10 >> \"$PAWL_OUTPUT\"'}\n"
              "  b: {needs: a, env: {C: '${{ nodes.a.outputs.counter }}'}, run: 'echo \"counter=$C\" >> \"$PAWL_OUTPUT\"'}\n")
    run = e.run_of(e.submit(source, until=["a"])["id"])
    state(run, "paused")
    e.post(f"/v1/runs/{run}/edit", {"outputs": {"a": {"counter": "20"}}, "reason": "it was wrong"})
    again()
    e.post(f"/v1/runs/{run}/resume")
    state(run, "succeeded")
    assert outputs(run)["b"] == {"counter": "20"}
    assert any(v["reason"] == "it was wrong" for v in e.get(f"/v1/events?run={run}&limit=100")["items"])


def test_multiple_resumption_points():
    source = ("name: stages\nnodes:\n"
              f"  stage1: {{run: echo 1 >> {top}/stages; echo 1 > s1}}\n"
              f"  stage2: {{needs: stage1, run: echo 2 >> {top}/stages; echo 2 > s2}}\n"
              f"  stage3: {{needs: stage2, run: echo 3 >> {top}/stages; echo 3 > s3}}\n")
    run = e.run_of(e.submit(source, paused=True)["id"])
    for i in range(1, 4):
        state(run, "paused")
        e.post(f"/v1/runs/{run}/step")
        wait(lambda: points(run) == ["start", "stage1", "stage2", "stage3"][:i + 1], f"stage {i}")
    state(run, "succeeded", "paused")
    if state(run, "succeeded", "paused")["state"] == "paused":
        e.post(f"/v1/runs/{run}/resume")
    state(run, "succeeded")
    folder = e.get(f"/v1/runs/{run}")["workspace"]
    for i, after in ((2, "33"), (1, "2323"), (3, "")):
        open(f"{top}/stages", "w").close()
        e.post(f"/v1/runs/{run}/rollback", {"checkpoint": f"stage{i}"})
        state(run, "paused")
        assert sorted(os.listdir(folder)) == [f"s{k}" for k in range(1, i + 1)]
        e.post(f"/v1/runs/{run}/resume")
        state(run, "succeeded")
        assert "".join(times("stages")) == "".join(str(k) for k in range(i + 1, 4)), (i, after)


def test_checkpoint_of_another_run_is_gone_on_from():
    source = ("name: latest\nnodes:\n  a: {run: 'echo v=data >> \"$PAWL_OUTPUT\"; echo data > file'}\n"
              "  b: {needs: a, env: {V: '${{ nodes.a.outputs.v }}'}, run: 'test \"$(cat file)\" = \"$V\"; exit 3'}\n")
    run = e.finish(e.submit(source)["id"])
    latest = e.get(f"/v1/runs/{run}/checkpoints")["items"][-1]
    assert latest["name"] == "a" and latest["files"] == "kept"
    other = e.run_of(e.post(f"/v1/runs/{run}/fork", {"checkpoint": latest["number"]}, 201)["id"])
    r = state(other, "failed")
    assert r["failure"]["exit_code"] == 3 and outputs(other) == {"a": {"v": "data"}}


def test_error_recovery():
    source = ("name: recovery\nparams: {fixed: {type: string, default: 'no'}}\nnodes:\n"
              "  bad: {run: 'test \"$PARAM_FIXED\" = yes'}\n"
              "  recovery: {needs: bad, when: params.fixed == 'yes', run: 'echo done=1 >> \"$PAWL_OUTPUT\"'}\n")
    run = e.run_of(e.submit(source, until_failure=True)["id"])
    r = state(run, "paused")
    assert r["reason"] == "failure"
    n = e.get(f"/v1/runs/{run}/nodes/bad").json
    assert n["state"] == "failed"
    again()
    e.post(f"/v1/runs/{run}/edit", {"params": {"fixed": "yes"}, "reason": "mended"})
    e.post(f"/v1/runs/{run}/retry")
    state(run, "succeeded")
    assert outputs(run)["recovery"] == {"done": "1"}


def test_partial_results():
    collect = "".join(f"  collect{i}: {{{n} run: 'echo {i} >> {top}/collect; echo part={i} >> \"$PAWL_OUTPUT\"'}}\n"
                      for i, n in ((1, ""), (2, "needs: collect1,"), (3, "needs: collect2,")))
    source = ("name: partial\nnodes:\n" + collect +
              "  sum: {needs: [collect1, collect2, collect3], env: {A: '${{ nodes.collect1.outputs.part }}',"
              " B: '${{ nodes.collect3.outputs.part }}'}, run: 'echo \"all=$A$B\" >> \"$PAWL_OUTPUT\"'}\n")
    run = e.run_of(e.submit(source, until=["collect2"])["id"])
    state(run, "paused")
    p = e.get(f"/v1/runs/{run}/partial").json
    assert p["completed"] == ["collect1", "collect2"], p
    again()
    e.post(f"/v1/runs/{run}/resume")
    state(run, "succeeded")
    assert times("collect") == ["1", "2", "3"] and outputs(run)["sum"] == {"all": "13"}


def test_history_is_listed_and_filtered():
    runs = [e.finish(e.submit(f"name: history{i}\nnodes: {{a: {{run: 'true'}}}}\n")["id"]) for i in range(5)]
    items = e.get("/v1/runs?limit=5")["items"]
    assert [r["id"] for r in items] == runs[::-1]
    assert [r["id"] for r in e.get("/v1/runs?workflow=history2")["items"]] == [runs[2]]
    assert len(e.get("/v1/runs?limit=2")["items"]) == 2
    assert len(points(runs[1])) == 2


def test_concurrent_resumption():
    source = ("name: beside\nparams: {who: {type: string, default: x}}\nnodes:\n"
              "  a: {run: 'echo \"$PARAM_WHO\" > mine; echo \"who=$PARAM_WHO\" >> \"$PAWL_OUTPUT\"'}\n"
              "  b: {needs: a, run: 'echo \"who=$(cat mine)\" >> \"$PAWL_OUTPUT\"'}\n")
    runs = [e.run_of(e.submit(source, params={"who": f"w{i}"}, until=["a"])["id"]) for i in range(5)]
    for run in runs:
        state(run, "paused")
    again()

    def go_on(run):
        e.post(f"/v1/runs/{run}/resume", connection=engine.Unix(e.socket))
    threads = [threading.Thread(target=go_on, args=(run,)) for run in runs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i, run in enumerate(runs):
        state(run, "succeeded")
        assert outputs(run) == {"a": {"who": f"w{i}"}, "b": {"who": f"w{i}"}}


def test_cleanup_keeps_what_can_still_go_on():
    source = "name: clean\nnodes:\n  a: {run: echo 1 > f}\n  b: {needs: a, run: echo 2 > f}\n"
    going = e.run_of(e.submit(source, until=["a"])["id"])
    state(going, "paused")
    ended = e.finish(e.submit(source)["id"])
    g = e.post("/v1/gc", {"older_ms": 0, "dry_run": False}).json
    assert g["runs"] > 0 and not any(i["run"] == going for i in g["items"]), g
    assert all(c["tree"] is None for c in e.get(f"/v1/runs/{ended}/checkpoints")["items"] if c["files"] != "empty")
    e.post(f"/v1/runs/{going}/rollback", {"checkpoint": "a"})
    state(going, "paused")
    e.post(f"/v1/runs/{going}/resume")
    state(going, "succeeded")
    assert e.post("/v1/fsck")["ok"]


try:
    engine.main(globals())
finally:
    shutil.rmtree(top, ignore_errors=True)
