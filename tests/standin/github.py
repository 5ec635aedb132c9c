#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for GitHub's REST API: repositories and pull requests, over real sockets, with good manners or, where a
scenario says so, bad ones. The first part of the path names the scenario, and a word behind "~" whose state it is:

    http://127.0.0.1:PORT/ok~abc/repos/OWNER/NAME/pulls

GET /_state/WORD answers what was asked and which pull requests there are. Only the token "ghp-of-a-test" is good.

Usage: github.py [PORT]     prints the port and serves until its input ends or it is terminated
"""

import http.server
import json
import os
import socket
import struct
import sys
import threading
import time
import urllib.parse

TOKEN = "ghp-of-a-test"
LOCK = threading.Lock()
STATE = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=None, kind="application/json; charset=utf-8"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def refused(self, scenario, times, method):
        """What a scenario does instead of an answer; true when it did."""
        if scenario == "429-once" and times == 1:
            self.answer(429, {"message": "slow down"}, {"Retry-After": "1"})
        elif scenario == "500-once" and times == 1:
            self.answer(500, {"message": "oops"})
        elif scenario == "limited-once" and times == 1:
            self.answer(403, {"message": "API rate limit exceeded"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 1)})
        elif scenario == "limited":
            self.answer(403, {"message": "API rate limit exceeded"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 3000)})
        elif scenario == "500":
            self.answer(500, {"message": "oops"})
        elif scenario == "reset":
            self.reset()
        elif scenario == "moved":
            self.answer(301, {"message": "Moved Permanently"}, {"Location": "https://example.invalid/"})
        elif scenario == "gone":
            self.answer(404, {"message": "Not Found"})
        elif scenario == "html":
            self.answer(200, b"<html>sign in, please</html>", kind="text/html")
        elif scenario == "huge":
            self.answer(200, b'["' + b"x" * (8 << 20) + b'"]')
        elif scenario == "wrong":
            self.answer(200, {"items": 5} if method == "GET" else [])
        elif scenario == "echo":
            self.answer(401, {"message": f"Bad credentials \x1b[31m{self.headers.get('Authorization')}"})
        elif scenario == "empty":
            self.answer(422, {"message": "Validation Failed", "errors": [{"message": "No commits between main and topic"}]})
        else:
            return False
        return True

    def go(self, method):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        _, name, *rest = url.path.split("/")
        if name == "_state":
            self.answer(200, STATE.get(rest[0], {"requests": [], "pulls": []}))
            return
        scenario, _, word = name.partition("~")
        query = dict(urllib.parse.parse_qsl(url.query))
        with LOCK:
            mine = STATE.setdefault(word, {"requests": [], "pulls": [], "times": {}})
            mine["requests"].append({"method": method, "path": "/" + "/".join(rest), "query": query, "headers": dict(self.headers),
                                     "body": json.loads(body) if body else None})
            mine["times"][method] = mine["times"].get(method, 0) + 1
            self.serve(scenario, mine, method, rest, query, json.loads(body) if body else None)

    def serve(self, scenario, mine, method, rest, query, body):
        pulls, times = mine["pulls"], mine["times"][method]
        if self.refused(scenario, times, method):
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"message": "Bad credentials"})
        elif rest[:1] != ["repos"] or len(rest) < 3 or not self.headers.get("User-Agent"):
            self.answer(404, {"message": "Not Found"})
        elif method == "GET" and len(rest) == 3:
            self.answer(200, {"full_name": "/".join(rest[1:]), "default_branch": "main"})
        elif method == "GET":
            hidden = scenario == "race" and times == 1
            found = [p for p in pulls if f"{rest[1]}:{p['head']['ref']}" == query.get("head") and p["base"]["ref"] == query.get("base")]
            self.answer(200, [] if hidden else found)
        else:
            if scenario == "race" and not pulls:
                pulls.append(self.pull(rest, 1, body))
            if any(p["head"]["ref"] == body["head"] for p in pulls):
                self.answer(422, {"message": "Validation Failed", "errors": [{"message": f"A pull request already exists for {rest[1]}:{body['head']}."}]})
                return
            pulls.append(self.pull(rest, len(pulls) + 1, body))
            if scenario == "lost" and times == 1:
                self.reset()
            else:
                self.answer(201, pulls[-1])

    @staticmethod
    def pull(rest, number, body):
        return {"number": number, "html_url": f"https://github.example/{rest[1]}/{rest[2]}/pull/{number}", "state": "open", "title": body["title"],
                "body": body.get("body"), "draft": body.get("draft", False), "head": {"ref": body["head"]}, "base": {"ref": body["base"]}}

    def do_GET(self):
        self.go("GET")

    def do_POST(self):
        self.go("POST")


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    while os.read(0, 4096):
        pass


main()
