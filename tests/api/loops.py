#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Iterations, reports, approvals, usage and breakers."""

import json
import os
import re

import engine
from engine import Engine, wait

e = Engine("steps=2", "grace=1s")

LOOP = ("name: loop\nnodes:\n  fix:\n    run: |\n      n=$(cat count 2>/dev/null || echo 0); n=$((n + 1)); echo $n > count\n"
        "      printf '%s\\n' \"${PAWL_FEEDBACK:-none}\"\n    verify:\n"
        "      - {level: L0, name: there, files: [count]}\n"
        "      - {name: enough, run: 'test \"$(cat count)\" -ge 3 || { echo \"t.c:3:1: error: only $(cat count)\"; exit 1; }'}\n"
        "      - {level: L3, name: last, run: 'true'}\n"
        "    loop: {strategy: fixed, max: MAX}\n")

AGENT = ("name: agent\nnodes:\n  ask:\n    agent: {command: PROGRAM, adapter: claude, prompt: hello}\n")

ASK = "name: ask\nnodes:\n  a: {run: 'true'}\n  ok: {needs: a, approval: {ask: go on?, roles: [lead]}}\n  b: {needs: ok, run: 'true'}\n"


def test_iterations_and_reports():
    run = e.finish(e.submit(LOOP.replace("MAX", "5"))["id"])
    items = e.get(f"/v1/runs/{run}/nodes/fix/iterations")["items"]
    assert [(i["iteration"], i["state"], i["problems"]) for i in items] == [(1, "rejected", 1), (2, "rejected", 1), (3, "passed", 0)], items
    assert [i["decision"]["action"] for i in items] == ["continue", "continue", "stop"]
    assert items[2]["decision"]["final"] == "passed" and items[0]["feedback"] is None
    assert "t.c:3:1: error" in items[1]["feedback"] and items[0]["class"], items[1]
    first = items[0]["verify"]
    assert [x["state"] for x in first["levels"]][:2] == ["passed", "failed"] and os.path.exists(first["report"])
    assert os.path.exists(items[0]["work"]["log"]) and items[0]["work"]["result"] is None
    page = e.get(f"/v1/runs/{run}/nodes/fix/iterations?limit=2")
    rest = e.get(f"/v1/runs/{run}/nodes/fix/iterations?limit=2&after={page['next']}")
    assert [i["iteration"] for i in page["items"] + rest["items"]] == [1, 2, 3] and rest["next"] is None
    r = e.get(f"/v1/runs/{run}/nodes/fix/report").json
    assert r["iteration"] == 3 and r["phase"] == "verify" and r["report"]["passed"] is True
    r = e.get(f"/v1/runs/{run}/nodes/fix/report?iteration=1").json
    d = r["report"]["diagnostics"][0]
    assert (d["file"], d["line"], d["column"]) == ("t.c", 3, 1), d
    assert e.get(f"/v1/runs/{run}/nodes/fix/report?token={first['token']}")["iteration"] == 1
    e.get(f"/v1/runs/{run}/nodes/fix/report?token={items[0]['work']['token']}", 404)
    e.get(f"/v1/runs/{run}/nodes/fix/report?token=999999", 404)
    told = [x["type"] for x in e.get(f"/v1/events?run={run}&type=iteration.&limit=100")["items"]]
    assert told.count("iteration.started") == 3 and told.count("iteration.decided") == 3, told
    # The list over all nodes of the run has one row for each.
    rows = [x for x in e.get(f"/v1/runs/{run}/iterations")["items"] if x["node"] == "fix"]
    assert [x["iteration"] for x in rows] == [3, 2, 1], rows
    # Looking at what was made is an attempt, but no try of the work.
    node = e.get(f"/v1/runs/{run}/nodes/fix").json
    assert (node["attempts"], node["tries"], node["max_attempts"]) == (2, 1, 1), node
    assert [(x["attempts"], x["tries"]) for x in rows] == [(2, 1)] * 3, rows


