#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs are sent back on random trees, and at one moment after the other of it the engine is killed, or a git
that works for it, or one call of either fails.

Afterwards the files are byte for byte what they were before, or what the checkpoint says, and the run's
generation tells which; what a snapshot does not cover is as it was; fsck is content; and the same verb, given
again, brings the files back and the run to its end. The moments are counted over all calls of the procedure:
acquire, protect, restore, commit, health."""
import contextlib
import hashlib
import os
import random
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from harness import CRASH, Gone, Home, Refused, Wrong, main, need, rounds, until  # noqa: E402

CALLS = "write,fsync,open,rename,truncate,mkdir,unlink"
ARMED = 1 << 40  # calls before a way back is asked for are counted below this
SETTLED = ("paused", "failed", "succeeded")

# ---- trees ----

NAMES = [b"a", b"b", b"with space", "ü".encode(), b"-dash", b'quo"te', b"q'uote", b"new\nline", b"tab\there", b"\xff\xfe raw",
         b"back\\slash", b"*", b"[x]", b":(top)a", b"A", b"git~1", b".GIT", b"con", b"e\xcc\x81", b"\x01\x02"]
FILE_MODES = [0o644, 0o755, 0o600, 0o444, 0o400, 0o664, 0o700, 0o4755]
FOLDER_MODES = [0o755, 0o700, 0o775, 0o2775]
RULES = b"*.ign\nignored/\n"


def some_path(rng, folder):
    return os.path.join(folder, *(rng.choice(NAMES) for _ in range(rng.choice([1, 1, 2, 2, 3]))))


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def nested(rng, folder):
    """A repository of somebody else's beneath: its files are covered, its .git is not."""
    path = os.path.join(folder, b"nest%d" % rng.randrange(3))
    if rng.randrange(3) == 0 and os.path.exists(path):
        shutil.rmtree(path)
        return
    if not os.path.exists(os.path.join(path, b".git")):
        subprocess.run(["git", "init", "-q", os.fsdecode(path)], check=True)
    write(os.path.join(path, b"sub", b"file%d" % rng.randrange(3)), rng.randbytes(rng.randrange(50)))


def change_once(rng, folder):
    path, what = some_path(rng, folder), rng.randrange(24)
    there = os.path.lexists(path)
    if what < 3:
        write(path, rng.randbytes(rng.randrange(4000)))
    elif what == 3:
        write(path, b"")
    elif what == 4:
        write(path, b"line\r\nline\n" * rng.randrange(400))
    elif what == 5 and rng.randrange(4) == 0:
        write(path, rng.randbytes(rng.randrange(100000, 3000000)))
    elif what < 8 and not there:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(rng.choice([b"a", b"/nowhere", b"../..", b"\xff", b"x" * 200]), path)
    elif what < 11 and there and not os.path.islink(path):
        os.chmod(path, rng.choice(FOLDER_MODES if os.path.isdir(path) else FILE_MODES))
    elif what < 14 and there:
        remove(path)
    elif what < 17 and there:
        other = some_path(rng, folder)
        os.makedirs(os.path.dirname(other), exist_ok=True)
        if not other.startswith(path + b"/"):
            os.rename(path, other)
    elif what == 17 and not there:
        os.makedirs(path)
    elif what == 18:
        write(os.path.join(folder, b"%d.ign" % rng.randrange(4)), rng.randbytes(9))
    elif what == 19:
        write(os.path.join(folder, b"ignored", b"x%d" % rng.randrange(4)), rng.randbytes(9))
    elif what == 20 and os.path.exists(os.path.join(folder, b"tracked.ign")):
        write(os.path.join(folder, b"tracked.ign"), rng.randbytes(9))
    elif what == 21 and rng.randrange(3) == 0:
        nested(rng, folder)


def change(rng, folder, times):
    for _ in range(times):
        with contextlib.suppress(OSError):  # a file in the way of a folder, and the like
            change_once(rng, os.fsencode(folder))


