#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wall clock jumps, by 400 days forth and back, while a step runs, a retry waits and a time-out
counts; once over a crash of the engine, too. No waiting grows or is forgotten, nothing comes twice, no
duration is below zero."""
import os
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
from harness import Home, main, need, until  # noqa: E402

FLOW = """\
name: clock
nodes:
  flaky:
    run: |
      echo x >> "{count}"
      [ "$(wc -l < "{count}")" -ge 3 ]
    retry: {{max_attempts: 4, initial: 400ms, factor: 1, jitter: false, on: [exit]}}
  slow:
    run: sleep 60
    timeout: 1500ms
    critical: false
  after:
    needs: flaky
    run: sleep 0.3
"""
DAYS = 86400


def numbers(row, where=""):
    for name, value in row.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{where}{name}.")
        elif name.endswith("_ms") and isinstance(value, (int, float)):
            yield f"{where}{name}", value


def played(jumps, crash):
    fd, count = tempfile.mkstemp(prefix="pawl-count-")
    os.close(fd)
    file = Path(count + ".clock")
    file.write_text("0")
    env = {"PAWL_CLOCK_FILE": str(file)}
    with Home() as home:
        home.start(preload="clockshift.so", env=env)
        begin = time.monotonic()
        order = home.submit(FLOW.format(count=count))["id"]
        run = until(lambda: home.get(f"/v1/orders/{order}")["run"], "the run")
        for jump in jumps:
            until(lambda: any(n["state"] in ("running", "retrying") for n in home.get(f"/v1/runs/{run}/nodes")["items"]),
                  "something that waits or runs")
            file.write_text(str(jump * DAYS))
            time.sleep(0.15)  # let the clock be seen where it is
        if crash:
            home.kill()
            file.write_text("0")
            home.start(preload="clockshift.so", env=env)
        row = until(lambda: home.ended(order), "the end", 20)
        took = time.monotonic() - begin
        need(row["state"] == "succeeded", f"{row['state']}: {row['reason']}")
        need(took < 15, f"it took {took:.1f} s")
        need(len(Path(count).read_text().split()) == 3, "the retries were forgotten, or came twice")
        for node in home.get(f"/v1/runs/{run}/nodes")["items"]:
            for attempt in home.get(f"/v1/runs/{run}/nodes/{node['node']}/attempts")["items"]:
                for name, value in numbers(attempt):
                    need(value >= 0, f"{node['node']}: {name} is {value}")
                if node["node"] == "slow":
                    need(attempt["state"] == "timed_out", f"slow: {attempt['state']}")
        home.fsck()
    os.unlink(count)
    file.unlink()


def scenario(_rng):
    played([400], False)
    played([-400], False)
    played([400, -400, 0], False)
    played([400], True)
    played([-400], True)
    print("jumps of the wall clock change no waiting, and no duration goes below zero")


main(scenario)
