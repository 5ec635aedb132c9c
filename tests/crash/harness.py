# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine in a home of its own that may be killed, started again and asked; for the crash tests.

The build folder is the working folder (as in `make check`), or $PAWL_BUILD_DIR."""
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = Path(os.environ.get("PAWL_BUILD_DIR") or os.getcwd()).resolve()
CRASH = BUILD / "tests/crash"
SMALL = os.environ.get("PAWL_TEST_SCALE") == "small"
SEED = int(os.environ.get("PAWL_CRASH_SEED") or random.randrange(1 << 32))
FINAL = ("succeeded", "failed", "canceled", "skipped")
SKIP = 77


class Wrong(Exception):
    """What must hold does not."""


class Gone(Exception):
    """The engine did not answer: it was killed, or refused the connection."""


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


def rounds(usual, variable="PAWL_CRASH_ROUNDS"):
    """How often a scenario is repeated: more by the variable, fewer under PAWL_TEST_SCALE=small."""
    return int(os.environ.get(variable) or (max(1, usual // 3) if SMALL else usual))


def until(condition, what, seconds=30):
    """Wait for a condition; what it returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Wrong(f"waited {seconds} s in vain for: {what}")
        time.sleep(0.01)


def need(condition, what):
    if not condition:
        raise Wrong(what)


class Api:
    """One connection to the engine's socket."""

    def __init__(self, path):
        self.rest = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        try:
            self.socket.connect(str(path))
        except OSError as e:
            raise Gone(str(e)) from e

    def call(self, method, path, body=None, key=None):
        text = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: pawl\r\nContent-Length: {len(text)}\r\n"
        if body is not None:
            head += "Content-Type: application/json\r\n"
        if key:
            head += f"Idempotency-Key: {key}\r\n"
        try:
            self.socket.sendall(head.encode() + b"\r\n" + text)
            head = self.until(lambda d: d.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in d else 0).decode()
            length = int(re.search(r"(?i)content-length: *(\d+)", head).group(1))
            data = self.until(lambda d: length if len(d) >= length else 0) if length else b"{}"
        except OSError as e:
            raise Gone(str(e)) from e
        status = int(head.split()[1])
        answer = json.loads(data)
        if status >= 300:
            raise Refused(status, answer)
        return answer

    def until(self, enough):
        while not (n := enough(self.rest)):
            more = self.socket.recv(1 << 20)
            if not more:
                raise Gone("hung up")
            self.rest += more
        found, self.rest = self.rest[:n], self.rest[n:]
        return found


