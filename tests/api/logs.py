#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs: windows from any place, search, raw bytes and ranges, bytes that are no text."""

import engine
from engine import Engine

e = Engine()

MANY = """
name: many
nodes:
  a:
    run: |
      i=0
      while [ $i -lt 5000 ]; do i=$((i+1)); echo "line $i of many"; done
      echo "late words" >&2
  wild:
    run: |
      printf 'a\\tb\\033[31mred\\033[0m\\n\\377\\376\\n'
      printf '%s\\n' "$(head -c 20000 /dev/zero | tr '\\0' x)"
  silent:
    run: 'true'
  retried:
    retry: {max_attempts: 2, initial: 1ms}
    run: |
      echo "try $PAWL_ATTEMPT"; [ "$PAWL_ATTEMPT" = 2 ]
"""
run = e.finish(e.submit(MANY)["id"])
LOG = f"/v1/runs/{run}/nodes/a/log"


def numbers(query):
    return [x["n"] for x in e.get(LOG + query)["items"]]


def test_windows():
    w = e.get(LOG).json
    assert w["lines"] == 5001 and w["done"] and w["cut_line"] is None and w["first"] == 1
    assert numbers("") == list(range(1, 101))
    assert numbers("?from=4999&lines=10") == [4999, 5000, 5001]
    assert numbers("?from=6000") == []
    assert numbers("?tail=3") == [4999, 5000, 5001]
    assert numbers("?around=2500&lines=11") == list(range(2495, 2506))
    t = e.get(LOG + "?tail=1")["items"][0]
    assert t["text"] == "late words" and t["s"] == "err" and t["t_ms"]
    first = e.get(LOG + "?lines=1")["items"][0]["t_ms"]
    assert numbers(f"?at_ms={first}&lines=1") == [1]
    assert numbers(f"?at_ms={t['t_ms'] + 100000}") == []
    for bad in ("from=0", "lines=0", "lines=10001", "width=0", "from=1&tail=1", "tail=x", "errors=2", "attempt=0"):
        assert e.get(f"{LOG}?{bad}", 400)["code"] == "usage", bad


def test_bytes_that_are_no_text():
    items = e.get(f"/v1/runs/{run}/nodes/wild/log")["items"]
    assert items[0]["text"] == "a\tb\x1b[31mred\x1b[0m"
    assert items[1]["text"] == "\\xff\\xfe" and items[1]["len"] == 2
    assert items[2]["len"] == 20000 and len(items[2]["text"]) == 4096
    assert len(e.get(f"/v1/runs/{run}/nodes/wild/log?width=10")["items"][2]["text"]) == 10


def test_a_step_that_said_nothing():
    log = f"/v1/runs/{run}/nodes/silent/log"
    assert e.get(log)["items"] == [] and e.get(log)["done"]
    assert e.get(log + "/search?pattern=x&count=1").json == {"hits": [], "next": None, "count": 0}
    assert e.get(log + "/raw").body == b""


def test_attempts():
    log = f"/v1/runs/{run}/nodes/retried/log"
    assert e.get(log)["items"][0]["text"] == "try 2"
    assert e.get(log + "?attempt=1")["items"][0]["text"] == "try 1"
    assert e.get(log + "?attempt=1")["attempt"]["attempt"] == 1
    e.get(log + "?attempt=3", 404)
    e.get(log + "?generation=2", 404)


def test_search():
    s = e.get(LOG + "/search?pattern=line%204[0-9]%20of&count=1").json
    assert [h["line"]["n"] for h in s["hits"]] == list(range(40, 50)) and s["count"] == 10
    assert (s["hits"][0]["start"], s["hits"][0]["end"]) == (0, 10)
    s = e.get(LOG + "/search?pattern=LATE").json
    assert [h["line"]["n"] for h in s["hits"]] == [5001]
    assert e.get(LOG + "/search?pattern=LATE&case=1")["hits"] == []
    assert e.get(LOG + "/search?pattern=line%20.%20of&literal=1")["hits"] == []
    back = e.get(LOG + "/search?pattern=many&dir=prev&from=100&limit=3").json
    assert [h["line"]["n"] for h in back["hits"]] in ([100, 99, 98], [99, 98, 97]), back
    assert [h["line"]["n"] for h in e.get(LOG + "/search?pattern=many&invert=1")["hits"]] == [5001]
    page, seen = e.get(LOG + "/search?pattern=many&limit=1000").json, []
    while True:
        seen += [h["line"]["n"] for h in page["hits"]]
        if not page["next"]:
            break
        page = e.get(f"{LOG}/search?pattern=many&limit=1000&from={page['next']}").json
    assert seen == list(range(1, 5001)), len(seen)
    for bad in ("", "pattern=", "pattern=(", "pattern=a&dir=up", "pattern=a&limit=0", "pattern=" + "a" * 5000):
        assert e.get(f"{LOG}/search?{bad}", e.ask("GET", f"{LOG}/search?{bad}").status)["code"] in ("usage", "invalid",
                                                                                                    "too_large"), bad
    hits = e.get(LOG + "/search?pattern=(a%2B)%2B%24")  # a pattern that can go wrong does not hang the engine
    assert hits["hits"] == []
    e.healthy()


def test_raw():
    whole = e.get(LOG + "/raw").body
    assert whole.count(b"\n") == 5001 and whole.startswith(b"line 1 of many\n")
    size = len(whole)
    for text, part in (("bytes=0-9", whole[:10]), (f"bytes={size - 5}-", whole[-5:]), ("bytes=-7", whole[-7:]),
                       (f"bytes=10-{size * 2}", whole[10:])):
        r = e.get(LOG + "/raw", 206, headers={"Range": text})
        assert r.body == part, text
        assert r.headers["Content-Range"].endswith(f"/{size}")
    for odd in ("bytes=5-2", "lines=1-2", "bytes=1-2,4-5", "bytes=x-", "bytes=-"):
        assert e.get(LOG + "/raw", headers={"Range": odd}).body == whole, odd
    e.get(LOG + "/raw", 416, headers={"Range": f"bytes={size}-"})
    e.get(LOG + "/raw", 416, headers={"Range": "bytes=-0"})


def test_first_error():
    cases = [("error: x", 1), ("0 errors", None), ("no error here", None), ("cc -Werror x.c", None), ("errors.c compiled", None),
             ("src/error.c:3: fine", None), ("FAILED test_x", 1), ("not ok 3 - x", 1), ("ok 3", None), ("failed: 0", None),
             ("1 passed, 0 failed", None), ("Traceback (most recent call last):", 1), ("ValueError: bad", 1),
             ("undefined reference to `x'", 1), ("panic: oops", 1), ("fatal error: no such file", 1), ("stderr is empty", None),
             ("without errors", None), ("Error: boom", 1), ("make: *** [all] Error 2", 1), ("sh: foo: command not found", 1)]
    nodes = "".join(f"  n{i}:\n    env: {{T: {engine.json.dumps(text)}}}\n    run: printf '%s\\n' \"$T\"; exit 1\n    critical: false\n"
                    for i, (text, _) in enumerate(cases))
    r = e.finish(e.submit("name: errors\nnodes:\n" + nodes)["id"])
    wrong = []
    for i, (text, line) in enumerate(cases):
        got = e.get(f"/v1/runs/{r}/nodes/n{i}/log?errors=1")["first_error"]
        if got != line:
            wrong.append((text, got))
        assert e.get(f"/v1/runs/{r}/nodes/n{i}")["failure"]["line"] == got
    assert not wrong, wrong


engine.main(globals())
