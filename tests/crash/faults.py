#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the engine fails: a write, flush, open, rename, truncation or mkdir, with EIO, ENOSPC or
EMFILE, for one call after the other; then the same in the workers.

Nothing that was answered with success is lost, what was not can be repeated with its key, the engine
goes on by itself or, where it cannot, stops and says why; fsck is content. A fault of a log fails no step;
where a fault does fail a run (no workspace could be made), the run names it."""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
from harness import Gone, Home, Ledger, Refused, Wrong, main, need, noting, rounds, until  # noqa: E402

GRAPH = {"a": [], "b": ["a"], "c": ["a"]}
# What each error can befall.
FAULTS = {"EIO": "write,fsync,open,rename,truncate,mkdir,unlink", "ENOSPC": "write,fsync,open,rename,truncate,mkdir",
          "EMFILE": "open"}
WORDS = ("Input/output error", "No space left", "Too many open files")


def counted(state):
    with open(state, "rb") as f:
        head = f.read(64).split(b"\0")[0].decode()
    return {word: int(n) for word, n in (line.split() for line in head.splitlines())}


def persist(home, submit):
    """Repeat a request with its key until it is answered with success; an engine that stopped is started."""
    def attempt():
        try:
            return submit()
        except Gone:
            if not home.alive():
                need(home.engine is None or home.engine.returncode >= 0, f"the engine crashed: {home.log()[-1500:]}")
                home.kill()
                home.start()
        except Refused as why:
            need(why.status >= 500, f"a fault of the disk is not the client's: {why}")
            need(why.body.get("message"), f"no word about it: {why}")
        return None
    return until(attempt, "an answer after the fault", 15)


def play(at, error, program):
    ledger = Ledger()
    text = noting(ledger, GRAPH, 0.01)
    fd, state = tempfile.mkstemp(prefix="pawl-fault-")
    os.close(fd)
    failed = 0
    try:
        with Home(steps=2, adopt="2s") as home:
            env = {"PAWL_FAULT_DIR": str(home.path), "PAWL_FAULT_CALLS": FAULTS[error], "PAWL_FAULT_AT": str(at),
                   "PAWL_FAULT_ERROR": error, "PAWL_FAULT_STATE": state, "PAWL_FAULT_PROGRAM": program,
                   "PAWL_FAULT_SHORT": str(at % 2)}
            said = home.start(preload="failnth.so", env=env, expect=False)
            if said != "ready":
                need(said.startswith("error: "), f"the engine did not say why it does not start: {said!r}")
                home.start()
            orders = [persist(home, lambda k=key: home.submit(text, k))["id"] for key in ("one", "two")]
            for order in orders:
                row = persist(home, lambda o=order: until(lambda: home.ended(o), "the end of an order"))
                if row["state"] != "succeeded":
                    run = row["run"] and home.get(f"/v1/runs/{row['run']}")["failure"]
                    why = f"{row['reason']} {run}"
                    need(row["state"] == "failed" and any(w in why for w in WORDS), f"{order} {row['state']}: {why}")
                    failed += 1
            home.kill()
            home.start()
            need({o["id"] for o in home.all("/v1/orders")} == set(orders), "orders are lost or doubled")
            for step, times in ledger.times("end").items():
                need(times == 1, f"{step} ran {times} times")
            home.fsck()
            return counted(state), failed
    finally:
        ledger.remove()
        os.unlink(state)


def scenario(rng):
    for program, plays in (("pawld", rounds(15, "PAWL_CRASH_FAULTS")), ("pawl-worker", rounds(4, "PAWL_CRASH_FAULTS"))):
        for error in FAULTS:
            total = play(0, error, program)[0]["calls"]
            need(total > 3, f"{program}, {error}: only {total} calls were seen")
            hit = failed = 0
            plays = min(plays, total)
            for i in range(plays):
                at = 1 + int((i + rng.random()) * total / plays)
                try:
                    numbers, runs_failed = play(at, error, program)
                except (Wrong, Refused, Gone) as why:
                    raise Wrong(f"{program}, call {at} of {total} fails with {error}: {why}") from why
                hit += numbers["failed"]
                failed += runs_failed
            need(hit > plays // 2, f"only {hit} of {plays} faults came about")
            print(f"{program}: {hit} of {total} calls failed with {error}, one at a time; {failed} of {2 * hit} runs failed "
                  "and said why, nothing was lost")


main(scenario)
