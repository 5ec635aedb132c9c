#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes: verbs and their refusals, bodies that are wrong, repeats under one Idempotency-Key."""

import engine
from engine import Engine, NEVER, OK, wait

e = Engine("steps=2", "grace=1s")

STEPS = "name: steps\nnodes:\n  a: {run: 'true'}\n  b: {needs: a, run: 'true'}\n  c: {needs: b, run: 'true'}\n"


def state(run, wanted):
    return wait(lambda: (lambda r: r if r["state"] == wanted else None)(e.get(f"/v1/runs/{run}").json),
                f"the run is {wanted}")


def test_pause_freeze_resume_cancel():
    run = e.run_of(e.submit(NEVER)["id"])
    wait(lambda: e.get(f"/v1/runs/{run}")["current"], "the step runs")
    r = e.post(f"/v1/runs/{run}/freeze", {"reason": "look"}).json
    assert r["state"] == "frozen"
    assert e.post(f"/v1/runs/{run}/freeze")["state"] == "frozen"  # its effect is there already
    assert e.post(f"/v1/runs/{run}/resume")["state"] == "running"
    assert e.post(f"/v1/runs/{run}/pause")["state"] == "pausing"
    assert e.post(f"/v1/runs/{run}/resume")["state"] == "running"
    e.post(f"/v1/runs/{run}/cancel")
    assert state(run, "canceled")["result"] == "canceled"
    r = e.post(f"/v1/runs/{run}/pause", {}, 409).json
    assert r["code"] == "conflict" and r["details"]["state"] == "canceled" and r["details"]["verb"] == "pause"
    assert isinstance(r["details"]["legal"], list)


def test_step_and_until():
    run = e.run_of(e.submit(STEPS, paused=True)["id"])
    state(run, "paused")
    e.post(f"/v1/runs/{run}/step")
    wait(lambda: e.get(f"/v1/runs/{run}")["progress"]["succeeded"] == 1, "one step is done")
    state(run, "paused")
    r = e.post(f"/v1/runs/{run}/step", {"node": "d"}, 404).json
    assert "no node d" in r["message"]
    e.post(f"/v1/runs/{run}/until", {}, 400)
    e.post(f"/v1/runs/{run}/until", {"nodes": ["b"]})
    wait(lambda: e.get(f"/v1/runs/{run}")["progress"]["succeeded"] == 2, "b is done")
    assert state(run, "paused")["reason"]
    e.post(f"/v1/runs/{run}/resume")
    state(run, "succeeded")


def test_going_back():
    source = ("name: back\nnodes:\n  a: {run: 'true'}\n  b:\n    needs: a\n    run: test -e mended\n"
              "  c: {needs: b, run: 'true'}\n")
    run = e.finish(e.submit(source)["id"])
    r = e.get(f"/v1/runs/{run}").json
    assert r["state"] == "failed" and r["generation"] == 1
    for query in ("verb=retry", "verb=resume_from&node=b"):
        shown = e.get(f"/v1/runs/{run}/preview?{query}").json
        verdicts = {n["node"]: n["verdict"] for n in shown["items"]}
        assert verdicts["a"] == "kept" and verdicts["b"] == "rerun", shown
        assert sum(shown["counts"].values()) == 3
    assert e.get(f"/v1/runs/{run}").json == r  # nothing was done
    e.get(f"/v1/runs/{run}/preview?verb=pause", 400)
    assert "did you mean" not in e.post(f"/v1/runs/{run}/resume-from", {"node": "zzzzzz"}, 404)["hint"]
    with open(r["workspace"] + "/mended", "w", encoding="utf-8"):
        pass
    assert e.post(f"/v1/runs/{run}/retry")["generation"] == 2
    assert state(run, "succeeded")["failure"] is None
    a = e.get(f"/v1/runs/{run}/nodes/b/attempts")["items"]
    assert [(x["generation"], x["state"], x["superseded"]) for x in a] == [(2, "succeeded", False), (1, "failed", True)], a
    i = e.get(f"/v1/runs/{run}/iterations")["items"]
    assert [(x["node"], x["generation"]) for x in i] == [("c", 2), ("b", 2), ("b", 1), ("a", 1)], i
    e.post(f"/v1/runs/{run}/resume-from", {"node": "c", "only": True})
    assert state(run, "succeeded")["generation"] == 3
    assert e.get(f"/v1/runs/{run}/nodes/c/log?generation=2")["done"]
    counts = e.get("/v1/engine")["counts"]
    for name, n in counts["runs"].items():
        assert e.get(f"/v1/runs?state={name}&limit=1000").json["total"] == len(
            e.get(f"/v1/runs?state={name}&limit=1000")["items"]) == n, name


def test_acknowledge():
    run = e.finish(e.submit("name: no\nnodes:\n  a: {run: exit 1}\n")["id"])
    assert [r["id"] for r in e.get("/v1/runs?state=failed_new")["items"]] == [run]
    assert e.post(f"/v1/runs/{run}/acknowledge")["acknowledged"]
    assert e.get("/v1/runs?state=failed_new")["items"] == []


