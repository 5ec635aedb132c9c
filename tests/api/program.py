#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine program: settings, who may start it and where, its socket, and how it leaves."""

import http.client
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import engine
from engine import Engine, NEVER, Unix, wait

PAWLD = os.path.join(engine.BUILDDIR, "pawld")


def fails(*args, status=2):
    # To a file: a worker that was begun holds the descriptor for a while.
    with tempfile.TemporaryFile("w+") as said:
        r = subprocess.run([PAWLD, *args], stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=engine.PATIENCE)
        said.seek(0)
        text = said.read()
    assert r.returncode == status, (args, r.returncode, text)
    return text


def test_options():
    assert "pawld" in subprocess.run([PAWLD, "--version"], capture_output=True, text=True, check=True).stdout
    assert "--home" in subprocess.run([PAWLD, "--help"], capture_output=True, text=True, check=True).stdout
    text = subprocess.run([PAWLD, "--help-config"], capture_output=True, text=True, check=True).stdout
    for key in ("steps", "runs", "queue_max", "workers_min", "workers_max", "worker_idle", "grace", "adopt", "log_head", "log_tail",
                "timeout", "redact_tokens", "unsafe_network_fs"):
        assert f"\n# {key} = " in text, key
    fails("--no-such-option")
    fails("argument")
    fails("--ready-fd", "99")


def test_settings():
    home = tempfile.mkdtemp(prefix="pawl-api-", dir="/tmp")
    conf = os.path.join(home, "pawl.conf")
    for text, message in (("steps = many", "whole number"), ("steps = 0", "allowed are 1 to"), ("stps = 3", "did you mean steps"),
                          ("steps", "key = value"), ("grace = soon", "a time"), ("redact_tokens = maybe", "yes or no"),
                          ("log_head = 5X", "bytes"), ("workers_min = 5\nworkers_max = 2", "workers_max")):
        with open(conf, "w", encoding="utf-8") as f:
            f.write("# comment\n\n" + text + "\n")
        said = fails("--home", home)
        assert message in said, (text, said)
        assert f"{conf}:3:" in said or "workers" in text, said
    os.unlink(conf)
    assert "--set: steps: 99999: allowed are 1 to" in fails("--home", home, "--set", "steps=99999")
    with open(conf, "w", encoding="utf-8") as f:
        f.write("steps = 3 # three\nruns=7\nlog_head = 1M\ntimeout = 5m\n")
    e = Engine("runs=9", home=home)
    r = e.get("/v1/engine").json
    assert r["steps"]["limit"] == 3 and r["runs"]["limit"] == 9
    e.remove()


def test_a_second_engine_is_refused():
    e = Engine()
    said = fails("--home", e.home, status=5)
    assert str(e.process.pid) in said and "another engine" in said
    ready, told = os.pipe()
    subprocess.run([PAWLD, "--home", e.home, "--ready-fd", str(told)], pass_fds=[told], stderr=subprocess.DEVNULL)
    os.close(told)
    with os.fdopen(ready) as r:
        line = r.read()
    assert line.startswith("error: ") and line.count("\n") == 1, line
    e.healthy()


def test_the_socket():
    e = Engine()
    mode = os.stat(e.socket)
    assert stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o600
    e.stop(signal.SIGKILL)
    assert os.path.exists(e.socket)  # a left-over
    e.start()
    e.healthy()
    assert e.stop() == 0
    assert not os.path.exists(e.socket)
    with open(e.socket, "w", encoding="utf-8") as f:
        f.write("in the way")
    assert "in the way" in fails("--home", e.home, status=5)
    os.unlink(e.socket)
    deep = os.path.join(e.home, "d" * 120)
    os.mkdir(deep, 0o700)
    assert "too long" in fails("--home", deep)
    e.start()
    e.healthy()


def test_other_users_are_refused():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        print("skipped: needs root and setpriv")
        return
    e = Engine()
    os.chmod(e.home, 0o711)
    os.chmod(e.socket, 0o666)
    ask = ("import http.client, socket, sys\n"
           "c = http.client.HTTPConnection('x'); c.sock = socket.socket(socket.AF_UNIX); c.sock.connect(sys.argv[1])\n"
           "c.request('GET', sys.argv[2]); r = c.getresponse(); print(r.status, r.read().decode())\n")
    for path, status in (("/health/live", "200"), ("/v1/runs", "403"), ("/v1/engine", "403"), ("/health", "403")):
        r = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", ask, e.socket, path],
                           capture_output=True, text=True, timeout=engine.PATIENCE)
        assert r.stdout.startswith(status), (path, r.stdout, r.stderr)


def test_steps_outlive_a_stop():
    e = Engine()
    run = e.run_of(e.submit(NEVER)["id"])
    wait(lambda: e.get(f"/v1/runs/{run}")["current"], "it runs")
    attempt = e.get(f"/v1/runs/{run}/nodes/only/attempts")["items"][0]["token"]
    assert e.post("/v1/engine/stop")["stopping"]
    assert e.process.wait(engine.PATIENCE) == 0
    e.start()
    again = wait(lambda: [w for w in e.get("/v1/workers")["items"] if w["run"] == run], "the worker comes back")
    assert [w["adopted"] for w in again] == [True], again
    assert e.get(f"/v1/runs/{run}/nodes/only/attempts")["items"][0]["token"] == attempt
    assert e.post("/v1/engine/stop", {"kill": True})["stopping"]
    assert e.process.wait(engine.PATIENCE) == 0


def test_leaving_answers_what_was_asked():
    e = Engine()
    c = Unix(e.socket)
    c.request("POST", "/v1/engine/stop", b"{}")
    r = c.getresponse()
    assert r.status == 200 and b"stopping" in r.read()
    assert e.process.wait(engine.PATIENCE) == 0
    try:
        Unix(e.socket).request("GET", "/health/live")
        raise AssertionError("it answers after its end")
    except (OSError, http.client.HTTPException):
        pass


engine.main(globals())
