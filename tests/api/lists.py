#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists: pages of 0, 1, 49 and 1000 rows with rows added between them, filters, totals, the queue's order."""

import engine
from engine import Engine, OK

e = Engine("queue_max=5000")
e.post("/v1/queue/pause")


def pages(path, limit):
    """All pages of a list, one after the other."""
    sign = "&" if "?" in path else "?"
    page = e.get(f"{path}{sign}limit={limit}").json
    yield page
    while page["next"]:
        page = e.get(f"{path}{sign}limit={limit}&after={page['next']}").json
        yield page


def ids(path, limit):
    return [x["id"] for page in pages(path, limit) for x in page["items"]]


def add(n, **k):
    r = e.post("/v1/orders/batch", {"workflow": OK, "dir": "/tmp", "orders": [k] * n}, 201).json
    return [x["id"] for x in r["items"]]


def test_paging():
    made = []
    for n in (0, 1, 49, 1000):
        made += add(n - len(made)) if n > len(made) else []
        for limit in (1, 10, 49, 1000) if n < 1000 else (49, 100, 999, 1000):
            assert ids("/v1/orders", limit) == made[::-1], (n, limit)
        assert e.get("/v1/orders")["total"] == n


def test_rows_added_between_pages_shift_nothing():
    before = ids("/v1/orders", 1000)
    seen = []
    for page in pages("/v1/orders", 300):
        seen += [x["id"] for x in page["items"]]
        add(5)
    assert seen == before
    assert e.get("/v1/orders")["total"] == len(before) + 20


def test_limits_and_cursors():
    for bad in ("limit=0", "limit=1001", "limit=x", "limit=-1", "limit=1e3", "after=xyz", "after=c", "after=c-1",
                "after=cffffffffffffffffff", "state=nonsense", "order=sideways", "limit=5&limit=6"):
        r = e.get(f"/v1/orders?{bad}", 400)
        assert r["code"] == "usage" and r["message"], bad
    assert "queued" in e.get("/v1/orders?state=qeued", 400)["hint"]


def test_states():
    held = add(7, hold=True)
    assert ids("/v1/orders?state=held", 3) == held[::-1]
    assert e.get("/v1/orders?state=held")["total"] == 7
    both = e.get("/v1/orders?state=held,queued&limit=10").json
    assert [x["id"] for x in both["items"][:7]] == held[::-1]
    assert both["total"] == e.get("/v1/orders")["total"]
    assert e.get("/v1/orders?state=failed").json == {"items": [], "next": None, "total": 0}


def test_workflow_filter():
    other = e.submit(OK.replace("name: ok", "name: other"))["id"]
    assert ids("/v1/orders?workflow=other", 10) == [other]
    assert ids("/v1/orders?workflow=nobody", 10) == []


def test_the_queue_is_shown_as_it_will_start():
    high = add(3, priority=5)
    low = add(2, priority=-5)
    e.post(f"/v1/orders/{high[2]}/front")
    queue = ids("/v1/orders?order=queue", 400)
    assert queue[:3] == [high[2], high[0], high[1]]
    waiting = e.get("/v1/queue/stats")["waiting"]
    assert queue[waiting - 2:waiting] == low
    held = ids("/v1/orders?state=held", 100)
    assert queue[waiting:] == held
    assert ids("/v1/orders?order=queue&state=queued", 400) == queue[:waiting]
    for place in (1, 2, 3, 50, waiting):
        p = e.get(f"/v1/orders/{queue[place - 1]}/position").json
        assert p["position"] == place and p["ahead"] == place - 1 and p["state"] == "waiting", p
    assert e.get(f"/v1/orders/{held[0]}/position")["position"] is None


def test_prefixes():
    one = ids("/v1/orders", 1)[0]
    assert e.get("/v1/orders/" + one.upper())["id"] == one
    assert e.get("/v1/orders/last")["id"] == one
    r = e.get("/v1/orders/" + one[:4], 409)
    assert r["code"] == "ambiguous", r.json


def test_totals_after_a_restart():
    before = e.get("/v1/engine")["counts"]
    total = e.get("/v1/orders")["total"]
    assert sum(before["orders"].values()) == total
    assert e.stop() == 0
    e.start()
    assert e.get("/v1/engine")["counts"] == before
    assert len(ids("/v1/orders", 1000)) == total


def test_runs():
    some = [x["id"] for x in e.get("/v1/orders?state=queued&limit=60")["items"]]
    for o in ids("/v1/orders?state=queued", 1000):
        if o not in some:
            e.post(f"/v1/orders/{o}/cancel")
    e.post("/v1/queue/resume")
    for o in some:
        e.finish(o)
    made = ids("/v1/runs", 1000)
    assert len(made) == 60 and made == sorted(made, reverse=True)
    for limit in (1, 7, 60, 61):
        assert ids("/v1/runs", limit) == made
        assert ids("/v1/runs?state=succeeded", limit) == made
        assert ids("/v1/runs?workflow=ok&state=succeeded,failed", limit) == [
            r for r in made if e.get(f"/v1/runs/{r}")["workflow"] == "ok"]
    assert ids("/v1/runs?q=" + made[3][2:], 10) == [made[3]]
    assert ids("/v1/runs?state=failed", 10) == [] and ids("/v1/runs?state=failed_new", 10) == []
    assert ids("/v1/runs?parent=none", 1000) == made
    assert ids("/v1/runs?parent=" + made[0], 10) == []
    made_at = e.get(f"/v1/runs/{made[10]}")["created_at_ms"]
    since = ids(f"/v1/runs?since_ms={made_at}", 1000)
    assert set(made[:11]) <= set(since) and all(e.get(f"/v1/runs/{r}")["created_at_ms"] >= made_at for r in since)
    counts = e.get("/v1/engine")["counts"]
    assert counts["runs"]["succeeded"] == 60 and sum(counts["runs"].values()) == 60
    for state, n in counts["orders"].items():
        assert len(ids(f"/v1/orders?state={state}", 1000)) == n, state


def test_queue_full():
    stats = e.get("/v1/queue/stats").json
    e.post("/v1/queue/pause")
    room = stats["max_queue_size"] - stats["waiting"] - stats["held"]
    r = e.post("/v1/orders/batch", {"workflow": OK, "orders": [{}] * (room + 50)}, 201).json
    refused = [x for x in r["items"] if "code" in x]
    assert refused and all(x["code"] == "queue_full" for x in refused), refused[:2]
    assert e.submit(OK, status=503)["code"] == "queue_full"
    assert e.get("/queue/health", 503)["status"] == "unhealthy"
    e.healthy()


engine.main(globals())
