#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second engine on one home is refused at once, with the process that has it; also when that one is
stopped and cannot answer. After its kill -9 the home is free."""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
from harness import Home, main, need  # noqa: E402


def refused(home, pid):
    second = Home(home.path)
    second.own = False
    begin = time.monotonic()
    said = second.start(expect=False)
    took = time.monotonic() - begin
    need(said.startswith("error: "), f"a second engine: {said!r}")
    need(str(pid) in said, f"the process {pid} that has the home is not named: {said}")
    need(took < 5, f"the refusal took {took:.1f} s")


def scenario(_rng):
    with Home() as home:
        home.start()
        pid = home.engine.pid
        refused(home, pid)
        os.kill(pid, signal.SIGSTOP)
        try:
            refused(home, pid)
        finally:
            os.kill(pid, signal.SIGCONT)
        need(home.get("/v1/engine")["pid"] == pid, "the first engine suffered")
        home.kill()
        home.start()
        need(home.get("/v1/engine")["pid"] == home.engine.pid, "the home is not free after kill -9")
    print("a second engine is refused, and names the first")


main(scenario)