def test_each_iteration_is_a_file():
    """What its row says, while it goes on and when it has ended, also when the engine could not write it any more."""
    def kept(item):
        path = f"{e.home}/runs/{run}/log/0.g{item['generation']}.i{item['iteration']}.iteration.json"
        with open(path, encoding="utf-8") as f:
            return path, json.load(f)

    def items(run):
        return e.get(f"/v1/runs/{run}/nodes/fix/iterations")["items"]

    def all_kept(run):
        try:
            return all(kept(i)[1] == i for i in items(run))
        except FileNotFoundError:
            return False

    run = e.submit(LOOP.replace("MAX", "5").replace("n=$(cat", f"while [ ! -e {e.home}/go ]; do sleep 0.01; done; n=$(cat", 1))["id"]
    run = wait(lambda: e.get(f"/v1/orders/{run}")["run"], "it begins")
    first = wait(lambda: items(run), "the iteration begins")[0]
    wait(lambda: os.path.exists(f"{e.home}/runs/{run}/log/0.g1.i1.iteration.json"), "its file is there while it works")
    begun = kept(first)[1]
    assert (begun["iteration"], begun["state"], begun["ended_at_ms"]) == (1, "building", None), begun
    open(f"{e.home}/go", "w").close()
    wait(lambda: e.get(f"/v1/runs/{run}")["state"] == "succeeded", "it ends")
    wait(lambda: all_kept(run), "all three have their files")
    path, last = kept(items(run)[2])
    assert last["passed"] is True and os.path.exists(last["verify"]["report"]), last
    os.unlink(path)
    e.process.kill()
    e.process.wait()
    e.start()
    wait(lambda: all_kept(run), "the next engine writes what the last one could not")


def test_the_tries_of_checked_work_are_counted():
    source = ("name: tries\nnodes:\n  fix:\n    run: |\n      echo x >> count; test $(wc -l < count) -ge 2\n"
              "    retry: {max_attempts: 3, initial: 1ms}\n    verify: [{name: fine, run: 'true'}]\n")
    run = e.finish(e.submit(source)["id"])
    node = e.get(f"/v1/runs/{run}/nodes/fix").json
    assert (node["state"], node["attempts"], node["tries"]) == ("succeeded", 3, 2), node
    items = e.get(f"/v1/runs/{run}/nodes/fix/attempts")["items"]
    assert [(x["attempt"], x["tries"]) for x in items] == [(3, 2), (2, 2), (1, 1)], items


def test_a_failure_says_where_to_look():
    run = e.finish(e.submit(LOOP.replace("MAX", "2"))["id"])
    node = e.get(f"/v1/runs/{run}/nodes/fix").json
    f = node["failure"]
    assert "no iteration is left after 2" in node["reason"], node["reason"]
    assert f["iteration"] == 2 and f["class"] != "none" and os.path.exists(f["files"]["report"]), f
    assert [x["decision"] for x in f["trail"]] == ["continue", "stop"], f["trail"]
    assert f["diagnostics"][0]["file"] == "t.c", f


def metrics():
    """The exposition format, strictly: HELP and TYPE first, each series once, the series of a name together."""
    r = e.ask("GET", "/metrics")
    assert r.status == 200 and r.headers["Content-Type"].startswith("text/plain; version=0.0.4"), r.headers
    found, name, done = {}, None, set()
    for line in r.body.decode().splitlines():
        if line.startswith("# HELP "):
            assert name not in done
            done.add(name)
            name = line.split()[2]
            assert name not in done, name
        elif line.startswith("# TYPE "):
            assert line.split()[2] == name and line.split()[3] in ("gauge", "counter"), line
        else:
            series = re.fullmatch(r'((\w+)(?:\{\w+="(?:[^"\\\n]|\\["\\n])*"(?:,\w+="(?:[^"\\\n]|\\["\\n])*")*\})?) ([0-9.]+)', line)
            assert series and series[2] == name and series[1] not in found, line
            found[series[1]] = float(series[3])
    return found


