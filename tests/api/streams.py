#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event stream: complete, in order, resumable, bounded; and following a log."""

import socket

import engine
from engine import Engine, OK, Stream, wait

e = Engine("event_lag=500", "streams_max=8", "steps=2")

TALK = "name: talk\nnodes:\n  a:\n    run: |\n      for i in 1 2 3; do echo line $i; sleep 0.05; done\n      printf unfinished\n"


def last_seq():
    return e.get("/v1/engine")["last_seq"]


def test_events_come_as_they_happen():
    s = Stream(e, "/v1/events/stream")
    order = e.submit(OK)["id"]
    seen = s.until("order.succeeded")
    listed = e.get("/v1/events?limit=1000")["items"]
    assert [x[2] for x in seen] == listed
    assert [x[1] for x in seen] == [x["seq"] for x in listed]
    assert seen[0][2]["order"] == order
    s.close()


def test_resume():
    e.finish(e.submit(OK)["id"])
    newest = last_seq()
    for header in ({"Last-Event-ID": "3"}, None):
        s = Stream(e, "/v1/events/stream" + ("" if header else "?after=3"), header)
        assert [s.next()[1] for _ in range(newest - 3)] == list(range(4, newest + 1))
        s.close()
    # What comes while nobody reads is not lost, either.
    s = Stream(e, "/v1/events/stream", {"Last-Event-ID": str(newest)})
    s.close()
    e.finish(e.submit(OK)["id"])
    s = Stream(e, "/v1/events/stream", {"Last-Event-ID": str(newest)})
    assert s.next()[1] == newest + 1
    s.close()
    for bad in ("x", "-1", "3 4"):
        assert e.get("/v1/events/stream", 400, headers={"Last-Event-ID": bad})["code"] == "usage"
    # A number of another life of the store: from now on.
    s = Stream(e, "/v1/events/stream?after=99999999")
    e.submit(OK)
    assert s.next()[1] <= last_seq()
    s.close()


def test_filters():
    order = e.submit(OK)
    run = e.finish(order["id"])
    wait(lambda: e.get(f"/v1/orders/{order['id']}")["ended_at_ms"], "the order ends")
    for query in (f"run={run}", f"order={order['id']}"):
        listed = e.get(f"/v1/events?{query}")["items"]
        s = Stream(e, f"/v1/events/stream?after=0&{query}")
        assert [s.next()[2] for _ in listed] == listed
        s.close()
    listed = e.get(f"/v1/events?run={run}&limit=1000")["items"]
    for types in ("run.", "node.succeeded,run.", "node.succeeded"):
        wanted = [x for x in listed if x["type"].startswith(tuple(types.split(",")))]
        assert wanted and len(wanted) < len(listed)
        assert e.get(f"/v1/events?run={run}&type={types}")["items"] == wanted
        s = Stream(e, f"/v1/events/stream?after=0&run={run}&type={types}")
        assert [s.next()[2] for _ in wanted] == wanted
        s.close()
    s = Stream(e, f"/v1/events/stream?order={order['id']}")
    other = e.submit(OK)["id"]
    mine = e.submit(OK)["id"]
    s.close()
    s = Stream(e, f"/v1/events/stream?after=0&order={mine}")
    assert all(x[2]["order"] == mine for x in s.until("order.succeeded"))
    s.close()
    e.finish(other)


def test_a_slow_reader_is_told_what_it_lost():
    slow = socket.socket(socket.AF_UNIX)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(e.socket)
    slow.sendall(b"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: x\r\n\r\n")
    e.post("/v1/queue/pause")
    for _ in range(4):  # more than socket buffers and the allowed lag hold
        e.post("/v1/orders/batch", {"workflow": OK, "orders": [{"hold": True}] * 1000}, 201)
    quick = Stream(e, f"/v1/events/stream?after={last_seq() - 100}")
    assert len([quick.next() for _ in range(100)]) == 100
    slow.settimeout(engine.PATIENCE)
    text, lost = b"", None
    while lost is None:
        part = slow.recv(65536)
        assert part, "the stream ended"
        text += part
        at = text.find(b"event: lost\n")
        if at >= 0 and b"\n\n" in text[at:]:
            lost = text[at:].split(b"data: ")[1].split(b"\n")[0]
    span = engine.json.loads(lost)
    ids = [int(x) for x in engine.re.findall(rb"\nid: (\d+)\nevent: (?!lost)", text[:at])]
    assert span["from"] == ids[-1] + 1 and span["to"] > span["from"] + 500, (span, ids[-1])
    assert ids == list(range(1, ids[-1] + 1))
    slow.close()
    quick.close()
    e.post("/v1/queue/resume")


def test_the_number_of_streams_is_bounded():
    wait(lambda: gone(), "the streams of before are gone")
    streams = [Stream(e, "/v1/events/stream") for _ in range(8)]
    assert e.get("/v1/events/stream", 429)["code"] == "rate_limited"
    for s in streams:
        s.close()
    wait(lambda: gone(), "the closed ones are noticed")
    Stream(e, "/v1/events/stream").close()


def gone():
    """A closed stream is noticed when something is written to it."""
    e.post("/v1/queue/pause")
    e.post("/v1/queue/resume")
    return e.get("/v1/engine")["streams"] == 0


def test_following_a_log():
    run = e.run_of(e.submit(TALK)["id"])
    wait(lambda: e.get(f"/v1/runs/{run}/nodes/a")["state"] != "ready", "it begins")
    s = Stream(e, f"/v1/runs/{run}/nodes/a/log/follow")
    seen = s.until("end")
    lines = [x for event in seen[:-1] for x in event[2]["items"]]
    assert [x["text"] for x in lines] == ["line 1", "line 2", "line 3", "unfinished"], lines
    assert [x["n"] for x in lines] == [1, 2, 3, 4]
    assert s.next() is None
    for query, header in (("?from=3", {}), ("", {"Last-Event-ID": "2"})):
        s = Stream(e, f"/v1/runs/{run}/nodes/a/log/follow{query}", header)
        lines = [x["n"] for event in s.until("end")[:-1] for x in event[2]["items"]]
        assert lines == [3, 4], lines
    quiet = e.finish(e.submit("name: q\nnodes:\n  a: {run: 'true'}\n")["id"])
    s = Stream(e, f"/v1/runs/{quiet}/nodes/a/log/follow")
    assert [x[0] for x in s.until("end")] == ["end"]


def test_leaving_ends_the_streams():
    s = Stream(e, "/v1/events/stream")
    run = e.run_of(e.submit(engine.NEVER)["id"])
    wait(lambda: e.get(f"/v1/runs/{run}")["current"], "it runs")
    f = Stream(e, f"/v1/runs/{run}/nodes/only/log/follow")
    assert e.stop() == 0
    while s.next():
        pass
    assert f.next() is None
    e.start()
    assert e.get(f"/v1/runs/{run}")["current"] == ["only"]
    e.post(f"/v1/runs/{run}/cancel")
    e.post(f"/v1/runs/{run}/cancel")


engine.main(globals())
