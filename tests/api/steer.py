#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steering a run by its nodes: skip and mark."""

import engine
from engine import Engine, wait

e = Engine("steps=2", "grace=1s")

FAILS = ("name: fails\nnodes:\n  a: {run: 'echo v=1 >> $PAWL_OUTPUT'}\n  b: {needs: a, run: exit 3}\n"
         "  c: {needs: b, env: {V: '${{ nodes.b.outputs.v }}'}, run: 'echo \"c has $V\"'}\n")


def state(run, wanted):
    return wait(lambda: (lambda r: r if r["state"] == wanted else None)(e.get(f"/v1/runs/{run}").json),
                f"the run is {wanted}")


def test_skip_and_mark():
    run = e.finish(e.submit(FAILS)["id"])
    e.post(f"/v1/runs/{run}/nodes/b/mark", {}, 400)
    e.post(f"/v1/runs/{run}/nodes/b/mark", {"reason": ""}, 400)
    e.post(f"/v1/runs/{run}/nodes/zzz/mark", {"reason": "x"}, 404)
    e.post(f"/v1/runs/{run}/nodes/b/mark", {"reason": "x", "outputs": {"v": 1}}, 400)
    e.post(f"/v1/runs/{run}/nodes/b/mark", {"reason": "x", "outputs": ["v"]}, 400)
    e.post(f"/v1/runs/{run}/nodes/b/skip", {"reason": "x", "outputs": {}}, 400)
    r = e.post(f"/v1/runs/{run}/nodes/a/skip", {"reason": "x"}, 409).json
    assert "succeeded already" in r["message"]
    r = e.post(f"/v1/runs/{run}/nodes/b/mark", {"reason": "by hand", "outputs": {"v": "7"}}).json
    assert r["generation"] == 2
    state(run, "succeeded")
    b = e.get(f"/v1/runs/{run}/nodes/b").json
    assert b["state"] == "succeeded" and b["outputs"] == {"v": "7"} and "by hand" in b["reason"], b
    assert e.get(f"/v1/runs/{run}/nodes/c/log")["items"][0]["text"] == "c has 7"
    old = e.get(f"/v1/runs/{run}/nodes/b/attempts")["items"]
    assert [(x["generation"], x["state"]) for x in old] == [(1, "failed")], old
    told = [x for x in e.get(f"/v1/events?run={run}&type=node.succeeded")["items"] if x["node"] == "b"]
    assert len(told) == 1 and told[0]["actor"] == "operator" and told[0]["data"]["verb"] == "mark", told

    run = e.run_of(e.submit(FAILS, paused=True)["id"])
    state(run, "paused")
    e.post(f"/v1/runs/{run}/nodes/b/skip", {"reason": "not today"})
    assert e.get(f"/v1/runs/{run}/nodes/b")["state"] == "skipped"
    e.post(f"/v1/runs/{run}/resume")
    assert e.finish(e.get(f"/v1/runs/{run}")["order"]) == run
    assert e.post("/v1/fsck")["ok"]


engine.main(globals())