def test_usage_and_breakers():
    program = os.path.join(e.home, "claude")
    with open(program, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\ncat >/dev/null\necho '{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"hi\","
                "\"session_id\":\"s1\",\"total_cost_usd\":0.25,\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}'\n")
    os.chmod(program, 0o755)
    run = e.finish(e.submit(AGENT.replace("PROGRAM", program))["id"])
    u = e.get(f"/v1/usage?run={run}").json
    assert u["sum"]["calls"] == len(u["items"]) == 1 and u["sum"]["total"] == 15, u
    i = e.get(f"/v1/runs/{run}/nodes/ask/iterations")["items"][0]
    assert i["usage"]["total"] == u["sum"]["total"] and i["work"]["session_id"] == "s1" and os.path.exists(i["work"]["result"]), i
    assert e.get("/v1/usage")["items"][0]["token"] == u["items"][0]["token"]
    m = metrics()
    model = u["items"][0]["model"]
    of = {(k, x) for k, x in m.items() if f'model="{model}"' in k}
    value = {k.split("{")[0] + (k.split('kind="')[1].split('"')[0] if "kind=" in k else ""): x for k, x in of}
    assert value["pawl_llm_calls_total"] == 1 and value["pawl_llm_cost_usd_total"] == 0.25, of
    assert value["pawl_llm_tokens_totalinput"] == 10 and value["pawl_llm_tokens_totaloutput"] == 5, of
    assert m['pawl_runs{state="succeeded"}'] >= 1 and m["pawl_circuit_breakers_open"] == 0, m
    e.post("/v1/breakers/agent:claude", {"force": "open"}, 400)
    e.post("/v1/breakers/agent:claude", {"force": "ajar", "reason": "x"}, 400)
    e.post("/v1/breakers/nothing", {"force": "open", "reason": "x"}, 404)
    b = e.post("/v1/breakers/agent:claude", {"force": "open", "reason": "billing"}).json
    assert metrics()["pawl_circuit_breakers_open"] == 1
    assert b["state"] == "forced_open" and b["reason"] == "billing", b
    order = e.submit(AGENT.replace("PROGRAM", program))["id"]
    run = e.run_of(order)
    wait(lambda: "breaker of agent:claude" in (e.get(f"/v1/runs/{run}/nodes/ask")["reason"] or ""), "it is held")
    assert e.get("/v1/breakers")["items"][0]["waiting"] == 1
    e.post("/v1/breakers/agent:claude", {"force": "auto"})
    assert e.finish(order) == run


def test_approvals():
    order = e.submit(ASK)["id"]
    run = e.run_of(order)
    wait(lambda: e.get(f"/v1/approvals?run={run}")["items"], "it asks")
    assert e.get(f"/v1/runs/{run}")["state"] == "waiting"
    a = e.get(f"/v1/runs/{run}/nodes/ok")["approval"]
    assert a["question"] == "go on?" and a["roles"] == ["lead"] and a["state"] == "open", a
    e.post(f"/v1/runs/{run}/nodes/ok/decide", {"choice": "maybe"}, 400)
    e.post(f"/v1/runs/{run}/nodes/ok/decide", {"choice": "continue"}, 403)
    e.post(f"/v1/runs/{run}/nodes/a/decide", {"choice": "continue"}, 409)
    e.post(f"/v1/runs/{run}/nodes/ok/decide", {"choice": "continue", "role": "lead", "reason": "fine"})
    assert e.finish(order) == run
    assert e.get(f"/v1/approvals?run={run}")["items"] == []
    done = e.get(f"/v1/approvals?run={run}&all=1")["items"]
    assert done[0]["choice"] == "continue" and done[0]["role"] == "lead" and done[0]["reason"] == "fine", done
    assert e.post("/v1/fsck")["ok"]


engine.main(globals())
