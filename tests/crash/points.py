#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine is killed before its Nth call that writes, flushes, renames, opens or sends, for one N after
the other: every edge between "not on disk", "on disk", "told" is a crash once.

Each time a fresh home gets the same orders and verbs; after the crash the engine starts again, what was
answered is there, all comes to its end, each step ran once, fsck is content."""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
from harness import Gone, Home, Ledger, main, need, noting, rounds, until  # noqa: E402

GRAPH = {"a": [], "b": ["a"], "c": ["a"]}
ORDERS = {"one": {}, "two": {"hold": True}, "three": {"paused": True}}  # key: how it is submitted


def calls(state):
    with open(state, "rb") as f:
        return {word: int(n) for word, n in (line.split() for line in f.read(64).split(b"\0")[0].decode().splitlines())}


def play(home, text, answered):
    """Orders and verbs, until the engine dies or all is done; what was answered goes into `answered`."""
    for key, how in ORDERS.items():
        answered[key] = home.submit(text, key, **how)["id"]
    first, second, third = (answered[key] for key in ORDERS)
    home.call("POST", f"/v1/orders/{second}/release", {}, "release")
    answered["released"] = second
    run = until(lambda: home.get(f"/v1/orders/{third}")["run"], "the run of the third order")
    home.call("POST", f"/v1/runs/{run}/step", {}, "step")
    answered["stepped"] = run
    home.call("POST", f"/v1/runs/{run}/resume", {}, "resume")
    answered["resumed"] = run
    for order in (first, second, third):
        until(lambda o=order: home.ended(o), "the end of an order")


def crash_at(n, kinds):
    ledger = Ledger()
    text = noting(ledger, GRAPH, 0.01)
    fd, state = tempfile.mkstemp(prefix="pawl-fault-")
    os.close(fd)
    answered = {}
    try:
        with Home(steps=2, adopt="2s") as home:
            env = {"PAWL_FAULT_DIR": str(home.path), "PAWL_FAULT_CALLS": kinds, "PAWL_FAULT_AT": str(n),
                   "PAWL_FAULT_ERROR": "KILL", "PAWL_FAULT_STATE": state, "PAWL_FAULT_PROGRAM": "pawld"}
            try:
                if home.start(preload="failnth.so", env=env, expect=False) == "ready":
                    play(home, text, answered)
            except Gone:
                pass
            counted = calls(state)
            if not n or not counted["failed"]:
                return counted  # all was played; how many calls that takes differs a little
            home.kill()
            home.start()
            check(home, ledger, text, answered)
            return counted
    finally:
        ledger.remove()
        os.unlink(state)


def check(home, ledger, text, answered):
    # Sent again with its key, an order is the same one, answered or not.
    keys = {key: home.submit(text, key, **how)["id"] for key, how in ORDERS.items()}
    for key in ORDERS:
        need(keys[key] == answered.get(key, keys[key]), f"order {key} was {answered.get(key)}, now {keys[key]}")
    orders = {o["id"]: o for o in home.all("/v1/orders")}
    need(set(orders) == set(keys.values()), f"orders {sorted(orders)}, answered {answered}, repeated {keys}")
    need("released" not in answered or orders[answered["two"]]["state"] != "held", "released, and held again")
    need("resumed" not in answered or home.get(f"/v1/runs/{answered['resumed']}")["state"] != "paused",
         "resumed, and paused again")
    # So with the verbs: repeated with their keys they have their effect once.
    home.call("POST", f"/v1/orders/{keys['two']}/release", {}, "release")
    run = until(lambda: home.get(f"/v1/orders/{keys['three']}")["run"], "the run of the third order")
    home.call("POST", f"/v1/runs/{run}/step", {}, "step")
    home.call("POST", f"/v1/runs/{run}/resume", {}, "resume")
    for key, order in keys.items():
        row = until(lambda o=order: home.ended(o), f"the end of order {key}")
        need(row["state"] == "succeeded", f"order {key} {row['state']}: {row['reason']}")
    began, ended = ledger.times("begin"), ledger.times("end")
    need(len(ended) == len(keys) * len(GRAPH), f"{len(ended)} steps ended")
    for step, times in ended.items():
        need(times == 1 and began[step] == 1, f"{step} began {began[step]} and ended {times} times")
    home.fsck()


def scenario(rng):
    for kinds in ("write,fsync,open,rename,truncate,mkdir,unlink", "send"):
        total, hit = crash_at(0, kinds)["calls"], 0
        need(total > 20, f"only {total} calls were seen")
        n = min(rounds(25, "PAWL_CRASH_POINTS"), total)
        for i in range(n):  # evenly over the whole life, each part at random
            at = 1 + int((i + rng.random()) * total / n)
            try:
                hit += crash_at(at, kinds)["failed"]
            except Exception as e:
                print(f"crash before call {at} of {total} ({kinds}): {e}")
                raise
        need(hit > n * 2 // 3, f"only {hit} of {n} crashes came about")
        print(f"{hit} crashes before one of {total} calls of {kinds.split(',')[0]}…")


main(scenario)
