#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull requests: pawl-publish against a stand-in for GitHub that speaks its protocol over real sockets, with good
and bad manners; and a run with one in it. What is pushed goes to a real repository in a folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

SRCDIR = os.path.abspath(os.environ.get("srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")))
BUILD = os.path.abspath(os.environ.get("PAWL_BUILD", "."))
TOKEN = "ghp-of-a-test"
room = tempfile.mkdtemp(prefix="pawl-pull-")
env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") and k != "GITHUB_TOKEN"}
env.update(HOME=room, PAWL_HOME=os.path.join(room, "home"), LC_ALL="C.UTF-8")
standin = subprocess.Popen([sys.executable, os.path.join(SRCDIR, "tests/standin/github.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
port = int(standin.stdout.readline())


def need(condition, *what):
    if not condition:
        print("does not hold:", *what, file=sys.stderr)
        raise AssertionError("see above")


def git(*args):
    return subprocess.run(["git", *args], env=env, check=True, capture_output=True, text=True).stdout.strip()


def repository(name):
    far, near = os.path.join(room, name + ".git"), os.path.join(room, name)
    git("init", "-q", "--bare", far)
    git("init", "-q", "-b", "main", near)
    git("-C", near, "config", "user.name", "A User")
    git("-C", near, "config", "user.email", "user@example.org")
    git("-C", near, "commit", "-q", "--allow-empty", "-m", "first")
    git("-C", near, "remote", "add", "origin", far)
    with open(os.path.join(near, "file"), "w", encoding="utf-8") as f:
        f.write("text\n")
    return near


def state(word):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_state/{word}") as r:
        return json.load(r)


def publish(near, scenario, word, mode="fail_fast", **github):
    """Exit status, document, what it said."""
    spec = {"workspace": near, "mode": mode, "branch": "topic", "message": "a change",
            "github": {"title": "A title", "body": "Words.", "token": TOKEN, "repository": "someone/thing",
                       "api": f"http://127.0.0.1:{port}/{scenario}~{word}/", **github}}
    spec["github"] = {k: v for k, v in spec["github"].items() if v is not None}
    output = os.path.join(room, "output")
    got = subprocess.run([os.path.join(BUILD, "pawl-publish")], input=json.dumps(spec), env={**env, "PAWL_OUTPUT": output},
                         capture_output=True, text=True, timeout=120, check=False)
    with open(output, encoding="utf-8") as f:
        raw = f.read()
    need(TOKEN not in raw + got.stdout + got.stderr and "\x1b" not in raw + got.stdout + got.stderr, "the token or a control byte came out", raw, got)
    return got.returncode, json.loads(raw), got.stdout + got.stderr


def last(document):
    return document["report"]["operations"][-1]


def made_once_and_found_again():
    near = repository("once")
    status, d, said = publish(near, "ok", "once", draft=True)
    need(status == 0 and d["outputs"].get("pr_number") == 1, d)
    need(d["report"]["pr_created"] is True and d["outputs"]["pr_url"].endswith("/someone/thing/pull/1"), d)
    need("topic into main: https://github.example/someone/thing/pull/1" in said, said)
    seen = state("once")
    pull = seen["pulls"][0]
    need((pull["title"], pull["body"], pull["draft"], pull["head"]["ref"], pull["base"]["ref"]) == ("A title", "Words.", True, "topic", "main"), pull)
    asked = seen["requests"][0]["headers"]
    need(asked["Accept"] == "application/vnd.github+json" and asked["X-GitHub-Api-Version"] and asked["User-Agent"].startswith("pawl/"), asked)
    status, d, said = publish(near, "ok", "once")
    need(status == 0 and d["report"]["pr_created"] is False and last(d)["skipped"], d)
    need("is open already" in said and len(state("once")["pulls"]) == 1, said)
    _, d, _ = publish(near, "ok", "once", base="release")
    need(state("once")["requests"][-1]["method"] == "POST", "another base is another pull request")


def bad_manners():
    near = repository("manners")
    for scenario, retried in (("429-once", 2), ("500-once", 2), ("limited-once", 2), ("lost", 1), ("race", 0)):
        status, d, said = publish(near, scenario, scenario)
        need(status == 0 and last(d)["success"] and last(d)["retried"] == retried, scenario, d, said)
        need(len(state(scenario)["pulls"]) == 1, scenario, state(scenario)["pulls"])
    for scenario, says in (("limited", "too long to wait"), ("500", "status 500: oops"), ("moved", "redirect"), ("gone", "status 404: Not Found"),
                           ("html", "is no JSON"), ("huge", "larger than"), ("wrong", "no default branch"), ("echo", r"Bad credentials .*\*\*\*"),
                           ("empty", "No commits between main and topic"), ("reset", ".")):
        status, d, said = publish(near, scenario, scenario)
        need(status == 1 and d["class"] == "publish" and re.search(says, d["message"]), scenario, d, said)
        need([o["success"] for o in d["report"]["operations"]][-2:] == [True, False], d)
    status, d, _ = publish(near, "wrong", "wrong2", base="main")
    need(status == 1 and "no list of pull requests" in d["message"], d)
    status, d, _ = publish(near, "ok", "bad", token="other")
    need(status == 1 and "status 401" in d["message"], d)
    status, d, _ = publish(near, "ok", "self", base="topic")
    need(status == 1 and "into itself" in d["message"], d)


def modes():
    near = repository("modes")
    status, d, said = publish(near, "500", "effort", mode="best_effort")
    need(status == 0 and d["report"]["any_failed"] and "class" not in d and "create_pr: failed" in said, d)
    status, d, _ = publish(near, "ok", "none", mode="disabled")
    need(status == 0 and all(o["skipped"] and o["success"] for o in d["report"]["operations"]), d)
    need(not state("none")["requests"], "with disabled nobody is asked")
    status, d, _ = publish(near, "ok", "missing", token=None, missing_token="NOBODY_HAS_THIS")
    need(status == 1 and "the engine has no variable NOBODY_HAS_THIS" in d["message"], d)
    need(not state("missing")["requests"], "without a token nobody is asked")
    status, d, _ = publish(near, "ok", "where", repository=None)
    need(status == 1 and "names no OWNER/NAME; write repository:" in d["message"], d)
    git("-C", near, "remote", "set-url", "--push", "origin", git("-C", near, "remote", "get-url", "origin"))
    for address in ("git@github.com:own/er.git", "https://github.com/own/er", "ssh://git@github.com:22/own/er.git/"):
        git("-C", near, "remote", "set-url", "origin", address)
        status, d, _ = publish(near, "ok", "address", repository=None)
        need(status == 0 and state("address")["requests"][-1]["path"].startswith("/repos/own/er"), address, d)


def a_run():
    near = repository("run")
    git("-C", near, "add", ".")
    git("-C", near, "commit", "-qm", "second")
    path = os.path.join(room, "ship.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"""workspace: {{repo: "{near}", base: main}}
nodes:
  work: {{run: echo more >>file}}
  ship:
    needs: work
    publish: {{to: github, repository: someone/thing, api: "http://127.0.0.1:{port}/ok~run", title: "From ${{{{ run.id }}}}", mode: fail_fast}}
  after: {{needs: ship, env: {{URL: "${{{{ nodes.ship.outputs.pr_url }}}}"}}, run: 'echo "see $URL"'}}
""")
    pawl = os.path.join(BUILD, "pawl")
    try:
        subprocess.run([pawl, "engine", "start"], env={**env, "GITHUB_TOKEN": TOKEN}, check=True, capture_output=True)
        got = subprocess.run([pawl, "run", path], env=env, capture_output=True, text=True, timeout=120, check=False)
        need(got.returncode == 0, got)
        seen = state("run")["pulls"][0]
        need(re.fullmatch(r"From r-[0-9a-z]+", seen["title"]) and seen["head"]["ref"].startswith("pawl/r-"), seen)
        log = subprocess.run([pawl, "logs", "last/after", "--raw"], env=env, capture_output=True, text=True, check=True).stdout
        need(log == "see https://github.example/someone/thing/pull/1\n", log)
        told = subprocess.run([pawl, "events", "--run", "last", "--json"], env=env, capture_output=True, text=True, check=True).stdout
        need("pr.created" in told and "pull/1" in told, told)
    finally:
        subprocess.run([pawl, "engine", "stop", "--kill"], env=env, capture_output=True, check=False)
    for folder, _, names in os.walk(env["PAWL_HOME"]):
        for name in names:
            if not os.path.isfile(os.path.join(folder, name)):
                continue
            with open(os.path.join(folder, name), "rb") as f:
                need(TOKEN.encode() not in f.read(), f"the token is in {name}")


try:
    for test in (made_once_and_found_again, bad_manners, modes, a_run):
        test()
        print("ok", test.__name__)
finally:
    standin.stdin.close()
    standin.wait(20)
    shutil.rmtree(room, ignore_errors=True)
