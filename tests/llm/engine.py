#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that ask language models, under a real engine: answers become outputs, kill -9 of the engine in the middle of
a stream loses and doubles nothing, keys are nowhere, failures say who refused and why."""
import json
import os
import signal
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.join(os.environ.get("srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."), "tests")
sys.path[:0] = [os.path.join(HERE, "crash"), os.path.join(HERE, "llm")]
import lib  # noqa: E402
from harness import Home, main, need, rounds, until  # noqa: E402

KEY = lib.KEY
ENV = {"STANDIN_KEY": KEY}
standin = lib.Standin()

PROVIDERS = """
providers:
  claude: {type: anthropic, url: "${{ params.url }}", model: model-1, key_env: STANDIN_KEY,
           retry: {max_attempts: 3, initial: 20ms, on: [connection, timeout, http_status]}}
  gpt: {type: openai, url: "${{ params.second }}", model: model-2, key: "${{ params.key }}", headers: {X-Team: blue}, retry: none}
  nokey: {type: openai, url: "${{ params.second }}", model: model-2, key_env: NOBODY_HAS_THIS}
  local: {type: ollama, url: "${{ params.third }}", model: model-3}
  once: {type: ollama, url: "${{ params.third }}", model: model-3, retry: none}
  named: {type: ollama, url: "${{ params.third }}", model: model-3, retry: default}
"""


def workflow(nodes):
    params = "\n".join(f"  {n}: {{default: '{standin.url('ok')}'}}" for n in ("url", "second", "third"))
    return f"name: asks\nparams:\n{params}\n  key: {{secret: true}}\n{PROVIDERS}nodes:\n{nodes}"


def finish(home, order):
    until(lambda: home.ended(order), "the order ends", 60)
    run = home.get(f"/v1/orders/{order}")["run"]
    return run, home.get(f"/v1/runs/{run}")


def submit(home, nodes, **params):
    return home.submit(workflow(nodes), params={"key": f"{KEY}-second", **params})["id"]


def ask(home, nodes, **params):
    return finish(home, submit(home, nodes, **params))


def node(home, run, name):
    return home.get(f"/v1/runs/{run}/nodes/{name}")


def logs(home, run, ending):
    return [p.read_text() for p in sorted((home.path / "runs" / run / "log").glob(f"*{ending}"))]


def reports(home):
    """All that were stored; the engine is dead."""
    with sqlite3.connect(home.path / "state.db") as db:
        return [json.loads(text) for text, in db.execute("SELECT text FROM report ORDER BY rowid")]


def no_key_anywhere(home):
    """Neither in a file of the home nor in a command line."""
    for path in home.path.rglob("*"):
        if path.is_file() and not path.is_socket():
            data = path.read_bytes()
            need(KEY.encode() + b"-second" not in data or path.name.startswith("state.db"), f"a secret parameter in {path}")
            need(data.replace(KEY.encode() + b"-second", b"").find(KEY.encode()) < 0, f"the key is in {path}")
    for pid in home.processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                need(KEY.encode() not in f.read(), f"the key is in the command line of {pid}")
        except OSError:
            pass


def prices(home):
    """What the engine's home says about costs is used, and kept with its version."""
    table = {"prices": [{"provider": "claude", "model": "model-*", "effective_from": "2025-01-01", "version": "mine",
                         "input": 3000000, "output": 15000000, "cache_read": 300000, "cache_write_5m": 3750000,
                         "cache_write_1h": 6000000}]}
    (home.path / "prices.json").write_text(json.dumps(table))
    run, _ = ask(home, "  plan: {llm: {providers: [claude], prompt: hello, stream: false}}\n")
    used = json.loads(logs(home, run, ".llm.json")[0])["usage"][0]
    need((used["cost_micro_usd"], used["price_version"]) == (453, "mine"), used)
    need(any("0.000453 USD" in text for text in logs(home, run, ".log")), "the log says what it cost")


def answers(home):
    run, row = ask(home, """
  plan: {llm: {providers: [claude], system: "Be brief.", prompt: "Say hello to ${{ run.id }}.", temperature: 0}}
  use: {needs: plan, env: {TEXT: "${{ nodes.plan.outputs.text }}"}, run: 'printf "%s" "$TEXT"'}
  shape:
    llm:
      providers: [local]
      model: other-model
      prompt: a plan
      max_tokens: 50
      schema: {type: object, required: [title], properties: {title: {type: string}}}
  title: {needs: shape, env: {T: "${{ json(nodes.shape.outputs.json).title }}"}, run: 'echo "title=$T"'}
""", third=standin.url("json-repaired", "shape"))
    need(row["state"] == "succeeded", row)
    outputs = node(home, run, "plan")["outputs"]
    need(outputs["text"] == lib.TEXT and outputs["provider"] == "claude" and outputs["model"] == "model-1", outputs)
    need(node(home, run, "shape")["outputs"]["model"] == "other-model", node(home, run, "shape"))
    every = logs(home, run, ".log")
    need(any(lib.TEXT in text for text in every), "the answer is in the log")
    need(any("title=a plan" in text for text in every), every)
    prompts = logs(home, run, ".prompt.txt")
    need(any(f"Say hello to {run}." in p and "# system\nBe brief." in p for p in prompts), prompts)
    need(len(logs(home, run, ".llm.json")) == 2, "the whole results lie beside the logs")