def test_orders():
    e.post("/v1/queue/pause", {"reason": "test"})
    assert e.get("/v1/engine")["queue_paused"]
    one, two = e.submit(OK)["id"], e.submit(OK)["id"]
    assert e.post(f"/v1/orders/{one}/hold")["state"] == "held"
    assert e.post(f"/v1/orders/{one}/release")["state"] == "queued"
    assert e.post(f"/v1/orders/{two}/front")["position"] == 1
    assert e.post(f"/v1/orders/{two}/back")["position"] == 2
    assert e.post(f"/v1/orders/{two}/priority", {"priority": 9})["position"] == 1
    e.post(f"/v1/orders/{two}/priority", {}, 400)
    e.post(f"/v1/orders/{two}/priority", {"priority": 1.5}, 400)
    third = e.submit(OK, depends_on=[one, two], priority=3)
    assert third["state"] == "blocked" and sorted(third["depends_on"]) == sorted([one, two])
    assert e.post(f"/v1/orders/{one}/cancel")["state"] == "canceled"
    assert wait(lambda: e.get(f"/v1/orders/{third['id']}")["state"] == "failed", "its dependency is gone")
    assert not e.post("/v1/queue/resume")["paused"]
    e.finish(two)


def test_wrong_bodies():
    for body, message in (
        ({}, "workflow"),
        ({"workflow": 3}, "workflow"),
        ({"workflow": OK, "workflow_hash": "0" * 64}, "not both"),
        ({"workflow_hash": "abc"}, "hexadecimal"),
        ({"workflow": OK, "prioriti": 3}, "prioriti"),
        ({"workflow": OK, "priority": "3"}, "whole number"),
        ({"workflow": OK, "hold": 1}, "true or false"),
        ({"workflow": OK, "params": []}, "object"),
        ({"workflow": OK, "env": {"A": 1}}, "expected text"),
        ({"workflow": OK, "until": "a"}, "list"),
        ({"workflow": OK, "depends_on": [1]}, "list"),
        ({"workflow": OK, "dir": "relative"}, "absolute"),
        ({"workflow": OK, "on_dependency_failure": "explode"}, "fail and skip"),
    ):
        r = e.post("/v1/orders", body, 400)
        assert r["code"] == "usage" and message in r["message"], (body, r.json)
    assert "priority" in e.post("/v1/orders", {"workflow": OK, "prioriti": 3}, 400)["hint"]
    assert e.post("/v1/orders", {"workflow_hash": "0" * 64}, 404)["code"] == "not_found"
    assert e.post("/v1/orders", {"workflow": OK, "depends_on": ["o-zzzz"]}, 404)["code"] == "not_found"
    for text in (b"[]", b"3", b"{", b'{"a":1,"a":2}', b'{"a":"\xff"}', b'{"a":"\\u0000"}', b"[" * 100000,
                 b'{"workflow":"x"}x', b"{'a':1}", b'{"a":01}'):
        r = e.post("/v1/orders", text, 400)
        assert r["code"] in ("usage", "invalid"), r.json


def test_repeats_with_a_key():
    n = e.get("/v1/orders")["total"]
    key = {"Idempotency-Key": "k-1"}
    first = e.post("/v1/orders", {"workflow": OK}, 201, headers=key)
    assert "Idempotency-Replayed" not in first.headers
    again = e.post("/v1/orders", {"workflow": OK}, 201, headers=key)
    assert again["id"] == first["id"] and again.headers["Idempotency-Replayed"] == "true"
    assert e.get("/v1/orders")["total"] == n + 1
    r = e.post("/v1/orders", {"workflow": OK, "priority": 1}, 409, headers=key)
    assert r["code"] == "conflict"
    assert e.stop() == 0
    e.start()
    assert e.post("/v1/orders", {"workflow": OK}, 201, headers=key)["id"] == first["id"]
    for bad in ("", "x" * 129, "a b", "\u00e4"):
        e.post("/v1/orders", {"workflow": OK}, 400, headers={"Idempotency-Key": bad.encode("latin-1")})
    many = {"workflow": OK, "orders": [{}, {"priority": "x"}, {"hold": True}]}
    a = e.post("/v1/orders/batch", many, 201, headers={"Idempotency-Key": "k-2"})
    b = e.post("/v1/orders/batch", many, 201, headers={"Idempotency-Key": "k-2"})
    assert a.json == b.json and b.headers["Idempotency-Replayed"] == "true"
    assert a["items"][1]["code"] == "usage"
    run = e.run_of(e.submit(NEVER)["id"])
    key = {"Idempotency-Key": "k-3"}
    e.post(f"/v1/runs/{run}/pause", {}, headers=key)
    e.post(f"/v1/runs/{run}/resume")
    again = e.post(f"/v1/runs/{run}/pause", {}, headers=key)
    assert again["state"] == "running" and again.headers["Idempotency-Replayed"] == "true"
    e.post(f"/v1/runs/{run}/cancel")


def test_batches():
    e.post("/v1/orders/batch", {"orders": []}, 400)
    e.post("/v1/orders/batch", {"orders": {}}, 400)
    r = e.post("/v1/orders/batch", {"orders": [{"workflow": OK}, 3, {"workflow": "name: x"}, {}]}, 201)["items"]
    assert r[0]["id"] and [x["code"] for x in r[1:]] == ["usage", "invalid", "usage"], r
    big = {"workflow": OK, "orders": [{"params": {}} for _ in range(30000)]}  # parsed in the thread pool
    e.post("/v1/queue/pause")
    assert len(e.post("/v1/orders/batch", big, 201)["items"]) == 30000
    e.healthy()


engine.main(globals())
