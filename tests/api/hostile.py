#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Input that is wrong on purpose. Each is refused or cut, and the engine answers afterwards as before."""

import os
import select
import socket
import time

import engine
from engine import Engine, OK, Unix, wait

e = Engine("request_time=2s")
GOOD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n"


def status(answer):
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else None


def refused(data, *allowed):
    got = status(e.raw(data))
    assert got in (allowed or (400,)), (data[:80], got)
    e.healthy()


def begin(data):
    s = socket.socket(socket.AF_UNIX)
    s.connect(e.socket)
    s.sendall(data)
    return s


def ended(s, seconds):
    """Whether the other side ends the connection within so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([s], [], [], max(0, end - time.monotonic()))[0]:
            try:
                if not s.recv(65536):
                    return True
            except ConnectionResetError:
                return True
    return False


def test_length_said_twice():
    for a, b in (("Content-Length: 2", "Content-Length: 2"), ("Content-Length: 2", "Content-Length: 3"),
                 ("Content-Length: 2", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 2"),
                 ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")):
        refused(POST + f"{a}\r\n{b}\r\n\r\n{{}}".encode())


def test_lengths_that_are_none():
    for length in (b"+5", b"-1", b"0x10", b"5 5", b"99999999999999999999999", b"", b"1e3"):
        refused(POST + b"Content-Length: " + length + b"\r\nConnection: close\r\n\r\n{}", 400, 413, None)


def test_control_bytes():
    for value in (b"a\x01b", b"a\x7fb", b"a\x1b[31mb"):
        refused(GOOD + b"X-A: " + value + b"\r\nConnection: close\r\n\r\n")
    # The server library ends a value at a NUL: it is cut short or refused, never more.
    refused(GOOD + b"X-A: a\0b\r\nConnection: close\r\n\r\n", 200, 400)
    refused(POST + b"Idempotency-Key: a\0b\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    refused(b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n", 400)  # no Host
    refused(b"GET /health/live HTTP/1.1\r\nHost : x\r\nConnection: close\r\n\r\n", 400)
    for path in (b"/health/%00", b"/health/%1b", b"/v1/runs/%ff", b"/v1/runs/%2", b"/v1/runs/%zz", b"/v1/orders?a=%0a"):
        refused(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400)


def test_nonsense():
    open_ = []
    for data in (b"\0" * 1000, b"hello\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 100,
                 os.urandom(4096), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        s = begin(data)
        s.shutdown(socket.SHUT_WR)
        open_.append((s, data))
    e.healthy()
    for s, data in open_:
        assert ended(s, engine.PATIENCE), data[:40]
        s.close()
    e.healthy()


def test_too_large():
    refused(GOOD + b"X-A: " + b"a" * 65536 + b"\r\n\r\n", 431, 413)
    refused(GOOD + b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + b"\r\n", 431, 413)
    refused(b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, 431)
    refused(POST + b"Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n", 413)
    refused(GOOD + b"Content-Length: 5\r\nConnection: close\r\n\r\nhello", 413)
    body = b"%x\r\n" % 65536 + b" " * 65536 + b"\r\n"
    refused(POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body * 80 + b"0\r\n\r\n", 413)
    big = b'{"workflow":"' + b"x" * 4200000 + b'"}'
    refused(POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(big) + big, 413)


def test_json():
    for body in (b'{"a":' * 100 + b"1" + b"}" * 100, b"[" * 200000, b'{"workflow":"\xc3\x28"}', b'{"workflow":"a\0b"}',
                 b'{"workflow":"\\ud800"}', b'{"workflow":1,"workflow":2}', b'"' + b"a" * 1000000, b"\xef\xbb\xbf{}",
                 b'{"max_wait_ms":1e999}', b'{"priority":99999999999999999999}'):
        r = e.post("/v1/orders", body, 400)
        assert r["message"], body[:40]
    e.healthy()


def test_routes():
    assert "/v1/runs" in e.get("/v1/runz", 404)["hint"]
    for path in ("/", "//", "/v1", "/v1/", "/v1/runs/", "/v1//runs", "/v1/runs/../orders", "/v1/orders/%2e%2e",
                 "/" + "a/" * 50, "/v1/orders/last/hold/x", "*"):
        r = e.ask("GET", path)
        assert r.status in (400, 404), (path, r.status)
    for method in ("DELETE", "PUT", "PATCH", "OPTIONS", "BREW"):
        r = e.ask(method, "/v1/orders")
        assert r.status == 405 and set(r.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}, r.headers
    r = e.ask("POST", "/v1/runs", {})
    assert r.status == 405 and r.headers["Allow"] == "GET, HEAD"
    r = e.ask("HEAD", "/v1/engine")
    assert r.status == 200 and not r.body
    for query in ("limt=3", "limit=3&limit=3", "=", "&&&x"):
        e.get("/v1/orders?" + query, 400)


def test_names_that_look_like_paths():
    e.finish(e.submit(OK)["id"])
    for node in ("..%2f..%2fetc%2fpasswd", "%2e%2e", "only%2f..", "%24%28id%29", "a" * 5000):
        e.get(f"/v1/runs/last/nodes/{node}/log", 404)


def test_slow_requests_are_cut():
    """A request that does not come to its end within request_time is cut, whatever trickles in; others are served meanwhile."""
    slow = [begin(b"GET /health/live HTTP/1.1\r\nHost: x\r\n"), begin(POST + b"Content-Length: 100\r\n\r\n{"), begin(b"GE"),
            begin(b"")]
    began = time.monotonic()
    open_ = list(slow)
    while open_ and time.monotonic() - began < 30:
        ready = select.select(open_, [], [], 0.5)[0]
        for s in ready:
            try:
                if not s.recv(4096):
                    open_.remove(s)
            except ConnectionResetError:
                open_.remove(s)
        for s in open_[:2]:
            try:
                s.sendall(b"X: y\r\n" if s is slow[0] else b" ")
            except (BrokenPipeError, ConnectionResetError):
                pass
        e.healthy()
    assert not open_, f"{len(open_)} are open after 30 s"
    for s in slow:
        s.close()


def test_half_open_by_the_hundred():
    """More connections than are allowed, none of which says anything: they are cut, and then others are served."""
    held = []
    try:
        for i in range(700):
            held.append(begin(b"G" if i % 2 else b""))
    except (BlockingIOError, ConnectionRefusedError):
        pass  # the backlog is full: the rest would have waited
    assert len(held) > 500
    c = Unix(e.socket)
    assert e.ask("GET", "/health/live", connection=c).status == 200
    for s in held:
        s.close()
    wait(lambda: len(os.listdir(f"/proc/{e.process.pid}/fd")) < 100, "the connections are gone")
    e.healthy()


def test_clients_that_go_away():
    for data in (GOOD + b"\r\n", POST + b"Content-Length: 2\r\n\r\n{}", b"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /v1/runs/last/nodes/only/log HTTP/1.1\r\nHost: x\r\n\r\n"):
        for _ in range(50):
            begin(data).close()
    e.healthy()


def test_pipelined():
    got = e.raw((GOOD + b"\r\n") * 20 + GOOD + b"Connection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200") == 21, got.count(b"HTTP/1.1 200")


engine.main(globals())
