#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steering a run by its nodes: skip and mark."""

import json
import os
import pty

import engine
from engine import Engine, wait

e = Engine("steps=2", "grace=1s")

FAILS = ("name: fails\nnodes:\n  a: {run: 'echo v=1 >> $PAWL_OUTPUT'}\n  b: {needs: a, run: exit 3}\n"
         "  c: {needs: b, env: {V: '${{ nodes.b.outputs.v }}'}, run: 'echo \"c has $V\"'}\n")


def state(run, wanted):
    return wait(lambda: (lambda r: r if r["state"] == wanted else None)(e.get(f"/v1/runs/{run}").json),
                f"the run is {wanted}")


def test_skip_and_mark():
    run = e.finish(e.submit(FAILS)["id"])
    e.post(f"/v1/runs/{run}/nodes/b/mark", {}, 400)
    e.post(f"/v1/runs/{run}/nodes/b/mark", {"reason": ""}, 400)
    e.post(f"/v1/runs/{run}/nodes/zzz/mark", {"reason": "x"}, 404)
    e.post(f"/v1/runs/{run}/nodes/b/mark", {"reason": "x", "outputs": {"v": 1}}, 400)
    e.post(f"/v1/runs/{run}/nodes/b/mark", {"reason": "x", "outputs": ["v"]}, 400)
    e.post(f"/v1/runs/{run}/nodes/b/skip", {"reason": "x", "outputs": {}}, 400)
    r = e.post(f"/v1/runs/{run}/nodes/a/skip", {"reason": "x"}, 409).json
    assert "succeeded already" in r["message"]
    r = e.post(f"/v1/runs/{run}/nodes/b/mark", {"reason": "by hand", "outputs": {"v": "7"}}).json
    assert r["generation"] == 2
    state(run, "succeeded")
    b = e.get(f"/v1/runs/{run}/nodes/b").json
    assert b["state"] == "succeeded" and b["outputs"] == {"v": "7"} and "by hand" in b["reason"], b
    assert e.get(f"/v1/runs/{run}/nodes/c/log")["items"][0]["text"] == "c has 7"
    old = e.get(f"/v1/runs/{run}/nodes/b/attempts")["items"]
    assert [(x["generation"], x["state"]) for x in old] == [(1, "failed")], old
    told = [x for x in e.get(f"/v1/events?run={run}&type=node.succeeded")["items"] if x["node"] == "b"]
    assert len(told) == 1 and told[0]["actor"] == "operator" and told[0]["data"]["verb"] == "mark", told

    run = e.run_of(e.submit(FAILS, paused=True)["id"])
    state(run, "paused")
    e.post(f"/v1/runs/{run}/nodes/b/skip", {"reason": "not today"})
    assert e.get(f"/v1/runs/{run}/nodes/b")["state"] == "skipped"
    e.post(f"/v1/runs/{run}/resume")
    assert e.finish(e.get(f"/v1/runs/{run}")["order"]) == run
    assert e.post("/v1/fsck")["ok"]


CHAIN = "name: chain\nnodes:\n  a: {run: 'echo all good'}\n  b: {needs: a, run: 'echo warning 7 >&2'}\n  c: {needs: b, run: 'true'}\n"