class Home:
    def __init__(self, folder=None, **settings):
        self.own = folder is None
        self.path = Path(folder or tempfile.mkdtemp(prefix="pawl-crash-"))
        self.settings = {"steps": 4, "adopt": "5s", **settings}
        self.engine = self.api_ = None
        self.crash_loops = 0

    def start(self, preload=None, env=None, expect=True):
        """Start the engine and wait for what it says: "ready", or why not (then None is in .engine)."""
        read, write = os.pipe()
        environment = {**os.environ, **(env or {})}
        if preload:
            environment["LD_PRELOAD"] = str(CRASH / preload)
            environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        command = [str(BUILD / "pawld"), "--foreground", "--home", str(self.path), "--ready-fd", str(write)]
        for name, value in self.settings.items():
            command += ["--set", f"{name}={value}"]
        with open(self.path.parent / (self.path.name + ".engine-log"), "ab") as log:
            self.engine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           pass_fds=[write], env=environment, start_new_session=True)
        os.close(write)
        with os.fdopen(read) as pipe:
            said = pipe.readline().strip()
        self.api_ = None
        if said != "ready":
            self.engine.wait(60)
            self.engine = None
            if expect:
                raise Wrong(f"the engine does not start: {said or 'it died'}\n{self.log()[-2000:]}")
        return said

    def log(self):
        path = self.path.parent / (self.path.name + ".engine-log")
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self):
        if self.engine:
            self.engine.kill()
            self.engine.wait()
        self.engine = self.api_ = None

    def alive(self):
        return self.engine is not None and self.engine.poll() is None

    def call(self, method, path, body=None, key=None):
        if self.api_ is None:
            self.api_ = Api(self.path / "pawl.sock")
        try:
            return self.api_.call(method, path, body, key)
        except Gone:
            self.api_ = None
            raise

    def get(self, path):
        return self.call("GET", path)

    def all(self, path):
        """Every item of a list, page by page."""
        items, cursor = [], None
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=1000" + (f"&after={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items

    def submit(self, text, key=None, **more):
        return self.call("POST", "/v1/orders", {"workflow": text, "file": "crash.yaml", **more}, key)

    def ended(self, order):
        """The order's row when it ended. A run that was paused after crash upon crash is told to go on."""
        row = self.get(f"/v1/orders/{order}")
        if row["state"] == "running" and row["run"]:
            run = self.get(f"/v1/runs/{row['run']}")
            if run["state"] == "paused" and run["reason"] == "crash_loop":
                self.call("POST", f"/v1/runs/{row['run']}/resume", {})
                self.crash_loops += 1
        return row if row["state"] in FINAL else None

    def fsck(self):
        report = self.call("POST", "/v1/fsck", {})
        if not report["ok"]:
            bad = [f"{c['name']}: {c['problems']}" for c in report["checks"] if not c["ok"]]
            raise Wrong("fsck: " + "; ".join(bad))
        need(len(report["checks"]) > 3, f"fsck checks hardly anything: {report}")

    def processes(self):
        """Workers of this home, and what they started (each has the home in its command or environment)."""
        found, mark = [], str(self.path).encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if mark in (entry / "cmdline").read_bytes() or mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
        return [pid for pid in found if pid != os.getpid()]

    def workers(self):
        found = []
        for pid in self.processes():
            try:
                if Path(f"/proc/{pid}/comm").read_text().strip() == "pawl-worker":
                    found.append(pid)
            except OSError:
                pass
        return found

    def close(self):
        self.kill()
        for _ in range(100):
            left = self.processes()
            if not left:
                break
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)
        if self.own:
            shutil.rmtree(self.path, ignore_errors=True)
        (self.path.parent / (self.path.name + ".engine-log")).unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind and kind is not SystemExit:
            print("-- the engine said:", self.log()[-3000:], sep="\n")
        self.close()


class Ledger:
    """A file outside of the home in which each step notes that it began and ended, one line each: what
    really ran, whatever the engine thinks."""

    def __init__(self):
        fd, name = tempfile.mkstemp(prefix="pawl-ledger-")
        os.close(fd)
        self.path = Path(name)

    def lines(self):
        return [tuple(line.split()) for line in self.path.read_text().splitlines()]

    def times(self, what):
        """How often each (run, node) began or ended."""
        count = {}
        for run, node, _, word in self.lines():
            if word == what:
                count[run, node] = count.get((run, node), 0) + 1
        return count

    def remove(self):
        self.path.unlink()


def noting(ledger, nodes, seconds=0.05, **top):
    """A workflow whose nodes {name: needs} note their beginning and end in the ledger."""
    lines = ["name: crash", f"env: {{LEDGER: {ledger.path}}}"]
    lines += [f"{key}: {value}" for key, value in top.items()]
    lines.append("nodes:")
    for name, needs in nodes.items():
        lines += [f"  {name}:", f"    needs: [{', '.join(needs)}]" if needs else "    description: no needs",
                  "    run: |",
                  '      echo "$PAWL_RUN $PAWL_NODE $PAWL_ATTEMPT begin" >> "$LEDGER"',
                  f"      sleep {seconds}",
                  '      echo "$PAWL_RUN $PAWL_NODE $PAWL_ATTEMPT end" >> "$LEDGER"',
                  '      echo "done=yes" >> "$PAWL_OUTPUT"']
    return "\n".join(lines) + "\n"


def main(scenario):
    """Run a scenario with its random source; the exit status that automake wants."""
    print(f"seed {SEED} (repeat with PAWL_CRASH_SEED={SEED})", flush=True)
    try:
        scenario(random.Random(SEED))
    except Wrong as why:
        print(f"WRONG: {why}")
        sys.exit(1)
    sys.exit(0)
