#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power loss: a whole life of an engine is recorded, write by write, and its home rebuilt as it may be found
on disk after the power failed at any moment of it (replay.c). On each such image an engine must start,
have all that was answered or shown, and fsck must be content.

powerloss.py                     record and replay (PAWL_CRASH_IMAGES images)
powerloss.py check IMAGE MARK    one image; for replay"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from harness import CRASH, SEED, Gone, Home, Ledger, Refused, Wrong, main, need, noting, rounds, until  # noqa: E402

GRAPH = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


class Witness:
    """Facts that an engine vouched for, in order; each is a mark in the recording."""

    def __init__(self, folder):
        self.log, self.path, self.facts = folder / "log", folder / "facts.json", []

    def saw(self, what, order, more=None):
        self.facts.append([what, order, more])
        self.path.write_text(json.dumps(self.facts))
        with open(self.log, "ab", buffering=0) as log:
            log.write(f"m {len(self.facts)}\n".encode())


def record(folder, ledger):
    witness = Witness(folder)
    witness.log.touch()
    (folder / "image").mkdir(mode=0o700)
    with Home(folder / "image", steps=2) as home:
        home.start(preload="record.so", env={"PAWL_RECORD_DIR": str(home.path),
                                             "PAWL_RECORD_LOG": str(witness.log)})
        text = noting(ledger, GRAPH, 0.005)
        orders = []
        for i in range(4):
            orders.append(home.submit(text, f"key-{i}")["id"])
            witness.saw("order", orders[-1])
        held = home.submit(text, hold=True)["id"]
        witness.saw("held", held)
        paused = home.submit(text, paused=True)["id"]
        witness.saw("order", paused)
        run = until(lambda: home.get(f"/v1/orders/{paused}")["run"], "the run of the paused order")
        home.call("POST", f"/v1/runs/{run}/cancel", {"reason": "enough"})
        witness.saw("cancel", paused)
        for order in orders:
            row = until(lambda o=order: home.ended(o), "the end of an order")
            need(row["state"] == "succeeded", f"{order}: {row['state']}")
            outputs = {n["node"]: n["outputs"] for n in home.get(f"/v1/runs/{row['run']}/nodes")["items"]}
            witness.saw("succeeded", order, outputs)
        home.call("POST", "/v1/engine/stop", {"kill": True})
        home.engine.wait(20)
        until(lambda: not home.processes(), "the end of all workers")
        home.engine = None
        verify = subprocess.run([CRASH / "replay", "--verify", home.path, witness.log],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        need(verify.returncode == 0, f"the recording misses something:\n{verify.stdout}")
        print(f"recorded: {verify.stdout.splitlines()[-1]}; {len(witness.facts)} facts")
    shutil.rmtree(folder / "image")


def check_facts(home, facts):
    for what, order, more in facts:
        row = home.get(f"/v1/orders/{order}")
        if what == "succeeded":
            need(row["state"] == "succeeded", f"{order} had succeeded, and is {row['state']}")
            nodes = {n["node"]: n["outputs"] for n in home.get(f"/v1/runs/{row['run']}/nodes")["items"]}
            need(nodes == more, f"{order} had the outputs {more}, and has {nodes}")
        elif what == "held":
            need(row["state"] == "held", f"{order} was held, and is {row['state']}")
        elif what == "cancel":
            need(row["state"] in ("canceled", "running"), f"{order} was canceled, and is {row['state']}")


def check(image, mark):
    """0 fine, 1 something is lost, 2 corrupt; what it is goes to standard error."""
    facts = json.loads((Path(image).parent / "facts.json").read_text())[:int(mark or 0)]
    try:
        with Home(image, steps=1, adopt="100ms") as home:
            home.start()
            try:
                check_facts(home, facts)
            except (Wrong, Refused) as why:
                print(f"lost: {why}", file=sys.stderr)
                return 1
            home.fsck()
    except (Wrong, Refused, Gone) as why:
        print(f"corrupt: {why}", file=sys.stderr)
        return 2
    return 0


def replay(folder, images, *options):
    return subprocess.run([CRASH / "replay", "--images", str(images), "--seed", str(SEED), *options, folder / "log",
                           folder, sys.executable, __file__, "check"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def scenario(_rng):
    folder, ledger = Path(tempfile.mkdtemp(prefix="pawl-power-")), Ledger()
    try:
        record(folder, ledger)
        done = replay(folder, rounds(60, "PAWL_CRASH_IMAGES"))
        need(done.returncode == 0, f"replay ended with {done.returncode}:\n{done.stdout[-4000:]}")
        print(done.stdout.splitlines()[-1])
        # The same on a disk that ignores flushes: if nothing is lost there, the check sees nothing.
        done = replay(folder, 10, "--flushes", "no")
        need(done.returncode in (1, 2), f"a disk that lies was not noticed:\n{done.stdout[-2000:]}")
        print("on a disk that ignores flushes:", done.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        ledger.remove()


if sys.argv[1:2] == ["check"]:
    sys.exit(check(sys.argv[2], sys.argv[3]))
main(scenario)
