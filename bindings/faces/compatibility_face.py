"""Writes docs/compatibility.md: which commands of Redis and Valkey there are, why others are not, and where replies are not
those of redis-server 7.0."""

from itertools import groupby
from typing import Dict, List

from .header import Description, HeaderError
from .reference_face import cell, table
from .rows import Row, Rows

KNOWN = "bindings/known.def"
DIFFERENCES = "tests/conformance/differences.txt"
UNLIKE = "tests/conformance/unlike.list"

HEAD = """
# Compatibility with Redis

Commands, replies and error texts are those of Redis 7.2 and Valkey 8, byte for byte, in both protocols. The conformance
cases are asked of kevy through every door and of a real redis-server; random commands are asked of both side by side
([below](#random-commands)).
`COMMAND` and `COMMAND DOCS` answer from the same rows as this page; what each takes is in [reference.md](reference.md).
"""

BESIDE = """
## Where kevy means to differ

- What redis-server 7.0 answers otherwise than 7.2 is kevy's 7.2 answer; those cases are listed below.
- Texts are compared byte by byte, as Redis does in the C locale (`SORT ALPHA`); the host program's locale plays no part.
- A score of -0 is 0.
- Options are compared whole; Redis reads them up to a zero byte.
- What has no order of its own (`KEYS`, `SMEMBERS`, `HGETALL` of large hashes, cursors, members drawn by chance, `SORT BY`
  equal weights with a `LIMIT`, places equally far away with a `COUNT`) comes in an order of kevy's.
- Values keep the kind they were stored in where the host language stores and reads them; to commands all are strings.

"""

RANDOM = """
## Random commands

    tests/conformance/differential.py --commands 1000000 --seed 1

asks a redis-server 7.0 and kevy the same random commands and compares every reply, byte by byte but for what the table
below names. A round of 400 commands follows from its seed: every row of the command table, with words made of its syntax;
each type in depth; wrong arities, types, numbers and options; values on both sides of every encoding's limits, and words at all
other limits (empty, with zero bytes, no text, around 2^63, nan, beyond the range of a double); deadlines that pass; SELECT, MOVE,
SWAPDB and COPY among sixteen databases; MULTI, EXEC and WATCH with another client; a third that listens to channels, patterns and
what happens to keys; scripts and functions that are made up; blocking forms; payloads of DUMP, whole and damaged, carried from
one to the other; RESP2 and RESP3. At a round's end what is stored in all databases must be the same: types, values, deadlines,
encodings; and so must what was heard, and what another redis-server makes of kevy's log. A difference is shrunk to the commands
that show it. A million commands take some twelve minutes; the same seed asks the same ones. `make test` runs a slice,
`EACH=3600 make soak` a million.

What is not asked, or compared loosely:

"""


def title(name: str) -> str:
    return "`" + name.replace("|", " ").upper() + "`"


def listed(names) -> str:
    """Names, a container's subcommands behind it."""
    out = []
    for container, group in groupby(sorted(names), lambda n: n.split("|")[0]):
        subs = [title(n.split("|")[1]) for n in group if "|" in n]
        out.append(title(container) + (f" ({' '.join(subs)})" if subs else ""))
    return " ".join(out)


def reasons(rows: List[Row], known) -> Dict[str, str]:
    """Why a name is absent, by name."""
    why = {}
    for row in rows:
        for name in row.names.split():
            covered = [k for k in known if k == name or k.startswith(name + "|")]
            if not covered:
                raise HeaderError(f"{KNOWN}: no such command: {name}")
            why.update((k, row.reason) for k in covered)
    return why


def groups_text(commands: List[Row]) -> str:
    by = {}
    for row in commands:
        by.setdefault(row.group, []).append(row.name.lower())
    return table(("group", "commands"), ((group, listed(names)) for group, names in sorted(by.items())))


def absent_text(absent, why) -> str:
    out = {}
    for name in absent:
        out.setdefault(why.get(name, "Not there yet."), []).append(name)
    return table(("commands", "why"), ((listed(names), cell(reason)) for reason, names in sorted(
        out.items(), key=lambda item: item[1])))


def coverage_text(known: Dict[str, str], here) -> str:
    def row(first):
        names = [n for n in known if known[n] == first]
        return first, str(len(names)), str(sum(n in here for n in names))
    return table(("first in", "commands and subcommands", "of them here"), map(row, dict.fromkeys(known.values())))


def listed_table(titles, text: str) -> str:
    """The rows of a text file whose columns are separated by bars."""
    rows = [line.split(" | ") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return table(titles, ([cell(part.strip()) for part in row] for row in rows))


def write(d: Description, rows: Rows) -> str:
    known = {row.name: row.first for row in rows.of(KNOWN, "KNOWN")}
    commands = rows.commands()
    here = {row.name.lower() for row in commands}
    why = reasons(rows.of(KNOWN, "ABSENT"), known)
    return (HEAD + "\n## Commands\n\n" + coverage_text(known, here) + groups_text(commands)
            + "Beyond Redis 7.2, with the syntax that later versions of Redis and Valkey gave them: "
            + listed(here - set(known)) + ".\n\n## What is not here\n\nThese are refused by name: `ERR unknown command`, or `ERR unknown subcommand`.\n\n"
            + absent_text([n for n in known if n not in here], why) + BESIDE.lstrip("\n")
            + "## Where redis-server 7.0 answers otherwise\n\nThe comparisons leave these cases out; each says what changed it.\n\n"
            + listed_table(("case", "what 7.0 answers", "source"), rows.text(DIFFERENCES)) + RANDOM + listed_table(("what", "redis-server 7.0", "why"), rows.text(UNLIKE)))
