#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route that reads: what it says of runs that succeed, fail, retry, fan out and nest."""

import os

import engine
from engine import Engine, wait

e = Engine("steps=4")

FAILS = r"""
name: fails
params:
  token: {type: string, secret: true}
  place: {type: string, default: here}
nodes:
  first:
    run: |
      echo "answer=42" >> "$PAWL_OUTPUT"
      echo "0 errors so far"
  second:
    needs: first
    when: params.place == 'here'
    retry: {max_attempts: 2, initial: 10ms}
    run: |
      echo "-Werror is on"
      echo "main.c:3: error: expected ';'"
      echo "last line"
      exit 3
  third:
    needs: second
    run: echo never
"""

MATRIX = """
name: fan
nodes:
  each:
    matrix: {n: [1, 2, 3]}
    run: echo "$N"
    env: {N: "${{ matrix.n }}"}
  last:
    needs: each
    run: 'true'
"""


def test_health():
    assert e.get("/health/live")["status"] == "healthy"
    for path in ("/health", "/health/detailed", "/v1/health/detailed"):
        parts = e.get(path)["components"]
        assert set(parts) == {"database", "space", "queue", "workers"}, parts
    assert e.get("/health/ready")["status"] == "healthy"
    for path in ("/queue/health", "/v1/queue/health"):
        assert e.get(path)["status"] == "healthy"
    assert e.get("/queue/stats").json == e.get("/v1/queue/stats").json


def test_engine():
    r = e.get("/v1/engine").json
    assert r["pid"] == e.process.pid and r["home"] == e.home and r["state"] == "running"
    assert r["steps"]["limit"] == 4


def test_nothing_yet():
    for path in ("/v1/orders/last", "/v1/runs/last", "/v1/orders/o-zzzzzzzzz", "/v1/runs/zz", "/v1/runs/r-%21"):
        r = e.get(path, 404)
        assert r["code"] == "not_found" and r["request_id"], r.json


def test_failure_explains_itself():
    order = e.submit(FAILS, params={"token": "hush-hush-value"})
    assert order["params"] == {"token": "***", "place": "here"}, order
    run = e.finish(order["id"])
    r = e.get(f"/v1/runs/{run}").json
    assert r["state"] == "failed" and r["result"] == "failed" and not r["acknowledged"]
    f = r["failure"]
    assert (f["node"], f["class"], f["exit_code"], f["attempt"], f["line"]) == ("second", "exit", 3, 2, 2), f
    assert f["tail"][-1] == "last line", f
    assert r["params"]["token"] == "***"
    assert r["progress"]["succeeded"] == 1 and r["progress"]["failed"] == 1
    assert e.get("/v1/engine")["failures_unacknowledged"] == 1
    hours = e.get("/v1/engine")["failures_per_hour"]
    assert len(hours) == 12 and sum(hours) == 1 and sum(hours[-2:]) == 1, hours
    n = e.get(f"/v1/runs/{run}/nodes/second").json
    assert n["state"] == "failed" and n["attempts"] == 2 and n["max_attempts"] == 2
    assert n["failure"]["line"] == 2 and n["needs"] == ["first"] and n["feeds"] == ["third"]
    first = e.get(f"/v1/runs/{run}/nodes/first").json
    assert first["outputs"] == {"answer": "42"}, first
    body = e.get(f"/v1/runs/{run}").body + e.get("/v1/orders").body + e.get(f"/v1/runs/{run}/nodes").body
    assert b"hush-hush-value" not in body


def test_attempts_and_iterations():
    a = e.get("/v1/runs/last/nodes/second/attempts")["items"]
    assert [x["attempt"] for x in a] == [2, 1]
    assert a[1]["retry_in_ms"] is not None and a[0]["retry_in_ms"] is None
    assert os.path.exists(a[0]["log"]["path"]) and a[0]["log"]["lines"] == 3
    i = e.get("/v1/runs/last/iterations")["items"]
    assert [(x["node"], x["attempt"]) for x in i] == [("second", 2), ("first", 1)], i
    assert [x["attempt"] for x in e.get("/v1/runs/last/iterations?node=second")["items"]] == [2]


def test_checkpoints_and_partial():
    c = e.get("/v1/runs/last/checkpoints")["items"]
    assert [x["name"] for x in c] == ["start", "first"] and c[1]["outputs_hash"]
    p = e.get("/v1/runs/last/partial").json
    assert p["completed"] == ["first"] and p["outputs"] == {"first": {"answer": "42"}}


