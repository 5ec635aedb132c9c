#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the engine at random moments, with steps running and orders coming in; then of workers.

After it: no order that was answered is lost and none is there twice, no step of a killed engine was
ended or run twice, what a killed worker left was run again, nothing is left running, fsck is content."""
import os
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
from harness import Gone, Home, Ledger, Refused, main, need, noting, rounds, until  # noqa: E402

GRAPH = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


class Submitter(threading.Thread):
    """Submits orders one by one, each with a key of its own, and repeats what was not answered."""

    def __init__(self, home, text, count):
        super().__init__()
        self.home, self.text, self.count = home, text, count
        self.answered, self.fault = {}, None

    def run(self):
        try:
            from harness import Api
            for i in range(self.count):
                while True:
                    try:
                        api = Api(self.home.path / "pawl.sock")
                        order = api.call("POST", "/v1/orders", {"workflow": self.text, "file": "crash.yaml"},
                                         f"key-{i}")
                        self.answered[f"key-{i}"] = order["id"]
                        break
                    except Gone:
                        time.sleep(0.005)
        except Exception as e:  # shown by the scenario, which waits for this thread
            self.fault = e


def all_ended(home):
    return all(o["state"] in ("succeeded", "failed", "canceled", "skipped") for o in home.all("/v1/orders"))


def engine_is_killed(rng):
    ledger = Ledger()
    kills = rounds(20)
    with Home() as home:
        home.start()
        submitter = Submitter(home, noting(ledger, GRAPH, 0.03), kills * 2)
        submitter.start()
        for _ in range(kills):
            time.sleep(rng.random() * 0.15)  # the moment of the crash, not a wait
            home.kill()
            home.start()
        submitter.join(120)
        need(not submitter.is_alive() and submitter.fault is None, f"submitting failed: {submitter.fault}")
        until(lambda: all_ended(home), "the end of all orders", 60)
        orders = {o["id"]: o for o in home.all("/v1/orders")}
        need(len(orders) == submitter.count, f"{submitter.count} were submitted, {len(orders)} are there")
        need(set(submitter.answered.values()) == set(orders), "an answered order is not there")
        for order in orders.values():
            need(order["state"] == "succeeded", f"{order['id']} {order['state']}: {order['reason']}")
        began, ended = ledger.times("begin"), ledger.times("end")
        need(len(ended) == len(orders) * len(GRAPH), f"{len(ended)} steps ended")
        for step in ended:
            need(began[step] == 1 and ended[step] == 1,
                 f"{step} began {began[step]} and ended {ended[step]} times though only the engine was killed")
        home.fsck()
    ledger.remove()
    print(f"{kills} kills of the engine, {len(orders)} orders, {len(ended)} steps: none lost, none run twice")


def worker_is_killed(rng):
    ledger = Ledger()
    kills = rounds(9)
    with Home() as home:
        home.start()
        text = noting(ledger, GRAPH, 0.1)
        orders = [home.submit(text)["id"] for _ in range(4)]
        killed = 0
        while killed < kills:
            time.sleep(rng.random() * 0.1)  # the moment of the crash
            workers = [w["pid"] for w in home.get("/v1/workers")["items"] if w["run"]]
            if not workers:
                orders.append(home.submit(text)["id"])
                until(lambda: any(w["run"] for w in home.get("/v1/workers")["items"]), "a running step")
                continue
            try:
                os.kill(rng.choice(workers), signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
            if killed % 4 == 3:
                home.kill()
                home.start()
        for order in orders:
            row = until(lambda o=order: home.ended(o), f"the end of {order}")
            need(row["state"] == "succeeded", f"{order} {row['state']}: {row['reason']}")
        interrupted = 0
        began = ledger.times("begin")
        for run in home.all("/v1/runs"):
            for node in GRAPH:
                attempts = home.get(f"/v1/runs/{run['id']}/nodes/{node}/attempts")["items"]
                interrupted += sum(a["state"] == "interrupted" for a in attempts)
                need(sum(a["state"] == "succeeded" for a in attempts) == 1, f"{run['id']}/{node}: {attempts}")
                need(began.get((run["id"], node), 0) <= len(attempts),
                     f"{run['id']}/{node} began {began[run['id'], node]} times in {len(attempts)} attempts")
        need(interrupted > 0, "no kill of a worker interrupted anything")
        home.fsck()
        home.call("POST", "/v1/engine/stop", {"kill": True})
        home.engine.wait(20)
        until(lambda: not home.processes(), "all processes of the home to be gone", 10)
    ledger.remove()
    print(f"{killed} kills of workers: {interrupted} attempts interrupted, each run again and only then; "
          f"{home.crash_loops} pauses for crash upon crash")


def scenario(rng):
    engine_is_killed(rng)
    worker_is_killed(rng)


main(scenario)
