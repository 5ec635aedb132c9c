#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for servers of language models: it speaks Anthropic Messages, Ollama's chat and OpenAI-compatible
chat completions over real sockets, with good manners or, where a scenario says so, bad ones.

The first part of the path names the scenario, so that one server serves them all:

    http://127.0.0.1:PORT/ok/v1/messages          a good answer
    http://127.0.0.1:PORT/429-once/api/chat       refused the first time
    http://127.0.0.1:PORT/ok~abc/v1/…             "~" and a word: counted apart from other users of the scenario

GET /_requests answers what was asked until now (path, headers, body); POST /_release lets the scenario "gate" go on.

Usage: provider.py [PORT]     prints the port and serves until its input ends or it is terminated
"""

import http.server
import json
import os
import socket
import struct
import sys
import threading
import time
import email.utils

TEXT = "Hello, wörld.\nZweite Zeile: 你好 🙂\nThe end."
PIECES = ["Hel", "lo, wö", "rld.\nZwe", "ite Zeile: 你", "好 🙂\n", "The ", "end."]
REFUSED = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 409: "conflict_error", 413: "request_too_large", 429: "rate_limit_error",
    500: "api_error", 503: "api_error", 529: "overloaded_error",
}


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.counts = {}
        self.requests = []
        self.gate = threading.Event()
        self.waiting = 0


STATE = State()


# ---- the protocols: records of a stream, a whole answer, an error ----

class Anthropic:
    name = "anthropic"

    @staticmethod
    def frame(record):
        return b"event: " + record["type"].encode() + b"\ndata: " + json.dumps(record, ensure_ascii=False).encode() + b"\n\n"

    @staticmethod
    def usage(how):
        if how.get("nocounts"):
            return {}
        return {"input_tokens": 11, "output_tokens": 1, "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10}}

    @classmethod
    def start(cls, how, model):
        return [{"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": cls.usage(how)}},
            {"type": "ping"},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}]

    @staticmethod
    def piece(text):
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}

    @classmethod
    def end(cls, how, stop):
        counted = [] if how.get("nocounts") else [{"output_tokens": n} for n in how.get("cumulative", [17])]
        deltas = [{"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": u}
                  for u in counted or [{}]]
        return [{"type": "content_block_stop", "index": 0}] + deltas + [{"type": "message_stop"}]

    @classmethod
    def whole(cls, how, model, text, stop):
        usage = cls.usage(how)
        if usage:
            usage["output_tokens"] = 17
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": model,
                "content": [{"type": "text", "text": text}], "stop_reason": stop, "stop_sequence": None,
                "usage": usage}

    @staticmethod
    def error(kind, message):
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}

    stops = {"end": "end_turn", "cut": "max_tokens", "refusal": "refusal"}
    content_type = "text/event-stream; charset=utf-8"


class Ollama:
    name = "ollama"

    @staticmethod
    def frame(record):
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"

    @staticmethod
    def start(how, model):
        del how
        Ollama.model = model
        return []

    @staticmethod
    def piece(text):
        return {"model": Ollama.model, "created_at": "2025-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": text}, "done": False}

    @staticmethod
    def last(how, stop):
        counts = {} if how.get("nocounts") else {"prompt_eval_count": 11, "eval_count": 17}
        if how.get("cached"):
            del counts["prompt_eval_count"]
        return {"done": True, "done_reason": stop, "total_duration": 5, "load_duration": 1,
                "prompt_eval_duration": 1, "eval_duration": 3, **counts}

    @classmethod
    def end(cls, how, stop):
        return [{"model": Ollama.model, "created_at": "2025-01-01T00:00:00Z",
                 "message": {"role": "assistant", "content": ""}, **cls.last(how, stop)}]

    @classmethod
    def whole(cls, how, model, text, stop):
        return {"model": model, "created_at": "2025-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": text}, **cls.last(how, stop)}

    @staticmethod
    def error(kind, message):
        return {"error": f"{kind}: {message}"}

    stops = {"end": "stop", "cut": "length", "refusal": "stop"}
    content_type = "application/x-ndjson"


class OpenAI:
    name = "openai"

    @staticmethod
    def frame(record):
        if record == "[DONE]":
            return b"data: [DONE]\n\n"
        return b"data: " + json.dumps(record, ensure_ascii=False).encode() + b"\n\n"

    @staticmethod
    def chunk(choices, usage=None):
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": OpenAI.model,
                "choices": choices, "usage": usage}

    @classmethod
    def start(cls, how, model):
        del how
        OpenAI.model = model
        return [cls.chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])]

    @classmethod
    def piece(cls, text):
        return cls.chunk([{"index": 0, "delta": {"content": text}, "finish_reason": None}])

    counts = {"prompt_tokens": 41, "completion_tokens": 17, "total_tokens": 58,
              "prompt_tokens_details": {"cached_tokens": 30}}

    @classmethod
    def end(cls, how, stop):
        out = [cls.chunk([{"index": 0, "delta": {}, "finish_reason": stop}])]
        if not how.get("nocounts"):
            out.append(cls.chunk([], cls.counts))
        return out + ["[DONE]"]

    @classmethod
    def whole(cls, how, model, text, stop):
        out = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
               "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": stop}]}
        if not how.get("nocounts"):
            out["usage"] = cls.counts
        return out

    @staticmethod
    def error(kind, message):
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    stops = {"end": "stop", "cut": "length", "refusal": "content_filter"}
    content_type = "text/event-stream"


PROTOCOLS = {"/v1/messages": Anthropic, "/api/chat": Ollama, "/v1/chat/completions": OpenAI}


# ---- the scenarios ----

def refuse(status, headers=None, kind=None, message="not today", times=None):
    return {"refuse": status, "headers": headers or {}, "kind": kind, "message": message, "times": times}


SCENARIOS = {
    "ok": {},
    "bytes": {"split": 1},
    "sevens": {"split": 7},
    "halfchars": {"halfchars": True},
    "crlf": {"crlf": True},
    "noise": {"noise": True},
    "nocounts": {"nocounts": True},
    "cached": {"cached": True},
    "cumulative": {"cumulative": [5, 9, 17]},
    "cut": {"stop": "cut"},
    "refusal": {"stop": "refusal"},
    "error-mid": {"error_mid": ("overloaded_error", "Overloaded")},
    "error-mid-once": {"error_mid": ("overloaded_error", "Overloaded"), "times": 1},
    "error-mid-bad": {"error_mid": ("invalid_request_error", "no such thing")},
    "no-end": {"no_end": True},
    "no-end-once": {"no_end": True, "times": 1},
    "reset": {"reset": True},
    "reset-once": {"reset": True, "times": 1},
    "hang": {"hang": True},
    "slow": {"slow": True},
    "slow-once": {"slow": True, "times": 1},
    "stays-open": {"stays_open": True},
    "hugeline": {"hugeline": True},
    "wrongjson": {"wrongjson": True},
    "nonsense": {"body": (200, "application/json", b"{not json")},
    "html": {"body": (200, "text/html", b"<html>sign in, please</html>")},
    "gateway": {"body": (502, "text/html", b"<html>Bad Gateway</html>\n<p>more</p>")},
    "redirect": {"redirect": True},
    "echo-key": {"echo_key": True},
    "gate": {"gate": True},
    "400": refuse(400), "401": refuse(401), "402": refuse(402), "403": refuse(403), "404": refuse(404),
    "413": refuse(413), "429": refuse(429), "500": refuse(500), "503": refuse(503), "529": refuse(529),
    "409-once": refuse(409, times=1), "408-once": refuse(408, times=1),
    "429-once": refuse(429, times=1),
    "429-after-once": refuse(429, {"Retry-After": "1"}, times=1),
    "429-ms-once": refuse(429, {"retry-after-ms": "300"}, times=1),
    "429-date-once": {"refuse": 429, "headers": {}, "date_s": 2, "kind": None, "message": "not today", "times": 1},
    "429-tomorrow": refuse(429, {"Retry-After": "86400"}),
    "529-twice": refuse(529, times=2),
    "500-twice": refuse(500, times=2),
    "400-should": refuse(400, {"x-should-retry": "true"}, times=1),
    "529-should-not": refuse(529, {"x-should-retry": "false"}),
    "spend-400": refuse(400, kind="invalid_request_error", message="enforced_spend_limit_reached: raise the limit"),
    "spend-429": refuse(429, kind="rate_limit_error", message="enforced_spend_limit_reached"),
    "quota": refuse(429, kind="insufficient_quota", message="You exceeded your current quota"),
    "json": {"texts": ['{"title": "a plan", "steps": ["one", "two"]}']},
    "json-fenced": {"texts": ['Sure:\n```json\n{"title": "a plan", "steps": []}\n```\n']},
    "json-repaired": {"texts": ['{"title": 5}', '```json\n{"title": "a plan", "steps": ["one"]}\n```']},
    "json-never": {"texts": ['{"title": 5}']},
    "summary": {"texts": ['{"title": "The ratchet", "sentences": ["It turns one way."], "words": ["pawl", "catch"]}']},
    "summary-repaired": {"texts": ['{"title": "The ratchet"}', '{"title": "The ratchet", "sentences": ["It turns."], "words": ["again"]}']},
    "json-prose": {"texts": ["I would rather not.", '{"title": "a plan", "steps": []}']},
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    # -- sending --

    def plain(self, status, kind, body, headers=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("request-id", "req_1")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def send(self, how, data):
        size = how.get("split") or len(data)
        for at in range(0, len(data), size or 1):
            self.chunk(data[at:at + size])

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()

    def hang_up(self):
        self.close_connection = True
        self.wfile.flush()
        try:
            self.connection.close()
        finally:
            self.wfile = open(os.devnull, "wb")

    def until_gone(self):
        """Nothing more is sent; ends when the other side has had enough."""
        self.connection.settimeout(60)
        try:
            while self.connection.recv(4096):
                pass
        except OSError:
            pass
        self.hang_up()

    # -- one question --

    def stream(self, how, protocol, model, text, pieces):
        stop = protocol.stops[how.get("stop", "end")]
        self.send_response(200)
        self.send_header("Content-Type", protocol.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("request-id", "req_1")
        self.end_headers()
        frames = [protocol.frame(r) for r in protocol.start(how, model)]
        middle = [protocol.frame(protocol.piece(p)) for p in pieces]
        if how.get("halfchars"):
            middle = half_characters(protocol, text)
        if how.get("noise"):
            frames.insert(0, b"" if protocol is Ollama else b"\xef\xbb\xbf: hello\nretry: 10\nid: 7\n\n")
            middle.insert(1, b"\n" if protocol is Ollama else b": keep-alive\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n")
            middle.insert(2, b'{"new": {"thing": [1]}}\n' if protocol is Ollama else
                          b"event: brand_new\ndata: {\"type\": \"brand_new\",\ndata:  \"x\": [1]}\n\n")
        if how.get("hugeline"):
            middle.insert(2, (b"" if protocol is Ollama else b"data: ") + b'{"x":"' + b"y" * (9 << 20) + b'"}\n\n')
        if how.get("wrongjson"):
            middle.insert(2, (b"" if protocol is Ollama else b"data: ") + b'{"type": "content_block_delta", \n\n')
        half = len(middle) // 2
        for frame in frames + middle[:half]:
            self.send(how, frame.replace(b"\n", b"\r\n") if how.get("crlf") else frame)
        if how.get("reset"):
            self.reset()
            return
        if how.get("no_end"):
            self.chunk(b"")
            self.close_connection = True
            return
        if how.get("error_mid"):
            self.send(how, protocol.frame(protocol.error(*how["error_mid"])))
            self.chunk(b"")
            return
        if how.get("slow"):
            self.until_gone()
            return
        if how.get("gate"):
            with STATE.lock:
                STATE.waiting += 1
            STATE.gate.wait(60)
        for frame in middle[half:] + [protocol.frame(r) for r in protocol.end(how, stop)]:
            self.send(how, frame.replace(b"\n", b"\r\n") if how.get("crlf") else frame)
        if how.get("stays_open"):
            self.until_gone()
        else:
            self.chunk(b"")

    def answer(self, scenario, protocol, body, number):
        how = SCENARIOS[scenario]
        if how.get("times") is not None and number > how["times"]:
            how = {}
        model, texts = body.get("model", ""), how.get("texts")
        text = texts[min(number, len(texts)) - 1] if texts else TEXT
        pieces = [text[i:i + 5] for i in range(0, len(text), 5)] if texts else PIECES
        if how.get("refuse"):
            headers = dict(how["headers"])
            if how.get("date_s"):
                headers["Retry-After"] = email.utils.formatdate(time.time() + how["date_s"], usegmt=True)
            error = protocol.error(how["kind"] or REFUSED.get(how["refuse"], "error"), how["message"])
            self.plain(how["refuse"], "application/json", json.dumps(error).encode(), headers)
        elif how.get("echo_key"):
            key = self.headers.get("x-api-key") or self.headers.get("Authorization")
            self.plain(401, "application/json", json.dumps(protocol.error("authentication_error", f"bad key {key}")).encode())
        elif how.get("body"):
            self.plain(*how["body"])
        elif how.get("redirect"):
            self.plain(307, "text/plain", b"", {"Location": f"http://127.0.0.1:{self.server.server_port}/ok{self.call}"})
        elif how.get("hang"):
            self.until_gone()
        elif body.get("stream", protocol is Ollama):
            self.stream(how, protocol, model, text, pieces)
        else:
            whole = protocol.whole(how, model, text, protocol.stops[how.get("stop", "end")])
            self.plain(200, "application/json", json.dumps(whole, indent=1).encode())

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        if self.path == "/_release":
            STATE.gate.set()
            self.plain(200, "text/plain", b"ok")
            return
        _, name, call = (self.path.split("?")[0].split("/", 2) + ["", ""])[:3]
        self.call = "/" + call
        scenario, protocol = name.split("~")[0], PROTOCOLS.get(self.call)
        with STATE.lock:
            number = STATE.counts[self.path] = STATE.counts.get(self.path, 0) + 1
            STATE.requests.append({"path": self.path, "headers": dict(self.headers.items()),
                                   "body": raw.decode("utf-8", "replace"), "at": time.time()})
        if scenario not in SCENARIOS or not protocol:
            self.plain(404, "application/json", b'{"error": "no such scenario or call"}')
            return
        try:
            body = json.loads(raw)
        except ValueError:
            self.plain(400, "application/json", json.dumps(protocol.error("invalid_request_error", "not JSON")).encode())
            return
        wrong = complaint(protocol, body, self.headers)
        if wrong:
            self.plain(400, "application/json", json.dumps(protocol.error("invalid_request_error", wrong)).encode())
            return
        try:
            self.answer(scenario, protocol, body, number)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_GET(self):
        with STATE.lock:
            body = json.dumps({"requests": STATE.requests, "waiting": STATE.waiting}).encode()
        self.plain(200, "application/json", body)


def complaint(protocol, body, headers):
    """What a real server would refuse."""
    messages = body.get("messages")
    if not body.get("model") or not isinstance(messages, list) or not messages:
        return "model and messages are required"
    roles = {"user", "assistant"} if protocol is Anthropic else {"system", "user", "assistant"}
    if any(m.get("role") not in roles or not m.get("content") for m in messages):
        return "a message has no content, or a role that is not known"
    if headers.get("Content-Type", "").split(";")[0] != "application/json":
        return "Content-Type is not application/json"
    if protocol is Anthropic:
        if not isinstance(body.get("max_tokens"), int):
            return "max_tokens: Field required"
        if not headers.get("anthropic-version"):
            return "anthropic-version: header is required"
        if not headers.get("x-api-key") and not headers.get("Authorization", "").startswith("Bearer "):
            return "x-api-key: header is required"  # newer clients say Bearer
    return None


def half_characters(protocol, text):
    """Records that are cut within characters: the JSON of each is not UTF-8."""
    mark = "@@HERE@@"
    before, after = protocol.frame(protocol.piece(mark)).split(mark.encode())
    raw = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    pieces, at = [], 0
    while at < len(raw):
        size = 2 if raw[at:at + 1] == b"\\" else 1
        pieces.append(raw[at:at + size])
        at += size
    return [before + p + after for p in pieces]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # whoever started it goes away: so does it


if __name__ == "__main__":
    main()
