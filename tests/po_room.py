#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the texts of one .po file as a terminal shows them: a short word of the console keeps to its
room, and blanks and line breaks at the ends, by which pieces are put together, are those of the original.

Usage: po_room.py FILE     one line for each mistake; exit status 1 if there is one"""
import ast
import re
import sys
import unicodedata

SHORT = 12  # a console text of so many columns, without spaces, is a heading, state or label ...
EXTRA = 4   # ... and a translation may have so many columns more


def columns(text):
    """Columns of a text in a terminal: wide and fullwidth characters have two, combining ones none."""
    n = 0
    for c in text:
        if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf"):
            continue
        n += 2 if unicodedata.east_asian_width(c) in "WF" else 1
    return n


def messages(path):
    """Yields (line, references, {field: text}) for each message; obsolete ones (#~) are left out."""
    line, references, fields, field = 0, [], {}, None
    with open(path, encoding="utf-8") as file:
        for number, row in enumerate([*file, ""], 1):
            row = row.rstrip("\n")
            if not row:
                if fields.get("msgid"):
                    yield line, references, fields
                references, fields, field = [], {}, None
            elif row.startswith("#: "):
                references += row[3:].split()
            elif row.startswith("msg"):
                field, _, text = row.partition(" ")
                fields[field] = ast.literal_eval(text)
                line = number if field == "msgid" else line
            elif row.startswith('"') and field:
                fields[field] += ast.literal_eval(row)


def ends(text):
    return re.match(r"\s*", text)[0], re.search(r"\s*\Z", text)[0]


def mistakes(references, fields):
    one, many = fields["msgid"], fields.get("msgid_plural")
    console = any(r.startswith("tui/") for r in references)
    for field, text in fields.items():
        if not field.startswith("msgstr") or not text:
            continue
        source = many if many and field != "msgstr[0]" else one
        if ends(source) != ends(text):
            yield f"other blanks at its ends than {source!r}: {text!r}"
        short = columns(source) <= SHORT and not re.search(r"\s", source)
        if console and short and columns(text) > columns(source) + EXTRA:
            yield (f"{columns(text)} columns where {source!r} has {columns(source)} (at most "
                   f"{columns(source) + EXTRA}): {text!r}")


def main():
    found = seen = 0
    for line, references, fields in messages(sys.argv[1]):
        seen += 1
        for mistake in mistakes(references, fields):
            print(f"{sys.argv[1]}:{line}: {mistake}")
            found += 1
    if not seen:
        print(f"{sys.argv[1]}: no message at all")
    return found > 0 or not seen


sys.exit(main())