def chain(home):
    run, row = ask(home, "  plan: {llm: {providers: [claude, nokey, gpt, local], prompt: hello}}\n",
                   url=standin.url("529", "chain"), second=standin.url("401", "chain2"), third=standin.url("ok", "chain3"))
    need(row["state"] == "succeeded" and node(home, run, "plan")["outputs"]["provider"] == "local", row)
    need([len(standin.requests(m)) for m in ("chain", "chain2", "chain3")] == [3, 1, 1], "who was asked how often")
    header = standin.requests("chain2")[0]["headers"]
    need(header["Authorization"] == f"Bearer {KEY}-second" and header["X-Team"] == "blue", header)
    need(any("nokey: not asked: its key is missing: the engine has no variable NOBODY_HAS_THIS" in t
             for t in logs(home, run, ".log")), "why it was not asked")
    run, row = ask(home, "  plan: {llm: {providers: [claude, gpt], prompt: hello}}\n",
                   url=standin.url("429-tomorrow", "chain4"), second=standin.url("echo-key", "chain5"))
    failure = row["failure"]
    need(row["state"] == "failed" and failure["class"] == "provider", row)
    need("claude: status 429" in failure["message"] and "gpt: status 401" in failure["message"], failure)


def iterations(home):
    """What the checks found is told to the model in the next round."""
    run, row = ask(home, """
  plan:
    llm: {providers: [local], prompt: write a plan}
    verify: [{level: L1, name: aim, run: "test -f ok || { touch ok; echo plan.md:3:5: error: no aim; exit 1; }"}]
    loop: {strategy: fixed, max: 3}
""", third=standin.url("ok", "loop"))
    need(row["state"] == "succeeded", row)
    said = [json.loads(r["body"])["messages"][-1]["content"] for r in standin.requests("loop")]
    need(len(said) == 2 and said[0] == "write a plan", said)
    need(said[1].startswith("write a plan\n") and "plan.md:3:5: no aim" in said[1], said[1])


def breakers(home):
    """A provider that fails again and again is not asked any more; the next one does the work."""
    nodes = "".join(f"  n{i}: {{{f'needs: n{i - 1}, ' if i else ''}llm: {{providers: [gpt, local], prompt: hi}}}}\n"
                    for i in range(8))
    run, row = ask(home, nodes, second=standin.url("529", "weak"), third=standin.url("ok", "strong"))
    need(row["state"] == "succeeded", row)
    need(len(standin.requests("weak")) == 5 and len(standin.requests("strong")) == 8,
         f"{len(standin.requests('weak'))} and {len(standin.requests('strong'))} requests")
    need(any("gpt: not asked: its circuit breaker is open until" in t for t in logs(home, run, ".log")), "why it was not")


def retries(home):
    """What a provider does by itself, and by a policy that has a name."""
    for name, scenario, tries in (("local", "429-once", 2), ("named", "429-once", 2), ("once", "429-once", 1)):
        run, row = ask(home, f"  plan: {{llm: {{providers: [{name}], prompt: hi}}}}\n", third=standin.url(scenario, name))
        need(len(standin.requests(name)) == tries, f"{name}: {len(standin.requests(name))} requests")
        need(row["state"] == ("succeeded" if tries == 2 else "failed"), row)


def canceled(home):
    order = submit(home, "  plan: {llm: {providers: [claude], prompt: hello}}\n", url=standin.url("slow", "cancel"))
    run = until(lambda: home.get(f"/v1/orders/{order}")["run"], "the run begins")
    until(lambda: any("Hello" in t for t in logs(home, run, ".log")), "the answer begins")
    no_key_anywhere(home)
    home.call("POST", f"/v1/runs/{run}/cancel", {})
    run, row = finish(home, order)
    need(row["state"] == "canceled", row)
    need(json.loads(logs(home, run, ".llm.json")[0])["usage"][0]["input"] == 11, "what it used is known")


def engine_is_killed(rng, home):
    """The answer stops half-way until the engine was killed and started so and so often."""
    order = submit(home, "  plan: {llm: {providers: [claude], prompt: hello}}\n", url=standin.url("gate", "killed"))
    run = until(lambda: home.get(f"/v1/orders/{order}")["run"], "the run begins")
    until(lambda: json.loads(standin.ask("GET", "/_requests"))["waiting"], "the answer is half-way")
    kills = rounds(4)
    for _ in range(kills):
        home.kill()
        time.sleep(rng.random() * 0.05)  # the moment of the start, not a wait
        home.start(env=ENV)
    home.kill()
    standin.ask("POST", "/_release")
    log = home.path / "runs" / run / "log"
    until(lambda: list(log.glob("*.llm.json")), "the answer ends while no engine is there")
    home.start(env=ENV)
    run, row = finish(home, order)
    need(row["state"] == "succeeded", row)
    need(len(home.all(f"/v1/runs/{run}/nodes/plan/attempts")) == 1, "it was tried once")
    need(len(standin.requests("killed")) == 1, "it was asked once")
    need(node(home, run, "plan")["outputs"]["text"] == lib.TEXT, node(home, run, "plan"))
    used = home.get(f"/v1/usage?run={run}")
    need(used["sum"]["calls"] == 1 and (used["sum"]["input"], used["sum"]["output"]) == (11, 17), f"counted once: {used}")
    said = [line for line in logs(home, run, ".log")[0].splitlines() if line in lib.TEXT.splitlines()]
    need(said == lib.TEXT.splitlines(), f"each line is in the log once: {said}")
    return run, kills


