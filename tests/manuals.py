#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manuals name everything: each key of workflow files, each word that is possible there, each setting and command."""

import json
import os
import re
import subprocess
import sys

SOURCES = os.environ.get("srcdir", ".")
BUILD = os.getcwd()
missing = []


def read(name):
    with open(f"{SOURCES}/{name}", encoding="utf-8") as f:
        return f.read()


def words_of(manual):
    """The words of a page, without what only says how they look."""
    lines = [re.sub(r"^\.[A-Z][a-z]\s", " ", i) for i in manual.splitlines() if not i.startswith('.\\"')]
    text = re.sub(r"\\[&-]", lambda m: "-" if m[0] == "\\-" else "", "\n".join(lines))
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_-]*", text))


def keys_and_words(schema, path=""):
    """Each key that a map may have, and each word that a value may be, with where it stands."""
    if isinstance(schema, list):
        for i in schema:
            yield from keys_and_words(i, path)
    elif isinstance(schema, dict):
        if "$comment" in schema.get("properties", {}):
            return  # a JSON Schema, which has a manual of its own
        for name, value in schema.get("properties", {}).items():
            yield "key", name, f"{path}.{name}"
            yield from keys_and_words(value, f"{path}.{name}")
        for word in schema.get("enum", []):
            if isinstance(word, str) and re.fullmatch(r"[a-z][a-z_0-9-]*", word):
                yield "word", word, path
        for name, value in schema.items():
            if name in ("$defs", "patternProperties"):
                for i, v in value.items():
                    yield from keys_and_words(v, f"{path}#{i}" if name == "$defs" else path)
            elif name not in ("properties", "enum", "const", "default", "examples", "not"):
                yield from keys_and_words(value, path)


def see(found, what, where):
    if not found:
        missing.append(f"{where}: nothing of {what}")


def main():
    schema = json.loads(read("data/workflow.schema.json"))
    page = read("doc/pawl-workflow.5")
    known = words_of(page)
    # A key is an entry of a list, and not just a word in a sentence.
    entries = set()
    for line in re.findall(r"^\.(?:It )?Ic (.*)$", page, re.M):
        entries.update(re.findall(r"[a-z_][a-z_0-9]*", line.replace("\\-", "-")))
    seen = 0
    for kind, name, path in keys_and_words(schema):
        seen += 1
        see(name in (entries if kind == "key" else known), f"the {kind} {name} ({path})", "pawl-workflow(5)")
    settings = subprocess.run([f"{BUILD}/pawld", "--help-config"], check=True, capture_output=True, text=True).stdout
    names = re.findall(r"^#?\s*([a-z_.]+) ?=", settings, re.M)
    known = words_of(read("doc/pawld.8"))
    for name in names:
        see(name in known, f"the setting {name}", "pawld(8)")
    help_text = subprocess.run([f"{BUILD}/pawl", "--help"], check=True, capture_output=True, text=True).stdout
    commands = re.findall(r"^  ([a-z][a-z-]+)  +\S", help_text, re.M)
    known = words_of(read("doc/pawl.1"))
    for name in commands:
        see(name in known, f"the command {name}", "pawl(1)")
    assert seen > 200 and len(names) > 10 and len(commands) > 40, (seen, len(names), len(commands))
    for line in sorted(set(missing)):
        print(line)
    print(f"{seen} keys and words, {len(names)} settings, {len(commands)} commands")
    return 1 if missing else 0


sys.exit(main())
