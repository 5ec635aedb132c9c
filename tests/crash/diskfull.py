#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk is full: a home on a small tmpfs, filled to the last byte while a step runs.

Requests that change something are refused with the reason, /health/ready says it, the step goes on; when
space returns the engine goes on by itself, within ten seconds, and nothing is lost. Skipped where
no tmpfs can be mounted."""
import os
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from harness import SKIP, Gone, Home, Ledger, Refused, main, need, noting, until  # noqa: E402

MOUNT = "PAWL_CRASH_MOUNT"


def own_mount():
    """Come back in a mount namespace of our own, with a tmpfs."""
    folder = subprocess.run(["mktemp", "-d"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    script = f"mount -t tmpfs -o size=24m,mode=700 pawl {folder} && exec {sys.executable} {os.path.abspath(__file__)}"
    for unshare in (["unshare", "-m"], ["unshare", "-rm"]):
        if subprocess.run([*unshare, "sh", "-c", f"mount -t tmpfs pawl {folder}"], stderr=subprocess.DEVNULL).returncode:
            continue
        status = subprocess.run([*unshare, "sh", "-c", script], env={**os.environ, MOUNT: folder}).returncode
        os.rmdir(folder)
        return status
    os.rmdir(folder)
    print("no tmpfs can be mounted here: skipped")
    return SKIP


def fill(path):
    """Take all the space, to the last block."""
    with open(path, "ab", buffering=0) as f:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    f.write(b"\0" * size)
            except OSError:
                pass


def refusal(home, call):
    try:
        call()
    except Refused as why:
        return why
    except Gone:
        need(home.alive(), f"the engine died: {home.log()[-1500:]}")
    return None


def scenario(_rng):
    ledger = Ledger()
    folder = Path(os.environ[MOUNT])
    gate, ballast = ledger.path.with_suffix(".gate"), folder / "ballast"
    gated = (f"name: gated\nnodes:\n  wait:\n    run: |\n      echo before\n"
             f"      until [ -e {gate} ]; do sleep 0.02; done\n      echo after\n  then:\n    needs: wait\n    run: /bin/true\n")
    (folder / "home").mkdir(mode=0o700)
    with Home(folder / "home", steps=2) as home:
        home.start()
        done = home.submit(noting(ledger, {"a": []}, 0), "before")["id"]
        until(lambda: home.ended(done), "the end of the first order")
        running = home.submit(gated, "gated")["id"]
        until(lambda: home.get("/v1/engine")["steps"]["running"] == 1, "the step to run")
        fill(ballast)
        why = until(lambda: refusal(home, lambda: home.submit(noting(ledger, {"a": []}), hold=True)), "a refusal")
        need(why.status == 507 and why.body["code"] == "storage", f"a full disk is answered with {why}")
        need(why.body["message"], "no word about the cause")
        ready = until(lambda: refusal(home, lambda: home.get("/health/ready")), "not being ready")
        need(ready.status == 503, f"/health/ready: {ready}")
        need(home.get(f"/v1/orders/{done}")["state"] == "succeeded", "reading does not work on a full disk")
        gate.touch()  # the step ends now; its result cannot be committed
        time.sleep(0.3)  # let it try on the full disk: what is looked at is what comes after
        need(home.alive(), f"the engine died: {home.log()[-1500:]}")
        ballast.unlink()
        begin = time.monotonic()
        row = until(lambda: home.ended(running), "going on after space came back", 15)
        took = time.monotonic() - begin
        need(row["state"] == "succeeded", f"the step over the full disk: {row['state']}, {row['reason']}")
        need(took < 10, f"going on took {took:.1f} s")
        until(lambda: refusal(home, lambda: home.get("/health/ready")) is None, "being ready again", 10)
        again = home.submit(noting(ledger, {"a": []}, 0), "after")["id"]
        until(lambda: home.ended(again), "an order after it")
        home.kill()
        home.start()
        for order in (done, running, again):
            need(home.get(f"/v1/orders/{order}")["state"] == "succeeded", f"{order} is lost")
        home.fsck()
    gate.unlink()
    ledger.remove()
    print(f"a full disk: refused with the reason, nothing lost, going on {took:.1f} s after space came back")


if MOUNT in os.environ:
    main(scenario)
sys.exit(own_mount())