def test_breakpoints():
    run = e.run_of(e.submit(CHAIN, paused=True)["id"])
    state(run, "paused")
    at = f"/v1/runs/{run}/breakpoints"
    assert e.get(at)["items"] == []
    r = e.post(at, {"node": "b"}).json
    assert [(b["number"], b["node"], b["when"]["state"], b["hits"], b["hit"]) for b in r["items"]] == [(1, "b", "ready", 1, 0)]
    e.post(at, {"node": "*", "when": {"output": "^warning [0-9]"}, "reason": "look"})
    e.post(at, {"node": "zzz"}, 404)
    e.post(at, {"node": "b", "when": {"output": "("}}, 400)
    e.post(at, {"node": "b", "when": {"state": "oh"}}, 400)
    e.post(at, {}, 400)
    e.post(f"/v1/runs/{run}/resume")
    wait(lambda: e.get(at)["items"][0]["hit"] == 1, "b is reached")
    assert state(run, "paused")["reason"] == "breakpoint"
    assert e.get(f"/v1/runs/{run}/nodes/b")["state"] == "ready"
    e.post(f"/v1/runs/{run}/resume")
    wait(lambda: e.get(at)["items"][1]["hit"] == 1, "b wrote what the pattern matches")
    state(run, "paused")
    assert e.get(f"/v1/runs/{run}/nodes/b")["state"] == "succeeded"
    assert e.get(f"/v1/runs/{run}/nodes/c")["state"] == "ready"
    told = e.get(f"/v1/events?run={run}&type=run.breakpoint_hit")["items"]
    assert [x["data"]["breakpoint"] for x in told] == [1, 2], told
    assert e.stop() == 0
    e.start()
    assert [b["number"] for b in e.ask("DELETE", at + "/1")["items"]] == [2]
    assert e.ask("DELETE", at + "/9").status == 404
    assert e.ask("DELETE", at + "/x").status in (400, 404)
    assert e.ask("DELETE", at)["items"] == []
    e.post(f"/v1/runs/{run}/resume")
    state(run, "succeeded")
    order = e.submit(CHAIN, breakpoints=[{"node": "c"}])["id"]
    run = e.run_of(order)
    assert state(run, "paused")["reason"] == "breakpoint"
    assert e.get(f"/v1/runs/{run}/nodes/c")["state"] == "ready"
    e.post("/v1/orders", {"workflow": CHAIN, "breakpoints": [{"node": "d"}]}, 404)
    e.post("/v1/orders", {"workflow": CHAIN, "breakpoints": "d"}, 400)
    e.post(f"/v1/runs/{run}/cancel")
    assert e.post("/v1/fsck")["ok"]


def why(run, node, **wanted):
    """The reasons of a kind, by kind."""
    r = e.get(f"/v1/runs/{run}/nodes/{node}/why").json
    for key, value in wanted.items():
        assert r[key] == value, r
    return {x["kind"]: x for x in r["reasons"]}


def test_why():
    source = ("name: why\nparams:\n  key: {type: string, secret: true}\n"
              "nodes:\n  a: {run: 'echo v=1 >> $PAWL_OUTPUT'}\n  b: {needs: a, run: exit 3}\n"
              "  c: {needs: b, run: 'true'}\n"
              "  d: {needs: a, when: \"nodes.a.outputs.v == '2' && params.key != ''\", run: 'true'}\n")
    run = e.finish(e.submit(source, params={"key": "hush"})["id"])
    k = why(run, "a", verdict="ran", state="succeeded")
    assert k["end"]["holds"] and k["again"]["before"] == 0
    k = why(run, "b", verdict="ran", state="failed")
    assert "no more" in k["retry"]["text"] and k["again"]["retry"] and k["need"]["holds"], k
    k = why(run, "c", verdict="did_not_run", state="skipped")
    assert k["need"] == k["need"] | {"node": "b", "state": "failed", "holds": False}, k
    k = why(run, "d", verdict="did_not_run", state="skipped")
    assert not k["condition"]["holds"]
    assert k["condition"]["values"] == [{"name": "nodes.a.outputs.v", "value": "1"},
                                        {"name": "params.key", "value": "***"}], k
    assert "hush" not in json.dumps(k)
    e.post(f"/v1/runs/{run}/nodes/b/mark", {"reason": "by hand"})
    state(run, "succeeded")
    r = e.get(f"/v1/runs/{run}/nodes/b/why").json
    assert [(h["generation"], h["state"]) for h in r["history"]] == [(2, "succeeded"), (1, "failed")], r
    k = why(run, "b", verdict="did_not_run")
    assert "by hand" in k["operator"]["text"], k
    e.get(f"/v1/runs/{run}/nodes/zzz/why", 404)