def program_is_killed(home):
    """kill -9 of pawl-llm itself: what was known half-way is kept."""
    order = submit(home, "  plan: {llm: {providers: [gpt, claude], prompt: hello}}\n", url=standin.url("slow", "half"),
                   second=standin.url("401", "half2"))
    run = until(lambda: home.get(f"/v1/orders/{order}")["run"], "the run begins")
    until(lambda: any("Hello" in t for t in logs(home, run, ".log")), "the answer begins")
    for pid in home.processes():
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                if f.read().strip() == "pawl-llm":
                    os.kill(pid, signal.SIGKILL)
        except (OSError, ProcessLookupError):
            pass
    _, row = finish(home, order)
    need(row["state"] == "failed" and row["failure"]["class"] == "signal", row["failure"])


def worker_is_killed(home):
    """What a call uses is told while it goes on; when its worker is lost, that is what is known of it."""
    order = submit(home, "  plan: {llm: {providers: [claude], prompt: hello}}\n", url=standin.url("slow", "lost"))
    run = until(lambda: home.get(f"/v1/orders/{order}")["run"], "the run begins")
    live = until(lambda: home.get(f"/v1/runs/{run}")["live"], "what it used so far is told")
    need(live["input"] == 141 and live["output"] >= 1 and live["cost_micro_usd"] > 0, f"while it streams: {live}")
    seen = home.all(f"/v1/runs/{run}/iterations")[0]["round"]
    need(seen["tokens"] >= 142 and seen["cost_micro_usd"] > 0, f"of its iteration: {seen}")
    worker = [w for w in home.get("/v1/workers")["items"] if w["run"] == run]
    need(len(worker) == 1, worker)
    os.kill(worker[0]["pid"], signal.SIGKILL)
    lost = until(lambda: home.all(f"/v1/usage?run={run}"), "the call has a row")[0]
    need(lost["status"] == "lost" and lost["provider"] == "claude", lost)
    need((lost["input"], lost["output"]) == (live["input"], live["output"]), f"{lost} after {live}")
    until(lambda: len(standin.requests("lost")) == 2, "it is asked again")
    home.call("POST", f"/v1/runs/{run}/cancel", {})
    run, row = finish(home, order)
    need(row["state"] == "canceled" and row["live"] is None, row)
    need(sorted(u["status"] for u in home.all(f"/v1/usage?run={run}")) == ["canceled", "lost"], home.all(f"/v1/usage?run={run}"))


def rows_are_the_reports(home, stored):
    """Each try is one row of the table that sums are made of."""
    wanted = sorted((u["provider"], u["status"], u["input"], u["output"]) for r in stored for u in r.get("usage", []))
    with sqlite3.connect(home.path / "state.db") as db:
        rows = db.execute("SELECT provider, status, input, output FROM usage WHERE status <> 'lost'").fetchall()
    key = str
    need(sorted(map(key, rows)) == sorted(map(key, wanted)), f"rows: {rows}\nreports: {wanted}")


def scenario(rng):
    with Home() as home:
        home.start(env=ENV)
        answers(home)
        prices(home)
        chain(home)
        iterations(home)
        retries(home)
        canceled(home)
        program_is_killed(home)
        worker_is_killed(home)
        breakers(home)  # the last one that asks gpt
        _, kills = engine_is_killed(rng, home)
        home.fsck()
        home.kill()
        no_key_anywhere(home)
        stored = reports(home)
        rows_are_the_reports(home, stored)
        used = [[(u["provider"], u["status"], u["input"], u["output"]) for u in r.get("usage", [])] for r in stored]
        need(sum(u == [("claude", "ok", 11, 17)] for u in used) == 3, f"plan, prices, and the one that was killed: {used}")
        need([("local", "ok", 11, 17), ("local", "ok", 11, 17)] in used, f"the repair is counted, too: {used}")
        need([("claude", "canceled", 11, None)] in used, f"what was canceled: {used}")
        killed = [u for u in used if u and u[-1] == ("claude", "running", 11, None)]
        need(killed == [[("gpt", "http_status", None, None), ("claude", "running", 11, None)]], f"killed half-way: {used}")
    print(f"models were asked under an engine that was killed {kills} times in one answer; each answer is counted once")


main(scenario)
