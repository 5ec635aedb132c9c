# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of model calls share: a stand-in server, and pawl-llm asked by hand."""

import atexit
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
SRCDIR = os.environ.get("srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILDDIR = os.path.abspath(os.environ.get("PAWL_BUILD", "."))
PATIENCE = 60
TYPES = ["anthropic", "ollama", "openai"]
TEXT = "Hello, wörld.\nZweite Zeile: 你好 🙂\nThe end."
KEY = "sk-test-0123456789abcdef"
count = 0


def check(condition, *what):
    """One expectation; what it saw if it does not hold."""
    global count
    count += 1
    if not condition:
        print("does not hold:", *what, file=sys.stderr)
        raise AssertionError("see above")


class Standin:
    def __init__(self):
        path = os.path.join(SRCDIR, "tests/standin/provider.py")
        self.process = subprocess.Popen([sys.executable, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        atexit.register(self.stop)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)

    def url(self, scenario, mark=""):
        return f"http://127.0.0.1:{self.port}/{scenario}{'~' + mark if mark else ''}"

    def ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, path)
        body = connection.getresponse().read()
        connection.close()
        return body

    def requests(self, mark):
        """What came under a mark."""
        return [r for r in json.loads(self.ask("GET", "/_requests"))["requests"] if "~" + mark + "/" in r["path"]]


class Answer:
    def __init__(self, where, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout.decode(), stderr.decode()
        with open(os.path.join(where, "output"), encoding="utf-8") as f:
            self.raw = f.read()
        self.document = json.loads(self.raw)
        self.outputs = self.document.get("outputs", {})
        self.report = self.document.get("report", {})
        self.usage = self.report.get("usage", [])
        self.message = self.document.get("message", "")
        self.error = self.document.get("class")
        self.files = {}
        for name in os.listdir(os.path.join(where, "log")):
            with open(os.path.join(where, "log", name), encoding="utf-8") as f:
                self.files[name] = f.read()

    def everything(self):
        return "\n".join([self.stdout, self.stderr, self.raw, *self.files.values()])


def folder():
    path = tempfile.mkdtemp(prefix="pawl-llm-")
    os.mkdir(os.path.join(path, "log"))
    atexit.register(shutil.rmtree, path, True)
    return path


def provider(kind, url, name=None, **more):
    retry = {"max_attempts": 3, "initial_ms": 20, "factor": 2, "max_ms": 200, "jitter": False}
    return {"name": name or kind, "type": kind, "url": url, "model": "model-1", "key": KEY, "max_tokens": 100,
            "timeout_ms": 20000, "retry": retry, **more}


def spec(providers, **more):
    return {"providers": providers, "prompt": "Say hello.", **more}


def start(document, where):
    """A pawl-llm that was given its question."""
    document = {"files": os.path.join(where, "log", "3.g1.i1.a1"), **document}
    process = subprocess.Popen([os.path.join(BUILDDIR, "pawl-llm")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, "PAWL_OUTPUT": os.path.join(where, "output")})
    process.stdin.write(json.dumps(document).encode())
    process.stdin.close()
    process.stdin = None
    return process


def finish(process, where):
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return Answer(where, process.returncode, stdout, stderr)


def ask(document):
    where = folder()
    return finish(start(document, where), where)
