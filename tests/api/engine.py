# SPDX-License-Identifier: GPL-3.0-or-later
"""A private engine in a temporary home, and what the API tests share. Every JSON answer is checked
against data/openapi.json. Nothing sleeps for a result: wait() asks until a condition holds."""

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
SRCDIR = os.environ.get("srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILDDIR = os.environ.get("PAWL_BUILD", ".")
PATIENCE = 60  # seconds until a condition that does not come is a failure

with open(os.path.join(SRCDIR, "data/openapi.json"), encoding="utf-8") as f:
    OPENAPI = json.load(f)

OK = "name: ok\nnodes:\n  only:\n    run: echo hello\n"
NEVER = "name: never\nnodes:\n  only:\n    run: exec sleep 1000\n"


class Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout=PATIENCE):
        super().__init__("pawl", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.json = json.loads(body) if body and headers.get("Content-Type") == "application/json" else None

    def __getitem__(self, key):
        return self.json[key]


# ---- answers against the OpenAPI document ----

def resolve(schema):
    while "$ref" in schema:
        node = OPENAPI
        for part in schema["$ref"][2:].split("/"):
            node = node[part]
        schema = node
    return schema


TYPES = {"object": dict, "array": list, "string": str, "null": type(None), "boolean": bool}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 10 ** 15
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def check(value, schema, at="$"):
    """The faults of a value under the part of JSON Schema that openapi.json uses."""
    schema = resolve(schema)
    if "anyOf" in schema:
        tries = [check(value, s, at) for s in schema["anyOf"]]
        return [] if [] in tries else min(tries, key=len)
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    if types and not any(is_type(value, t) for t in types):
        return [f"{at}: {value!r} is not {types}"]
    if value is None:
        return []
    faults = []
    if "enum" in schema and value not in schema["enum"]:
        faults.append(f"{at}: {value!r} is none of {schema['enum']}")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        faults += [f"{at}.{k}: missing" for k in schema.get("required", []) if k not in value]
        for k, v in value.items():
            rest = schema.get("additionalProperties", True)
            if k in known:
                faults += check(v, known[k], f"{at}.{k}")
            elif rest is False:
                faults.append(f"{at}.{k}: not in the document")
            elif isinstance(rest, dict):
                faults += check(v, rest, f"{at}.{k}")
    if isinstance(value, list) and "items" in schema:
        for i, v in enumerate(value):
            faults += check(v, schema["items"], f"{at}[{i}]")
    return faults


PATTERNS = [(re.compile("^" + re.sub(r"\\{\w+\\}", "[^/]+", re.escape(p)) + "$"), p) for p in OPENAPI["paths"]]


def check_reply(method, path, reply):
    path = path.split("?")[0]
    found = [p for r, p in PATTERNS if r.match(path) and method.lower() in OPENAPI["paths"][p]]
    # A fixed path goes before one with a {…}.
    found.sort(key=lambda p: p.count("{"))
    if reply.json is None or reply.status == 405:
        return
    error = OPENAPI["components"]["responses"]["Error"]
    if not found:
        spec = error
    else:
        responses = OPENAPI["paths"][found[0]][method.lower()]["responses"]
        spec = resolve(responses.get(str(reply.status), responses["default"]))
    faults = check(reply.json, spec["content"]["application/json"]["schema"])
    assert not faults, f"{method} {path}: {faults[:5]}"


# ---- the engine ----

class Engine:
    def __init__(self, *settings, home=None):
        self.home = home or tempfile.mkdtemp(prefix="pawl-api-", dir="/tmp")
        self.settings = settings
        self.socket = os.path.join(self.home, "pawl.sock")
        self.process = None
        self.start()
        atexit.register(self.remove)

    def start(self):
        ready, told = os.pipe()
        args = [os.path.join(BUILDDIR, "pawld"), "--home", self.home, "--ready-fd", str(told)]
        for s in self.settings:
            args += ["--set", s]
        log = open(os.path.join(self.home, "pawld.log"), "ab")
        self.process = subprocess.Popen(args, pass_fds=[told], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(told)
        with os.fdopen(ready) as r:
            line = r.readline()
        if line != "ready\n":
            raise RuntimeError(f"pawld: {line!r}\n{self.log()}")
        self.connection = Unix(self.socket)

    def log(self):
        with open(os.path.join(self.home, "pawld.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE) if self.process else 0

    def remove(self):
        """End it with its steps; the home goes."""
        if self.process and self.process.poll() is None:
            try:
                self.post("/v1/engine/stop", {"kill": True})
                self.process.wait(PATIENCE)
            except (OSError, http.client.HTTPException, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        if self.process and self.process.returncode not in (0, -signal.SIGKILL):
            # A sanitizer's report, say. The test itself is over, so this is its result.
            print(f"pawld ended with {self.process.returncode}:\n{self.log()}", flush=True)
            os._exit(1)
        self.process = None
        shutil.rmtree(self.home, ignore_errors=True)

    def raw(self, data, timeout=PATIENCE):
        """Send bytes, return all that comes until the end of the connection."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(self.socket)
        got = b""
        try:
            s.sendall(data)
            while True:
                part = s.recv(65536)
                if not part:
                    break
                got += part
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            s.close()
        return got

    def ask(self, method, path, body=None, headers=None, connection=None):
        c = connection or self.connection
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        try:
            c.request(method, path, data, headers or {})
            r = c.getresponse()
            reply = Reply(r.status, r.headers, r.read())
        except (OSError, http.client.HTTPException):
            c.close()
            raise
        assert reply.headers.get("Pawl-Version") or reply.status in (400, 414, 431), reply.status
        check_reply(method, path, reply)
        return reply

    def get(self, path, status=200, **k):
        r = self.ask("GET", path, **k)
        assert r.status == status, (path, r.status, r.body[:500])
        return r

    def post(self, path, body=None, status=200, **k):
        r = self.ask("POST", path, body if body is not None else {}, **k)
        assert r.status == status, (path, r.status, r.body[:500])
        return r

    def submit(self, source, status=201, **fields):
        return self.post("/v1/orders", {"workflow": source, "dir": "/tmp", **fields}, status).json

    def run_of(self, order):
        return wait(lambda: self.get(f"/v1/orders/{order}")["run"], "the order starts")

    def finish(self, order):
        """The run of an order, when it has ended."""
        run = self.run_of(order)
        wait(lambda: self.get(f"/v1/runs/{run}")["ended_at_ms"], "the run ends")
        return run

    def healthy(self):
        assert self.get("/health/live").json["status"] == "healthy"
        assert self.process.poll() is None, self.log()


def wait(condition, what):
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.01)


class Stream:
    """A stream of server-sent events."""

    def __init__(self, engine, path, headers=None):
        self.connection = Unix(engine.socket)
        self.connection.request("GET", path, headers=headers or {})
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        assert self.response.headers["Content-Type"] == "text/event-stream"

    def next(self):
        """(event, id, data) of the next event; None at the end."""
        event, number, data = "message", None, None
        while True:
            line = self.response.readline().decode()
            if not line:
                return None
            line = line.rstrip("\n")
            if not line:
                if data is not None:
                    return event, number, json.loads(data)
                continue
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "id":
                number = int(value)
            elif name == "data":
                data = value

    def until(self, event):
        seen = []
        while True:
            e = self.next()
            assert e, f"the stream ended before {event}: {seen}"
            seen.append(e)
            if e[0] == event:
                return seen

    def close(self):
        self.connection.close()


def main(scope):
    """Run the functions test_… of a module, in order."""
    for name, fn in list(scope.items()):
        if name.startswith("test_"):
            began = time.monotonic()
            fn()
            print(f"ok {name} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)