PAIR = ("name: pair\nparams:\n  broken: {type: bool, default: false}\n  key: {type: string, secret: true, required: true}\n"
        "nodes:\n  t:\n    env: {MODE: \"${{ params.broken ? 'bad' : 'good' }}\"}\n"
        "    run: |\n      date +%H:%M:%S\n      echo \"pid $$ begins\"\n      echo out=$MODE >> $PAWL_OUTPUT\n"
        "      if [ $MODE = bad ]; then echo 'error: no such thing'; exit 4; fi\n      echo fine\n")


def test_compare():
    only = e.finish(e.submit(PAIR, params={"key": "hush1"})["id"])
    e.get(f"/v1/runs/{only}/nodes/t/compare", 404)  # one attempt, and none before it
    run = e.finish(e.submit(PAIR, params={"key": "hush2", "broken": True})["id"])
    r = e.get(f"/v1/runs/{run}/nodes/t/compare").json
    assert (r["a"]["run"], r["a"]["state"], r["b"]["run"], r["b"]["state"]) == (only, "succeeded", run, "failed"), r
    assert r["b"]["exit_code"] == 4
    lines = [(x["op"], x["text"]) for x in r["log"]["hunks"][0]["lines"]]
    assert [x for x in lines if x[0] != "same"] == [("remove", "fine"), ("add", "error: no such thing")], lines
    assert r["log"]["same"] == 2, r["log"]
    assert r["params"] == [{"name": "broken", "a": False, "b": True}], r["params"]
    env = {x["name"]: (x["a"], x["b"]) for x in r["environment"]}
    assert env == {"MODE": ("good", "bad"), "PARAM_BROKEN": ("false", "true")}, env
    assert r["outputs"] == [{"name": "out", "a": "good", "b": "bad"}], r["outputs"]
    assert r["definition"] is None and "hush" not in json.dumps(r)
    e.post(f"/v1/runs/{run}/retry")
    state(run, "failed")
    r = e.get(f"/v1/runs/{run}/nodes/t/compare?a=1.1.1&b=2.2.1&all=1").json
    assert (r["a"]["generation"], r["b"]["generation"]) == (1, 2) and r["log"]["removed"] == r["log"]["added"] == 0, r
    other = e.finish(e.submit(PAIR.replace("echo fine", "echo better"), params={"key": "k"})["id"])
    r = e.get(f"/v1/runs/{other}/nodes/t/compare?a={run}/2.2.1&b=1").json
    assert [x["text"] for h in r["definition"]["hunks"] for x in h["lines"] if x["op"] == "add"] == ["      echo better"], r
    e.get(f"/v1/runs/{run}/nodes/t/compare?a=9.9.9", 404)
    e.get(f"/v1/runs/{run}/nodes/t/compare?a=x", 400)
    e.get(f"/v1/runs/{run}/nodes/t/compare?a=1.1.1.1", 400)
    e.get(f"/v1/runs/{run}/nodes/zz/compare", 404)


EDITED = ("name: edited\nparams:\n  ratio: {type: number, default: 0.5}\n"
          "nodes:\n  t: {env: {RATIO: \"${{ params.ratio }}\"}, run: 'test \"$COLOUR\" = blue'}\n")


