#!/usr/bin/env python3
"""Writes what fuzz_command begins with: each conformance case as lines of commands, and a dictionary of the words of all
commands' syntaxes.

    tests/fuzz/seeds.py DIRECTORY DICTIONARY"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bindings"), str(ROOT / "tests/conformance")]
import conformance  # noqa: E402
from faces.rows import Rows  # noqa: E402


def line(step):
    """A step as fuzz_command reads it: a backslash in front of what would end a word."""
    if step[0] == "clock":
        return b"@%d" % step[1]
    return b" ".join(re.sub(rb"([\\ \n])", rb"\\\1", word) for word in step[1])


def words():
    """The names of commands and the words of options, each once."""
    rows = Rows(str(ROOT)).commands()
    return sorted({word for row in rows for word in re.findall(r"[A-Z][A-Z0-9_-]+", row.title + " " + row.syntax)})


def main():
    directory, dictionary = map(Path, sys.argv[1:])
    directory.mkdir(parents=True, exist_ok=True)
    cases = [case for case in conformance.load() if "session" not in case.tags]
    for n, case in enumerate(cases):
        (directory / f"case-{n}").write_bytes(b"\n".join(map(line, case.steps)) + b"\n")
    dictionary.write_text("".join(f'"{word}"\n' for word in words()))
    print(f"{len(cases)} cases, {len(words())} words")


if __name__ == "__main__":
    main()