def picture(folder):
    """Every name with its kind, mode and content; of what is covered, and of what is not."""
    top = os.fsencode(folder)
    covered, left = {}, {}
    for at, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(at, name)
            s = os.lstat(path)
            if stat.S_ISLNK(s.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(s.st_mode):
                with open(path, "rb") as f:
                    what = hashlib.sha256(f.read()).digest()
            else:
                what = b"" if os.listdir(path) else b"empty"
            name = os.path.relpath(path, top)
            parts = name.split(b"/")
            out = b".git" in parts or (name.endswith(b".ign") and name != b"tracked.ign") or parts[0] == b"ignored"
            if parts[0] != b".git":  # of a worktree: git's own
                (left if out else covered)[name] = (stat.S_IFMT(s.st_mode), stat.S_IMODE(s.st_mode), what)
    return covered, left


def same(seen, wanted, left):
    """None, or what differs. A folder may be there for the sake of what is not covered alone."""
    for name in sorted(set(seen) | set(wanted)):
        have, want = seen.get(name), wanted.get(name)
        holds = any(other.startswith(name + b"/") for other in left)
        if have == want or (holds and have and (want is None or have[:2] == want[:2])):
            continue
        return f"{name!r} is {have}, not {want}"
    return None


# ---- faults ----

class Fault:
    """One call of a program fails, or the program dies there: the Nth after it was armed."""

    def __init__(self, root, program, error, at, armed=ARMED):
        fd, name = tempfile.mkstemp(prefix="pawl-fault-")
        os.close(fd)
        self.state, self.program = Path(name), program
        self.state.write_bytes(b"\0" * 80)
        self.env = {"PAWL_FAULT_DIR": str(root), "PAWL_FAULT_CALLS": CALLS, "PAWL_FAULT_AT": str(armed + at if at else 0),
                    "PAWL_FAULT_ERROR": error, "PAWL_FAULT_STATE": name, "PAWL_FAULT_PROGRAM": program}

    def numbers(self):
        return struct.unpack_from("=QQ", self.state.read_bytes(), 64)

    def arm(self):
        with open(self.state, "r+b") as f:
            f.seek(64)
            f.write(struct.pack("=Q", ARMED))

    def calls(self):
        return max(0, self.numbers()[0] - ARMED)

    def came(self):
        return self.numbers()[1] > 0

    def done(self):
        self.state.unlink()


def wrap_git(root, fault):
    """A folder for PATH whose git is the real one with the fault in it: the engine gives git an environment of its own."""
    folder = root / "bin"
    folder.mkdir(exist_ok=True)
    settings = " ".join(f"{k}='{v}'" for k, v in {**fault.env, "LD_PRELOAD": CRASH / "failnth.so"}.items())
    program = folder / "git.new"
    program.write_text(f"#!/bin/sh\n{settings} exec {shutil.which('git')} \"$@\"\n")
    program.chmod(0o755)
    program.rename(folder / "git")
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


# ---- workflows ----

def flow(kind, root):
    """Node a makes a tree that was prepared, b and c go on from there, d works elsewhere; c does not end well."""
    end = "exit 3" if kind != "given_back" else "true"
    workspace = {"folder": f"workspace: {{folder: {root}/folder}}\n", "scratch": ""}.get(
        kind, f"workspace: {{repo: {root}/repo}}\n")
    return (f"name: {kind.replace('_', '-')}\n{workspace}workstreams: {{docs: {{workspace: scratch}}}}\nhealth: {{run: 'test -e by-a'}}\nnodes:\n"
            f"  a: {{run: 'cp -a {root}/then-{kind}/. .; echo a > by-a'}}\n"
            f"  d: {{workstream: docs, run: 'cp -a {root}/docs-{kind}/. .'}}\n"
            f"  b: {{needs: [a, d], run: 'echo b > by-b'}}\n"
            f"  e: {{needs: b, workstream: docs, run: 'echo e > by-e'}}\n"
            f"  c: {{needs: e, run: 'echo c > by-c; {end}'}}\n")


def make_repository(path, rng):
    def git(*args):
        subprocess.run(["git", "-C", path, "-c", "user.name=a", "-c", "user.email=a@b", *args], check=True, stdout=subprocess.PIPE)
    path.mkdir()
    git("init", "-q", "-b", "main")
    write(os.fsencode(path / ".gitignore"), RULES)
    write(os.fsencode(path / "tracked.ign"), b"tracked\n")
    write(os.fsencode(path / "base"), rng.randbytes(100))
    git("add", "-f", ".")
    git("commit", "-qm", "first")


class Subject:
    """A run with files, as it was after node a, and the ways to send it back."""

    def __init__(self, home, root, kind, rng):
        self.home, self.kind, self.rng = home, kind, rng
        for name in ("then", "docs"):
            folder = root / f"{name}-{kind}"
            folder.mkdir()
            write(os.fsencode(folder / ".gitignore"), RULES)
            change(rng, folder, 60)
        order = home.submit(flow(kind, root))["id"]
        self.end = "succeeded" if kind == "given_back" else "failed"
        row = until(lambda: home.ended(order), f"the end of {kind}", 60)
        need(row["state"] == self.end, f"{kind} {row['state']}: {row['reason']}")
        self.run = row["run"]
        self.folders = [Path(home.get(f"/v1/runs/{self.run}")["workspace"]), None]
        self.folders[1] = home.path / "runs" / self.run / "work-docs"
        self.wait_for_the_end()
        self.wanted = [self.made(root / f"then-{kind}", {b"by-a": b"a\n"}), self.made(root / f"docs-{kind}", {})]
        if kind in ("repository", "given_back"):
            with open(root / "repo/base", "rb") as f:
                self.wanted[0].setdefault(b"base", (stat.S_IFREG, 0o644, hashlib.sha256(f.read()).digest()))
            self.wanted[0].setdefault(b"tracked.ign", (stat.S_IFREG, 0o644, hashlib.sha256(b"tracked\n").digest()))

    @staticmethod
    def made(folder, more):
        covered = picture(folder)[0]
        for name, data in more.items():
            covered[name] = (stat.S_IFREG, 0o644, hashlib.sha256(data).digest())
        return covered

    def row(self):
        return self.home.get(f"/v1/runs/{self.run}")

    def wait_for_the_end(self):
        until(lambda: self.row()["state"] == self.end and self.at_rest(), f"{self.kind} ends as {self.end}: {self.row()}", 60)

    def look(self):
        return [picture(f) if f.exists() else ({}, {}) for f in self.folders]

    def ask(self, verb):
        route, body = {"rollback": ("rollback", {"checkpoint": self.point, "reason": "sent back"}),
                       "resume_from": ("resume-from", {"node": "b"})}[verb]

        def asked():
            try:
                return self.home.call("POST", f"/v1/runs/{self.run}/{route}", body)
            except Refused as why:
                if why.body["message"].endswith("ask again"):  # its worktree is just given back
                    return None
                raise
        until(asked, f"{verb} is taken")

    def is_given_back(self):
        """Its worktree is gone; or stays, because what is in it could not be kept."""
        if self.kind != "given_back" or not self.folders[0].exists():
            return True
        events = [e for e in self.home.all(f"/v1/events?run={self.run}")
                  if e["type"].startswith("workspace.") or e["type"] == "run.succeeded"]
        return events[-1]["type"] == "workspace.left" and not events[-1]["data"]["again"]

    def at_rest(self, faulty=False):
        """Gone back or not, nothing is under way."""
        row = self.row()
        if row["state"] == "paused" and row["reason"] == "crash_loop":
            self.home.call("POST", f"/v1/runs/{self.run}/resume", {})
            return None
        if row["state"] == self.end and not faulty and not self.is_given_back():
            return None
        return row if row["state"] in SETTLED and not row["way_back"] else None

    def expected(self, verb):
        """What is there when the run came to rest after it went back."""
        wanted = [dict(w) for w in self.wanted]
        for space, name in ((0, b"b"), (1, b"e"), (0, b"c")) if verb != "rollback" else ():
            wanted[space][b"by-" + name] = (stat.S_IFREG, 0o644, hashlib.sha256(name + b"\n").digest())
        return wanted

    def check(self, what, wanted, left):
        for i, folder in enumerate(self.folders):
            if i == 0 and self.kind == "given_back" and not folder.exists():
                continue  # given back with the end; what was in it is on its branch or in the snapshot
            covered, now_left = picture(folder)
            differs = same(covered, wanted[i], now_left)
            need(differs is None, f"{what}, {folder}: {differs}")
            if not (i == 0 and self.kind == "given_back"):
                need(now_left == left[i], f"{what}, {folder}: what is not covered became {now_left}, it was {left[i]}")

    def prepare(self):
        """Somebody works in the folders; what there is then."""
        points = {c["name"]: c["number"] for c in self.home.all(f"/v1/runs/{self.run}/checkpoints")}
        self.point = str(max(points["a"], points["d"]))
        for folder in self.folders:
            if folder.exists():
                change(self.rng, folder, self.rng.randrange(40))
        return self.look()

    def finish(self, verb, left):
        """Sent back once more, with nothing in the way, and on to the end."""
        self.ask(verb)
        row = until(self.at_rest, f"coming to rest: {self.row()}", 60)
        way = self.home.get(f"/v1/runs/{self.run}/checkpoints")["way_back"]
        need(way["step"] == "done", f"{verb} again: {way}")
        need(row["state"] == ("paused" if verb == "rollback" else self.end), f"{verb} again: {row}")
        self.check(f"{verb} again", self.expected(verb), left)
        if row["state"] == "paused":
            self.home.call("POST", f"/v1/runs/{self.run}/resume", {})
        self.wait_for_the_end()


def kill_the_next(subject, root):
    """An engine that goes on after the crash is killed, too."""
    fault = Fault(root, "pawld", "KILL", 1 + subject.rng.randrange(120), armed=0)
    try:
        if subject.home.start(preload="failnth.so", env=fault.env, expect=False) == "ready":
            with contextlib.suppress(Gone):
                until(lambda: not subject.home.alive() or subject.at_rest(faulty=True), "rest of the second engine", 60)
        subject.home.kill()
        return fault.came()
    finally:
        fault.done()


def play(subject, root, program, error, at):
    """One way back with one fault; how many calls it took, and whether the fault came about."""
    home = subject.home
    verb = subject.rng.choice(["rollback", "rollback", "resume_from"])
    before = subject.prepare()
    generation = subject.row()["generation"]
    fault = Fault(root, program, error, at)
    try:
        home.kill()
        if program == "git":
            home.start(env=wrap_git(root, fault))
        else:
            home.start(preload="failnth.so", env=fault.env)
        fault.arm()
        try:
            subject.ask(verb)
            until(lambda: not home.alive() or subject.at_rest(faulty=True), "rest after the fault", 60)
        except Gone:
            pass
        except Refused as why:
            need(why.status >= 500, f"a fault is not the client's: {why}")
        calls, came = fault.calls(), fault.came()
        if not home.alive():
            need(error == "KILL" or home.engine is None or home.engine.returncode >= 0, f"the engine crashed: {home.log()[-1500:]}")
            came |= error == "KILL"
        home.kill()
        twice = error == "KILL" and at and subject.rng.randrange(3) == 0 and kill_the_next(subject, root)
        home.start()
        row = until(subject.at_rest, f"rest after {program} {error} at {at}: {subject.row()}", 60)
        went = row["generation"] > generation
        what = f"{verb} of {subject.kind}, {'gone back' if went else 'not gone back'}"
        left = [b[1] for b in before]
        if went or subject.kind != "given_back":
            subject.check(what, subject.expected(verb) if went else [b[0] for b in before], left)
        home.fsck()
        if row["state"] == "paused" and subject.rng.randrange(2):  # from the middle, or from the end
            home.call("POST", f"/v1/runs/{subject.run}/resume", {})
            subject.wait_for_the_end()
        subject.finish(verb, [b[1] for b in subject.prepare()])
        home.fsck()
        return calls, came, went, twice
    finally:
        fault.done()


KINDS = ("folder", "scratch", "repository", "given_back")
FAULTS = (("pawld", "KILL", 9), ("git", "KILL", 5), ("pawld", "EIO", 2), ("pawld", "ENOSPC", 2), ("git", "ENOSPC", 2))


def scenario(rng):
    root = Path(tempfile.mkdtemp(prefix="pawl-rollback-"))
    try:
        (root / "home").mkdir(mode=0o700)
        (root / "folder").mkdir()
        make_repository(root / "repo", rng)
        with Home(root / "home", steps=2, adopt="2s") as home:
            home.start()
            subjects = [Subject(home, root, kind, rng) for kind in KINDS]
            totals = {}
            for program in ("pawld", "git"):
                for s in subjects:
                    totals[program, s] = play(s, root, program, "KILL", 0)[0]
                    need(totals[program, s] > 20, f"only {totals[program, s]} calls of {program} were seen in {s.kind}")
            for program, error, usual in FAULTS:
                trials = rounds(usual, "PAWL_CRASH_ROLLBACKS")
                came = went = more = 0
                for i in range(trials):
                    s = subjects[(i + rng.randrange(2)) % len(subjects)]
                    at = 1 + int((i + rng.random()) * totals[program, s] / trials)
                    try:
                        _, hit, back, twice = play(s, root, program, error, at)
                    except Exception as why:
                        print(f"{program}, call {at} of {totals[program, s]}, {error}, {s.kind}: {why}")
                        with contextlib.suppress(Gone):
                            print(*(e for e in home.all(f"/v1/events?run={s.run}")[-12:] if e["reason"]), sep="\n")
                        raise
                    came += hit
                    went += hit and back
                    more += twice
                need(came > 0 or trials < 2, f"only {came} of {trials} faults of {program} ({error}) came about")
                what = "killed" if error == "KILL" else f"failed with {error}"
                print(f"{program}: {what} {came} times within a way back; {went} went on to the end, {came - went} were undone; "
                      f"each exact, and again after it; {more} engines were killed after it", flush=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)


main(scenario)