def test_compare_what_was_edited_since():
    run = e.finish(e.submit(EDITED, env={"COLOUR": "red", "OLD": "1"})["id"])
    e.post(f"/v1/runs/{run}/retry", {"set": {"ratio": 2}, "env": {"COLOUR": "blue", "OLD": None, "NEW": "x"}})
    state(run, "succeeded")
    r = e.get(f"/v1/runs/{run}/nodes/t/compare").json  # the failed one, and the good one that came afterwards
    assert (r["a"]["generation"], r["a"]["state"], r["b"]["generation"], r["b"]["state"]) == (2, "succeeded", 1, "failed"), r
    assert r["params"] == [{"name": "ratio", "a": 2, "b": 0.5}], r["params"]
    env = {x["name"]: (x["a"], x["b"]) for x in r["environment"]}
    want = {"RATIO": ("2", "0.5"), "PARAM_RATIO": ("2", "0.5"), "COLOUR": ("blue", "red"), "OLD": (None, "1"), "NEW": ("x", None)}
    assert env == want, env
    e.post(f"/v1/runs/{run}/resume-from", {"node": "t", "env": {"COLOUR": "green"}})
    state(run, "failed")
    r = e.get(f"/v1/runs/{run}/nodes/t/compare").json
    assert [x for x in r["environment"]] == [{"name": "COLOUR", "a": "blue", "b": "green"}], r["environment"]
    r = e.get(f"/v1/runs/{run}/nodes/t/compare?a=1.1.1&b=3.3.1").json
    assert {x["name"]: (x["a"], x["b"]) for x in r["environment"]}["COLOUR"] == ("red", "green"), r["environment"]


def test_shell():
    run = e.finish(e.submit(FAILS)["id"])
    at = f"/v1/runs/{run}/nodes/b/shell"
    r = e.post(at, {"reason": "look"}).json
    assert r["attempt"] == "1.1.1" and r["state"] == "failed" and r["env"]["PAWL_NODE"] == "b", r
    assert r["script"] == "exit 3" and os.path.isdir(r["cwd"]) and r["limits"]["cpu_s"] == 0
    assert "stands in a node" in e.post(at, {}, 409)["message"]
    e.post(f"/v1/runs/{run}/retry", {}, 409)
    later = e.post(at + "/renew", {"hold": r["hold"]}).json
    assert later["until_ms"] >= r["until_ms"]
    e.post(at + "/renew", {"hold": 99}, 404)
    e.post(at + "/end", {"hold": r["hold"], "outcome": "dance"}, 400)
    e.post(at + "/end", {"hold": r["hold"], "exit_code": 256}, 400)
    assert e.stop() == 0
    e.start()
    e.post(f"/v1/runs/{run}/retry", {}, 409)  # it is still held
    e.post(at + "/end", {"hold": r["hold"], "outcome": "done", "exit_code": 0, "outputs": {"v": "9"}})
    state(run, "succeeded")
    assert e.get(f"/v1/runs/{run}/nodes/b")["outputs"] == {"v": "9"}
    told = [x["type"] for x in e.get(f"/v1/events?run={run}&type=node.shell")["items"]]
    assert told == ["node.shell", "node.shell_ended"], told
    e.post(f"/v1/runs/{run}/nodes/b/shell", {"attempt": "7.7.7"}, 404)
    r = e.post(f"/v1/runs/{run}/nodes/c/shell", {"attempt": "2.1.1"}).json
    assert r["env"]["V"] == "9"
    e.post(f"/v1/runs/{run}/nodes/c/shell/end", {"hold": r["hold"]})
    live = e.run_of(e.submit(engine.NEVER)["id"])
    wait(lambda: e.get(f"/v1/runs/{live}")["current"], "the step runs")
    e.post(f"/v1/runs/{live}/nodes/only/shell", {}, 409)
    e.post(f"/v1/runs/{live}/cancel")
    assert e.post("/v1/fsck")["ok"]