def test_definition():
    d = e.get("/v1/runs/last/definition").json
    assert d["name"] == "fails" and d["source"] == FAILS
    assert [n["name"] for n in d["nodes"]] == ["first", "second", "third"]
    assert d["nodes"][1]["when"] == "params.place == 'here'"
    assert [p["default"] for p in d["params"]] == [None, "here"]
    w = e.get(f"/v1/workflows/{d['hash']}").json
    assert w["source"] == FAILS and w["name"] == "fails"
    e.get("/v1/workflows/abc", 404)
    e.get("/v1/workflows/" + "0" * 64, 404)


def test_unknown_node_is_suggested():
    r = e.get("/v1/runs/last/nodes/secnd", 404)
    assert "second" in r["hint"], r.json


def test_instances():
    run = e.finish(e.submit(MATRIX)["id"])
    nodes = e.get(f"/v1/runs/{run}/nodes")["items"]
    inner = [n for n in nodes if n["group"] == "each"]
    assert len(inner) == 3 and all(n["state"] == "succeeded" for n in inner), nodes
    one = e.get(f"/v1/runs/{run}/nodes/" + inner[1]["node"].replace("[", "%5B").replace("]", "%5D")).json
    assert one["index"] == inner[1]["index"]
    page = e.get(f"/v1/runs/{run}/nodes?limit=2").json
    seen = page["items"]
    while page["next"]:
        page = e.get(f"/v1/runs/{run}/nodes?limit=2&after={page['next']}").json
        seen += page["items"]
    assert [n["node"] for n in seen] == [n["node"] for n in nodes]
    done = e.get(f"/v1/runs/{run}/nodes?state=succeeded")["items"]
    assert len(done) == len(nodes)
    assert e.get(f"/v1/runs/{run}/nodes?state=failed")["items"] == []


def test_a_run_that_goes_on():
    order = e.submit("name: slow\nnodes:\n  a:\n    run: echo started; exec sleep 1000\n  b:\n    needs: a\n    run: 'true'\n")
    run = e.run_of(order["id"])
    wait(lambda: e.get(f"/v1/runs/{run}")["current"] == ["a"], "it runs")
    n = e.get(f"/v1/runs/{run}/nodes").json["items"]
    assert [x["state"] for x in n] == ["running", "blocked"] or [x["state"] for x in n] == ["running", "pending"], n
    assert n[1]["reason"], n[1]
    w = wait(lambda: [x for x in e.get("/v1/workers")["items"] if x["state"] == "busy"], "a worker is busy")
    assert w[0]["run"] == run and w[0]["node"] == "a"
    p = e.get(f"/work-orders/{order['id']}/position").json
    assert p["position"] == 0 and p["state"] == "running"
    assert e.get(f"/v1/runs/{run}/partial")["pending"] == ["a", "b"]
    e.post(f"/v1/runs/{run}/cancel")
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] == "canceled", "it is canceled")


def test_events():
    all_ = []
    after = 0
    while True:
        page = e.get(f"/v1/events?after={after}&limit=7").json
        all_ += page["items"]
        if not page["next"]:
            break
        after = page["next"]
    assert [x["seq"] for x in all_] == list(range(1, page["total"] + 1))
    down = e.get("/v1/events?before=999999999&limit=5")["items"]
    assert [x["seq"] for x in down] == [x["seq"] for x in all_[:-6:-1]]
    run = e.get("/v1/runs/last")["id"]
    order = e.get("/v1/runs/last")["order"]
    mine = [x["seq"] for x in all_ if x["run"] == run]
    assert [x["seq"] for x in e.get(f"/v1/events?run={run}")["items"]] == mine
    both = [x["seq"] for x in all_ if x["order"] == order]
    assert [x["seq"] for x in e.get(f"/v1/events?order={order}")["items"]] == both
    assert both[:3] == [x["seq"] for x in e.get(f"/v1/events?order={order}&limit=3")["items"]]
    assert list(reversed(both))[:3] == [x["seq"] for x in e.get(f"/v1/events?order={order}&before=99999&limit=3")["items"]]
    nodes = e.get("/v1/events?type=node.failed")["items"]
    assert nodes and all(x["type"] == "node.failed" and x["node"] for x in nodes)


def test_validate():
    assert e.post("/v1/validate", {"workflow": engine.OK})["valid"]
    r = e.post("/v1/validate", {"workflow": "name: x\nnods: {}\n", "file": "x.yaml"}).json
    assert not r["valid"] and [i for i in r["issues"] if i["line"] == 2 and i["file"] == "x.yaml"], r
    r = e.submit("name: x\nnods: {}\n", status=422)
    assert r["code"] == "invalid" and [i for i in r["details"]["issues"] if i["line"] == 2], r


def test_fsck():
    r = e.post("/v1/fsck").json
    assert r["ok"], [c for c in r["checks"] if not c["ok"]]
    assert len(r["checks"]) > 5 and any(c["count"] > 0 for c in r["checks"])


engine.main(globals())
