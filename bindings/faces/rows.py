"""Reads the X-macro files (*.def): rows of NAME(argument, ...) under a comment that names the columns.

The comment on top of a file shows each kind of row once, as "NAME(column, column, ...)", and says what
the columns mean; a row with another number of arguments is an error. So a .def file says by itself
what it holds, here as in C."""

import ast
import os
import re
from typing import Dict, List

from .header import Description, HeaderError, split_arguments

STRING = r'"(?:[^"\\\n]|\\.)*"'


class Row:
    """One row: its columns as attributes, strings joined, anything else as written; where in the file it
    is; and the comment behind it on its line."""

    def __init__(self, columns: List[str], arguments: List[str], position: int, comment: str):
        self.__dict__.update(zip(columns, arguments), position=position, comment=comment)


def bare(text: str) -> str:
    """The text with comments and preprocessor lines blanked out; strings stay, and so do positions."""
    text = re.sub(rf"({STRING})|/\*.*?\*/|//[^\n]*",
                  lambda m: m.group(1) or " " * len(m.group()), text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: " " * len(m.group()), text, flags=re.M)


def comment_behind(text: str, at: int) -> str:
    m = re.compile(r"[ \t,;]*/\*(.*?)\*/", re.S).match(text, at)
    return " ".join(m.group(1).split()) if m else ""


def unquote(argument: str) -> str:
    """The value of one argument."""
    strings = re.findall(STRING, argument)
    if strings and not re.sub(STRING, "", argument).strip():
        return "".join(ast.literal_eval(s) for s in strings)
    return " ".join(argument.split())


def columns_of(path: str, text: str) -> Dict[str, List[str]]:
    """The columns of each kind of row, from the comment on top."""
    comment = re.match(r"\s*/\*(.*?)\*/", text, re.S)
    lines = re.sub(r"^[ \t]*\*", "", comment.group(1) if comment else "", flags=re.M)
    found = {name: [c.strip() for c in columns.split(",")]
             for name, columns in re.findall(r"\b([A-Z]+)\(([a-z_]+(?:,\s*[a-z_]+)+)\)", lines)}
    if not found:
        raise HeaderError(f"{path}: the comment on top names no columns")
    return found


def read_rows(path: str, text: str) -> Dict[str, List[Row]]:
    """{kind: [Row, ...]}; anything between the rows is an error."""
    columns = columns_of(path, text)
    rows: Dict[str, List[Row]] = {kind: [] for kind in columns}
    full, text, at = text, bare(text), 0
    while True:
        m = re.compile(r"[\s,;]*([A-Za-z_]\w*)\s*\(").match(text, at)
        if m is None:
            break
        at = closing(path, text, m) + 1
        arguments = [unquote(a) for a in split_arguments(text[m.end():at - 1])]
        if len(arguments) != len(columns.get(m.group(1), ())):
            raise HeaderError(f"{path}: not a row as the comment on top has it: "
                              f"{m.group(1)}({', '.join(arguments)[:60]}...")
        kind = m.group(1)
        rows[kind].append(Row(columns[kind], arguments, at, comment_behind(full, at)))
    if text[at:].strip(" \t\r\n;,"):
        raise HeaderError(f"{path}: not a row: {text[at:].strip()[:60]!r}")
    return rows


def closing(path: str, text: str, m) -> int:
    """Where the bracket that the match opens is closed."""
    depth = 1
    for p in re.finditer(rf"{STRING}|[()]", text[m.end():]):
        depth += {"(": 1, ")": -1}.get(p.group(), 0)
        if depth == 0:
            return m.end() + p.start()
    raise HeaderError(f"{path}: a row of {m.group(1)} is not closed")


class Rows:
    """The rows of every .def file, read from the tree at root."""

    def __init__(self, root: str):
        self.root = root
        self.files: Dict[str, Dict[str, List[Row]]] = {}

    def of(self, path: str, kind: str) -> List[Row]:
        """The rows of a kind; none where the file has no such kind."""
        if path not in self.files:
            self.files[path] = read_rows(path, self.text(path))
        return self.files[path].get(kind, [])

    def text(self, path: str) -> str:
        """The file, with the .def files it includes in their place."""
        with open(os.path.join(self.root, path), encoding="utf-8") as f:
            text = f.read()
        return re.sub(r'^#include "(.*\.def)"$',
                      lambda m: self.text(os.path.join(os.path.dirname(path), m.group(1))), text,
                      flags=re.M)

    def errors(self, d: Description) -> List[Row]:
        """errors.def in the order of the headers, with number and message from there."""
        rows = {r.name: r for r in self.of("bindings/errors.def", "ERROR")}
        declared = [c for c in d.constants if c.name in d.error_names]
        if {c.name[5:] for c in declared} != set(rows):
            raise HeaderError("errors.def and KEVY_ERRORS differ: " + ", ".join(sorted(
                {c.name[5:] for c in declared} ^ set(rows))))
        for c in declared:
            rows[c.name[5:]].number = c.value
            rows[c.name[5:]].message = c.doc
        return [rows[c.name[5:]] for c in declared]

    def commands(self) -> List[Row]:
        """commands.def; a subcommand is written with a space."""
        rows = self.of("bindings/commands.def", "COMMAND")
        for r in rows:
            r.title = r.name.replace("|", " ")
        return rows
