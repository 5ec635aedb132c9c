#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the engine in the middle of an agent's stream, again and again: the agent goes on, it ran once,
nothing of what it printed is lost or there twice, and what it used is counted once. Then kill -9 of
pawl-agent itself: what had come before is kept, and the run says what happened."""
import json
import os
import signal
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
from harness import Home, Ledger, main, need, rounds, until  # noqa: E402

MESSAGES = 60


def stream(folder):
    """A recorded shape of `claude -p --output-format stream-json`: each message twice, as with two blocks."""
    lines = [{"type": "system", "subtype": "init", "session_id": "s-1", "model": "model-x", "tools": []}]
    for i in range(MESSAGES):
        usage = {"input_tokens": 10, "output_tokens": i, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0}
        for part in ("做", "完"):
            lines.append({"type": "assistant", "session_id": "s-1",
                          "message": {"id": f"m{i}", "model": "model-x", "usage": usage,
                                      "content": [{"type": "text", "text": f"message {i} {part}"}]}})
    spent = MESSAGES * (MESSAGES - 1) // 2
    lines.append({"type": "result", "subtype": "success", "is_error": False, "num_turns": MESSAGES, "result": "all done",
                  "session_id": "s-1", "total_cost_usd": 0.25, "duration_ms": 1, "duration_api_ms": 1,
                  "modelUsage": {"model-x": {"inputTokens": MESSAGES * 10, "outputTokens": spent, "costUSD": 0.25,
                                             "cacheReadInputTokens": MESSAGES * 100, "cacheCreationInputTokens": 0}}})
    path = folder / "stream.jsonl"
    path.write_bytes(b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines))
    return path, spent


def agent(folder, ledger, recorded):
    """Prints the stream in pieces that end anywhere, within about two seconds."""
    path = folder / "agent.py"
    path.write_text(f"""import os, sys, time
def note(word):
    with open({str(ledger.path)!r}, "a") as f:
        f.write(f"{{os.environ['PAWL_RUN']}} {{os.environ['PAWL_NODE']}} {{os.environ['PAWL_ATTEMPT']}} {{word}}\\n")
note("begin")
prompt = sys.stdin.read()
data = open({str(recorded)!r}, "rb").read()
for at in range(0, len(data), 97):
    os.write(1, data[at:at + 97])
    time.sleep(0.008)
os.write(2, prompt.encode())
note("end")
""")
    return path


def workflow(program, extra=""):
    return (f"name: helper\nnodes:\n  fix:\n{extra}    agent:\n      command: [python3, {program}]\n"
            "      adapter: claude\n      prompt: mend it\n")


def log_folder(home, run):
    return home.path / "runs" / run / "log"


def rows(home, sql):
    """Of the database of an engine that was killed: a reader would be in its way while it lives."""
    with sqlite3.connect(home.path / "state.db") as db:
        return db.execute(sql).fetchall()


def engine_is_killed(rng):
    ledger = Ledger()
    with Home() as home:
        recorded, spent = stream(home.path)
        home.start()
        order = home.submit(workflow(agent(home.path, ledger, recorded)))["id"]
        run = until(lambda: home.get(f"/v1/orders/{order}")["run"], "the run begins")
        log = log_folder(home, run)
        until(lambda: any("message 0" in p.read_text(errors="replace") for p in log.glob("*.log")), "the first message")
        kills = rounds(6)
        for _ in range(kills):
            home.kill()
            time.sleep(rng.random() * 0.1)  # the moment of the start, not a wait
            home.start()
            time.sleep(rng.random() * 0.2)  # the moment of the crash, not a wait
        home.kill()  # nobody is there when it ends: its result is told to an engine that is killed again, too
        until(lambda: ledger.times("end"), "the agent ends without an engine")
        home.start()
        home.kill()
        home.start()
        row = until(lambda: home.ended(order), "the order ends")
        need(row["state"] == "succeeded", f"the order: {row}")
        need(sorted(ledger.times("begin").values()) == [1], f"the agent began {ledger.times('begin')}")
        node = home.get(f"/v1/runs/{run}/nodes/fix")
        tries = home.all(f"/v1/runs/{run}/nodes/fix/attempts")
        need(len(tries) == 1, f"there was another attempt: {tries}")
        outputs = node["outputs"]
        need(outputs["text"] == "all done" and outputs["cost_usd"] == "0.250000", f"outputs: {outputs}")
        need(outputs["output_tokens"] == str(spent), f"outputs: {outputs}")
        stem = next(log.glob("*.agent.json")).name.removesuffix(".agent.json")
        need((log / f"{stem}.stream.jsonl").read_bytes() == recorded.read_bytes(), "the raw stream is not what was printed")
        said = [line for line in (log / f"{stem}.log").read_text().splitlines() if line.startswith("agent> ")]
        wanted = [f"agent> message {i} {part}" for i in range(MESSAGES) for part in ("做", "完")]
        need(said == wanted, f"the transcript has {len(said)} lines, not {len(wanted)}")
        kept = json.loads((log / f"{stem}.agent.json").read_text())
        need(kept["success"] and kept["complete"] and kept["stdout"].encode() == recorded.read_bytes(), "the result")
        need(kept["stderr"] == "mend it", f"the prompt that came: {kept['stderr']}")
        home.fsck()
        home.kill()
        reports = rows(home, "SELECT text FROM report")
        need(len(reports) == 1, f"{len(reports)} reports")
        used = json.loads(reports[0][0])["usage"]
        need(len(used) == 1 and used[0]["output"] == spent and used[0]["cost_micro_usd"] == 250000, f"usage: {used}")
    ledger.remove()
    print(f"the engine was killed {kills} times in one stream of {MESSAGES} messages; nothing is lost or there twice")


def keeper_is_killed(_rng):
    ledger = Ledger()
    with Home() as home:
        recorded, _ = stream(home.path)
        home.start()
        order = home.submit(workflow(agent(home.path, ledger, recorded)))["id"]
        run = until(lambda: home.get(f"/v1/orders/{order}")["run"], "the run begins")
        log = log_folder(home, run)
        spool = home.path / "spool"
        until(lambda: any(b'"output_tokens"' in p.read_bytes() for p in spool.glob("w*/*") if p.is_file() and p.suffix == ""),
              "the first report of half-way")
        for pid in home.processes():
            try:
                with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                    if f.read().strip() == "pawl-agent":
                        os.kill(pid, signal.SIGKILL)
            except (OSError, ProcessLookupError):
                pass
        row = until(lambda: home.ended(order), "the order ends")
        need(row["state"] == "failed", f"the order: {row}")
        failure = home.get(f"/v1/runs/{run}")["failure"]
        need(failure["class"] == "agent_crash" and "SIGKILL" in failure["message"], f"the failure: {failure}")
        raw = next(log.glob("*.stream.jsonl")).read_bytes()
        need(len(raw) > 0 and recorded.read_bytes().startswith(raw), "the raw stream is no beginning of what was printed")
        home.kill()
        used = [u for text, in rows(home, "SELECT text FROM report") for u in json.loads(text)["usage"]]
        need(len(used) == 1 and used[0]["input"] > 0 and used[0]["cost_micro_usd"] is None, f"usage: {used}")
    ledger.remove()
    print("what an agent had used until its keeper was killed is known")


def scenario(rng):
    engine_is_killed(rng)
    keeper_is_killed(rng)


main(scenario)