def test_edit():
    source = ("name: edit\nparams:\n  mode: {enum: [bad, good], default: bad}\n  key: {type: string, secret: true, required: true}\n"
              "nodes:\n  a:\n    run: echo v=1 >> $PAWL_OUTPUT\n  b:\n    needs: a\n    env: {V: '${{ nodes.a.outputs.v }}'}\n"
              "    run: echo \"$V ${EXTRA-}\"; [ $PARAM_MODE = good ]\n")
    run = e.finish(e.submit(source, params={"key": "hush"}, env={"EXTRA": "x"})["id"])
    e.post(f"/v1/runs/{run}/edit", {}, 400)
    e.post(f"/v1/runs/{run}/edit", {"params": {"mode": "ugly"}}, 422)
    e.post(f"/v1/runs/{run}/edit", {"definition": {"node": "b"}}, 400)
    e.post(f"/v1/runs/{run}/edit", {"definition": "new"}, 400)
    r = e.post(f"/v1/runs/{run}/edit", {"definition": {"source": "nodes: {a: {rum: x}}"}}, 422).json
    assert r["details"]["issues"][0]["line"] == 1, r
    r = e.post(f"/v1/runs/{run}/edit", {"params": {"mode": "good", "key": "hush2"}, "outputs": {"a": {"v": "8"}}, "env": {"EXTRA": None},
                                        "reason": "try"}).json
    assert r["params"] == {"mode": "good", "key": "***"} and r["state"] == "failed", r
    told = e.get(f"/v1/events?run={run}&type=run.edited")["items"][0]
    assert told["data"]["params"]["mode"] == {"was": "bad", "now": "good"} and told["reason"] == "try", told
    assert "hush" not in json.dumps(told)
    told = e.get(f"/v1/events?run={run}&type=node.edited")["items"][0]
    assert told["data"] == {"was": {"v": "1"}, "now": {"v": "8"}}, told
    e.post(f"/v1/runs/{run}/retry")
    state(run, "succeeded")
    assert e.get(f"/v1/runs/{run}/nodes/b/log")["items"][0]["text"] == "8 "
    text = e.get(f"/v1/runs/{run}/definition?node=b")["text"]
    assert text.startswith("  b:\n") and e.get(f"/v1/runs/{run}/definition")["text"] is None
    was = e.get(f"/v1/runs/{run}")["workflow_hash"]
    r = e.post(f"/v1/runs/{run}/edit", {"definition": {"node": "b", "text": text.replace('echo "', 'echo "now ')}}).json
    assert r["workflow_hash"] != was and r["generation"] == 3, r
    e.post(f"/v1/runs/{run}/resume-from", {"node": "b", "set": {"mode": "bad"}, "definition": "pinned"})
    state(run, "failed")
    assert e.get(f"/v1/runs/{run}/nodes/b/log")["items"][0]["text"] == "now 8 "
    r = e.get(f"/v1/runs/{run}/nodes/b/compare").json
    assert r["definition"]["added"] == 1 and r["a"]["workflow_hash"] == was, r["definition"]
    assert e.stop() == 0
    e.start()
    e.post(f"/v1/runs/{run}/retry", {"set": {"mode": "good"}})
    state(run, "succeeded")
    e.post(f"/v1/runs/{run}/retry", {"definition": "other"}, 400)
    assert e.post("/v1/fsck")["ok"]


def test_another_shape():
    source = "nodes:\n  a: {run: 'true'}\n  b: {needs: a, run: 'true'}\n  c: {needs: b, run: 'true'}\n"
    file = os.path.join(e.home, "shape.yaml")
    with open(file, "w") as f:
        f.write(source)
    run = e.finish(e.submit(source, file=file)["id"])
    preview = lambda: e.get(f"/v1/runs/{run}/preview?verb=resume_from&node=x&definition=new")
    with open(file, "w") as f:
        f.write(source.replace("needs: b", "needs: x").replace("  b: {", "  x: {"))
    r = preview()
    assert {i["node"]: i["verdict"] for i in r["items"]} == {"a": "kept", "x": "open", "c": "rerun"}, r["items"]
    assert (r["definition"]["added"], r["definition"]["removed"], r["definition"]["fits"]) == (["x"], ["b"], True), r["definition"]
    assert e.get(f"/v1/runs/{run}")["generation"] == 1
    e.post(f"/v1/runs/{run}/resume-from", {"node": "b", "definition": "new"}, 409)
    e.post(f"/v1/runs/{run}/resume-from", {"node": "x", "definition": "new"})
    wait(lambda: e.get(f"/v1/runs/{run}")["generation"] == 2, "it goes back")
    state(run, "succeeded")
    assert [n["node"] for n in e.get(f"/v1/runs/{run}/nodes")["items"]] == ["a", "c", "x"]
    # What it did then is there by its name, and its log.
    b = e.get(f"/v1/runs/{run}/nodes/b")
    assert b["state"] == "succeeded" and b["reason"] == "the definition has it no more", b
    assert len(e.get(f"/v1/runs/{run}/nodes/b/attempts")["items"]) == 1
    told = e.get(f"/v1/events?run={run}&type=run.edited")["items"][0]["data"]["definition"]
    assert (told["added"], told["removed"]) == (["x"], ["b"]), told
    assert e.stop() == 0
    e.start()
    e.post(f"/v1/runs/{run}/resume-from", {"node": "b"}, 409)
    e.post(f"/v1/runs/{run}/resume-from", {"node": "x"})
    wait(lambda: e.get(f"/v1/runs/{run}")["generation"] == 3, "it goes back")
    state(run, "succeeded")
    assert e.post("/v1/fsck")["ok"]


