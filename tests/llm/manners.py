#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each manner of a server, good or bad, in each of the three protocols, asked by a real pawl-llm over a real
socket: what it answers, how often it was asked, what it says it used."""

import json
import os
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.environ.get("srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")),
                                "tests/llm"))
import lib  # noqa: E402
from lib import KEY, TEXT, TYPES, ask, check, provider, spec  # noqa: E402

standin = lib.Standin()
COUNTS = {"anthropic": (11, 17, 100, 30, 158), "ollama": (11, 17, None, None, 28), "openai": (11, 17, 30, None, 58)}
NAMES = ("input", "output", "cache_read", "cache_write", "total")


def counts(row):
    return tuple(row[n] for n in NAMES)


def one(scenario, kind, **more):
    mark = f"{scenario}-{kind}-{lib.count}"
    a = ask(spec([provider(kind, standin.url(scenario, mark))], **more))
    a.asked = standin.requests(mark)
    check(KEY not in a.everything(), scenario, kind, "the key is seen")
    check(len(a.usage) == len(a.asked), scenario, kind, "a row of usage for each request", a.usage)
    return a


def good(scenario, tries=1, odd=False):
    for kind in TYPES:
        a = one(scenario, kind)
        check(a.status == 0 and a.error is None, scenario, kind, a.stderr)
        check(a.outputs["text"] == TEXT, scenario, kind, a.outputs)
        check(a.stdout.endswith(TEXT + "\n"), scenario, kind, repr(a.stdout))
        check(a.report["final_text"] == TEXT and a.report["success"] and a.report["provider"] == kind, a.report)
        check(len(a.asked) == tries, scenario, kind, len(a.asked), "requests")
        check([r["retry_count"] for r in a.usage] == list(range(tries)), a.usage)
        check(counts(a.usage[-1]) == COUNTS[kind], scenario, kind, a.usage[-1])
        check(a.usage[-1]["status"] == "ok" and a.usage[-1]["http_status"] == 200, a.usage[-1])
        check(a.usage[-1]["request_id"] == "req_1", a.usage[-1])
        check(a.report["breakers"] == [{"name": f"llm:{kind}", "ok": True}], a.report["breakers"])
        check(any("not understood" in w for w in a.report["warnings"]) == odd, scenario, kind, a.report["warnings"])
        check(json.loads(a.files["3.g1.i1.a1.llm.json"])["final_text"] == TEXT, a.files)
        check(a.files["3.g1.i1.a1.prompt.txt"] == "Say hello.\n", a.files)


def bad(scenario, tries, says, breaker, kinds=TYPES, status=None, seen=None):
    """Refused: after so many tries, with these words; breaker: what it learns (None: nothing)."""
    for kind in kinds:
        a = one(scenario, kind)
        check(a.status == 1 and a.error == "provider", scenario, kind, a.stderr, a.error)
        check(says in a.message, scenario, kind, a.message)
        check(len(a.asked) == tries, scenario, kind, len(a.asked), "requests")
        learnt = [] if breaker is None else [{"name": f"llm:{kind}", "ok": breaker}]
        check(a.report["breakers"] == learnt, scenario, kind, a.report["breakers"])
        check(not a.report["success"] and a.report["final_text"] is None and not a.outputs, a.report)
        if status is not None:
            check(a.usage[0]["http_status"] == status, scenario, kind, a.usage)
        if seen:
            check(tuple(a.usage[0][n] for n in NAMES) == seen[kind], scenario, kind, a.usage)
        if tries > 1:
            check(f"({tries} tries)" in a.message, a.message)


def good_manners():
    good("ok")
    for kind in TYPES:
        a = one("ok", kind, stream=False)
        check(a.outputs["text"] == TEXT and counts(a.usage[0]) == COUNTS[kind], kind, a.document)
        check(json.loads(a.asked[0]["body"])["stream"] is False, a.asked)
        a = one("ok", kind, system="Be brief.", temperature=0.5, max_tokens=7)
        body = json.loads(a.asked[0]["body"])
        check("Be brief." in a.asked[0]["body"] and "0.5" in a.asked[0]["body"], body)
        check(7 in (body.get("max_tokens"), body.get("options", {}).get("num_predict")), body)
        header = a.asked[0]["headers"]
        check(KEY in (header.get("x-api-key", ""), header.get("Authorization", "")[7:]), "the key is sent", list(header))


def frames_and_bytes():
    for scenario in ("bytes", "sevens", "halfchars", "crlf", "noise", "cumulative", "stays-open"):
        if scenario != "stays-open":
            good(scenario)
    good("hugeline", odd=True)
    good("wrongjson", odd=True)
    for kind in TYPES:  # the end was said, but the connection stays: the time limit ends it, and it is good
        a = ask(spec([provider(kind, standin.url("stays-open"), timeout_ms=500)]))
        check(a.status == 0 and a.outputs["text"] == TEXT, kind, a.stderr)


def counts_that_are_missing():
    for kind in TYPES:
        a = one("nocounts", kind)
        check(a.outputs["text"] == TEXT, a.outputs)
        check(counts(a.usage[0]) == (None,) * 5, kind, a.usage)
        check(a.usage[0]["cost_micro_usd"] == (0 if kind == "ollama" else None), a.usage)
    a = one("cached", "ollama")
    check(counts(a.usage[0]) == (None, 17, None, None, None), a.usage)


def ends_that_are_missing():
    begun = {"anthropic": (11, None, 100, 30, None), "ollama": (None,) * 5, "openai": (None,) * 5}
    bad("no-end", 3, "ended before its end, after 18 bytes of text", False, status=200, seen=begun)
    bad("error-mid", 3, "an error within the answer: overloaded_error", False, kinds=["anthropic", "openai"], seen=begun)
    bad("error-mid", 3, "an error within the answer: overloaded_error: Overloaded", False, kinds=["ollama"], seen=begun)
    bad("error-mid-bad", 1, "an error within the answer: invalid_request_error", None, kinds=["anthropic", "openai"])
    bad("reset", 3, "", False, seen=begun)
    for scenario in ("no-end-once", "error-mid-once", "reset-once"):
        good(scenario, tries=2)


def refusals():
    for scenario in ("400", "401", "402", "403", "404", "413"):
        bad(scenario, 1, f"status {scenario}", None, status=int(scenario))
    for scenario in ("429", "500", "503", "529"):
        bad(scenario, 3, f"status {scenario}", False, status=int(scenario))
    bad("gateway", 3, "status 502: <html>Bad Gateway</html>", False)
    for scenario in ("spend-400", "spend-429"):
        bad(scenario, 1, "enforced_spend_limit_reached", None)
    bad("quota", 1, "You exceeded your current quota", None)
    for scenario in ("408-once", "409-once", "429-once"):
        good(scenario, tries=2)
    good("400-should", tries=2)
    bad("529-should-not", 1, "status 529", False)
    for scenario in ("529-twice", "500-twice"):
        good(scenario, tries=3)
    bad("echo-key", 1, "bad key ", None)
    bad("redirect", 1, "redirect (status 307), which is not followed", None)
    every = json.loads(standin.ask("GET", "/_requests"))["requests"]
    check(not [r for r in every if r["path"].startswith("/ok/")], "nothing goes to where a redirect points")
    bad("nonsense", 1, "is not what this type of provider sends", False, kinds=["anthropic", "openai"])
    bad("html", 3, "ended before its end", False, kinds=["anthropic", "openai"])
    bad("html", 1, "is not what this type of provider sends", False, kinds=["ollama"])
    bad("refusal", 1, "declined to answer", True, kinds=["anthropic", "openai"])


def waiting():
    for kind in TYPES:
        for scenario, least in (("429-after-once", 1.0), ("429-ms-once", 0.3), ("429-date-once", 0.9)):
            a = one(scenario, kind)
            check(a.status == 0 and len(a.asked) == 2, scenario, a.stderr)
            check(a.asked[1]["at"] - a.asked[0]["at"] >= least, scenario, kind, "is asked too early", a.asked, a.stderr)
        a = one("429-tomorrow", kind)
        check(a.error == "provider" and len(a.asked) == 1, a.stderr)
        check(a.document["retry_after_ms"] == 86400000, a.document)
        a = one("529-twice", kind)
        check(a.asked[1]["at"] - a.asked[0]["at"] >= 0.02 and a.asked[2]["at"] - a.asked[1]["at"] >= 0.04, "backoff")


def time_limits():
    for kind in TYPES:
        few = {"max_attempts": 2, "initial_ms": 10, "jitter": False}
        for scenario in ("hang", "slow"):
            a = ask(spec([provider(kind, standin.url(scenario, kind), timeout_ms=300, retry=few)]))
            check(a.error == "provider" and "no whole answer within 300 ms (2 tries)" in a.message, scenario, a.message)
            check([r["status"] for r in a.usage] == ["timeout"] * 2, a.usage)
            check(a.report["breakers"] == [{"name": f"llm:{kind}", "ok": False}], a.report)
        a = ask(spec([provider(kind, standin.url("hang", kind + "1"), timeout_ms=300,
                               retry={**few, "on": ["connection"]})]))
        check(len(a.usage) == 1, "what is not in `on` is not tried again", a.usage)


def chains():
    listener = socket.socket()  # bound, never listening: nobody is there
    listener.bind(("127.0.0.1", 0))
    nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    a = ask(spec([provider("anthropic", nobody, "claude"), provider("openai", standin.url("401", "chain"), "gpt"),
                  provider("ollama", standin.url("ok", "chain"), "local")]))
    check(a.status == 0 and a.outputs["provider"] == "local" and a.outputs["text"] == TEXT, a.stderr)
    check([r["provider"] for r in a.usage] == ["claude"] * 3 + ["gpt", "local"], a.usage)
    check(a.usage[0]["status"] == "connection" and a.usage[0]["http_status"] is None, a.usage[0])
    check(a.report["breakers"] == [{"name": "llm:claude", "ok": False}, {"name": "llm:local", "ok": True}], a.report)
    a = ask(spec([provider("anthropic", nobody, "claude"), provider("openai", standin.url("529", "chain2"), "gpt")]))
    check(a.error == "provider" and "claude: " in a.message and "gpt: status 529" in a.message, a.message)
    ok = standin.url("ok", "breaker")
    a = ask(spec([provider("anthropic", ok, "claude", breaker_open_until_ms=4102444800000),
                  provider("anthropic", ok, "second", breaker_open_until_ms=-1),
                  provider("openai", ok, "third", missing_key="OPENAI_API_KEY"),
                  provider("ollama", ok, "local", breaker_open_until_ms=1)]))
    check(a.outputs["provider"] == "local" and len(standin.requests("breaker")) == 1, a.stderr)
    reasons = {s["provider"]: s["reason"] for s in a.report["skipped"]}
    check("open until 2100-01-01" in reasons["claude"] and "somebody closes it" in reasons["second"] and
          "OPENAI_API_KEY" in reasons["third"], reasons)
    a = ask(spec([provider("anthropic", ok, "claude", breaker_open_until_ms=-1)]))
    check(a.error == "provider" and "circuit breaker" in a.message and not a.usage, a.message)


SCHEMA = {"type": "object", "required": ["title", "steps"], "additionalProperties": False,
          "properties": {"title": {"type": "string"}, "steps": {"type": "array", "items": {"type": "string"}}}}


def schemas():
    for kind in TYPES:
        a = one("json", kind, schema=SCHEMA)
        check(json.loads(a.outputs["json"]) == {"title": "a plan", "steps": ["one", "two"]}, a.document)
        check(a.report["turns"] == 1 and a.outputs["text"] == a.outputs["json"], a.report)
        check("additionalProperties" in a.asked[0]["body"], "the schema is told", a.asked)
        a = one("json-fenced", kind, schema=SCHEMA)
        check(json.loads(a.outputs["json"])["steps"] == [] and a.report["turns"] == 1, a.document)
        a = one("json-repaired", kind, schema=SCHEMA)
        check(json.loads(a.outputs["json"])["steps"] == ["one"] and a.report["turns"] == 2, a.document)
        check(len(a.usage) == 2, a.usage)
        said = json.loads(a.asked[1]["body"])["messages"]
        check([m["role"] for m in said][-3:] == ["user", "assistant", "user"], said)
        check("$.title: is of type number; string is asked for" in said[-1]["content"], said)
        a = one("json-prose", kind, schema=SCHEMA)
        check(a.status == 0 and a.report["turns"] == 2, a.stderr)
        a = one("json-never", kind, schema=SCHEMA)
        check(a.status == 1 and a.error == "output" and len(a.asked) == 2, a.document)
        check("$.title: is of type number" in a.message and 'the member "steps" is missing' in a.message, a.message)
        a = one("cut", kind)
        check(a.status == 0 and any("limit of length" in w for w in a.report["warnings"]), a.report)


def prices():
    where = lib.folder()
    path = os.path.join(where, "prices.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"prices": [
            {"provider": "anthropic", "model": "model-*", "effective_from": "2025-01-01", "version": "A", "input": 3000000,
             "output": 15000000, "cache_read": 300000, "cache_write_5m": 3750000, "cache_write_1h": 6000000},
            {"provider": "openai", "model": "model-1", "effective_from": "2025-01-01", "version": "B", "input": 1000000,
             "output": 2000000}]}, f)
    a = one("ok", "anthropic", prices=path)
    check(a.usage[0]["cost_micro_usd"] == 33 + 255 + 30 + 75 + 60 and a.usage[0]["price_version"] == "A", a.usage)
    a = one("ok", "openai", prices=path)
    check(a.usage[0]["cost_micro_usd"] is None, "30 cached tokens have no price", a.usage)
    check(any("cache_read" in w for w in a.report["warnings"]), a.report)
    a = one("529-twice", "anthropic", prices=path)
    check([r["cost_micro_usd"] for r in a.usage] == [None, None, 453], a.usage)
    with open(path, "w", encoding="utf-8") as f:
        f.write("{")
    a = one("ok", "anthropic", prices=path)
    check(a.status == 0 and a.usage[0]["cost_micro_usd"] is None and any("byte" in w for w in a.report["warnings"]), a.report)


def secrets():
    """What is secret is masked in all that is written, also where the server says it again."""
    a = one("echo-key", "anthropic")
    check("bad key ***" in a.message, a.message)
    a = one("ok", "anthropic", secrets=["Zweite Zeile"])
    check("Zweite" not in a.everything() and "***" in a.outputs["text"] and "***: 你好" in a.stdout, a.stdout)
    a = one("ok", "anthropic", prompt="the word is hunter22-and-more", secrets=["hunter22-and-more"])
    check("hunter22-and-more" not in a.everything(), a.files)
    check("hunter22-and-more" in a.asked[0]["body"], "it is asked all the same")


def stopped():
    """A question that is canceled tells what it used, and asks nobody else."""
    where = lib.folder()
    ok = standin.url("ok", "after-stop")
    p = lib.start(spec([provider("anthropic", standin.url("slow", "stop")), provider("ollama", ok)]), where)
    line = p.stdout.readline()
    check(line.decode() == "Hello, wörld.\n", line)
    p.send_signal(signal.SIGTERM)
    a = lib.finish(p, where)
    check(a.error == "canceled" and len(a.usage) == 1, a.document)
    check(counts(a.usage[0]) == (11, None, 100, 30, None) and a.usage[0]["status"] == "canceled", a.usage)
    check(not standin.requests("after-stop") and a.report["breakers"] == [], a.report)
    where = lib.folder()
    long = {"max_attempts": 3, "initial_ms": 600000, "max_ms": 600000, "jitter": False}
    p = lib.start(spec([provider("anthropic", standin.url("529", "wait"), retry=long)]), where)
    while b"asking again in 600000 ms" not in p.stderr.readline():
        pass
    p.send_signal(signal.SIGTERM)
    a = lib.finish(p, where)
    check(a.error == "canceled" and len(a.usage) == 1, "the wait is cut short", a.document)


def questions_that_are_wrong():
    ok = provider("anthropic", standin.url("ok", "wrong"))
    for document, says in (
            ({}, "providers is missing"), ({"providers": []}, "providers is missing"), (spec([ok], prompt=""), "prompt is empty"),
            (spec([{**ok, "type": "other"}]), "its type is"), (spec([{**ok, "model": ""}]), "no model is named"),
            (spec([{**ok, "url": "ftp://x"}]), "neither http"), (spec([{**ok, "key": "a\nb: c"}]), "line break"),
            (spec([{**ok, "headers": [{"name": "X", "value": "a\r\nY: b"}]}]), "line break"),
            (spec([ok], schema={"type": "thing"}), '"type" in the schema')):
        a = ask(document)
        check(a.status == 2 and a.error == "expression" and says in a.message, says, a.document)
    check(not standin.requests("wrong"), "nothing was asked")


def what_is_large():
    a = one("ok", "anthropic", prompt="é" * 400000)
    check(a.status == 0 and len(json.loads(a.asked[0]["body"])["messages"][0]["content"]) == 400000, "a large prompt")
    check(len(a.raw) < 256 * 1024, len(a.raw))


for test in (good_manners, frames_and_bytes, counts_that_are_missing, ends_that_are_missing, refusals, waiting, time_limits,
             chains, schemas, prices, secrets, stopped, questions_that_are_wrong, what_is_large):
    test()
    print(f"{test.__name__.replace('_', ' ')}: good ({lib.count} expectations until here)")