def test_undo():
    run = e.run_of(e.submit(CHAIN, paused=True)["id"])
    state(run, "paused")
    e.post(f"/v1/runs/{run}/undo", {}, 409)
    e.post(f"/v1/runs/{run}/nodes/b/skip", {"reason": "x"})
    assert e.post(f"/v1/runs/{run}/undo", {"reason": "oh"})["state"] == "paused"
    assert e.get(f"/v1/runs/{run}/nodes/b")["state"] == "blocked"
    told = e.get(f"/v1/events?run={run}&type=run.undone")["items"][0]
    assert told["data"] == {"verb": "skip"} and told["reason"] == "oh", told
    e.post(f"/v1/runs/{run}/priority", {"priority": 5})
    assert e.post(f"/v1/runs/{run}/undo")["priority"] == 0
    e.post(f"/v1/runs/{run}/resume")
    state(run, "succeeded")
    assert "has ended" in e.post(f"/v1/runs/{run}/undo", {}, 409)["message"]
    assert e.post("/v1/fsck")["ok"]


def test_compare_files():
    source = ("name: files\nparams:\n  n: {type: int, default: 1}\nnodes:\n  a: {run: 'echo $PARAM_N > x; echo y > only$PARAM_N'}\n"
              "  b: {needs: a, run: '[ $PARAM_N = 1 ]'}\n")
    e.finish(e.submit(source)["id"])
    run = e.finish(e.submit(source, params={"n": 2})["id"])
    r = e.get(f"/v1/runs/{run}/nodes/b/compare").json
    assert r["files"] and {f["path"]: f["change"] for f in r["files"]["items"]} == {
        "x": "modified", "only1": "removed", "only2": "added"}, r["files"]


def test_shell_on_a_terminal():
    """Its prompt names the node; afterwards it asks, and the answer is done."""
    run = e.finish(e.submit("name: mend\nnodes:\n  t: {run: test -e mended}\n")["id"])
    env = {**os.environ, "SHELL": "/bin/sh", "TERM": "xterm", "PAWL_HOME": e.home, "LC_ALL": "C"}
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(os.path.join(engine.BUILDDIR, "pawl"), ["pawl", "--home", e.home, "shell", run], env)
    seen = b""

    def until(text):
        nonlocal seen
        while text not in seen:
            seen += os.read(fd, 4096)
        seen = seen[seen.index(text) + len(text):]

    until(f"[pawl {run}/t] $".encode())
    os.write(fd, b"touch mended; exit 5\n")
    until(b"(r)etry")
    os.write(fd, b"r\n")
    until(run.encode())
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(fd)
    state(run, "succeeded")
    told = e.get(f"/v1/events?run={run}&type=node.shell_ended")["items"][0]["data"]
    assert (told["outcome"], told["exit_code"]) == ("retry", 5), told


engine.main(globals())
