"""Writes python/kevy/_kevy.pyi: what the extension offers, with types, from python/store.def.

The names that the rows use for types are private here, since the module does not have them."""

import builtins
import re

from .header import Description

HEAD = '''
# mypy: disable-error-code="override"
# A Store is narrower than MutableMapping where Redis is: its keys are never None, get() has one default.

import datetime
import os
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import Any, Literal, NoReturn, TypeVar, Union, overload

from typing_extensions import Self, TypeAlias, disjoint_base

_Key: TypeAlias = Union[str, bytes, bytearray, memoryview]
_Scalar: TypeAlias = Union[_Key, int, float]
_Name: TypeAlias = Union[str, bytes]
_Value: TypeAlias = Union[str, bytes, int, float]
_TTL: TypeAlias = Union[int, float, datetime.timedelta]
_T = TypeVar("_T")

__version__: str

'''


def private(typed: str) -> str:
    return re.sub(r"\b(Key|Scalar|Name|Value|TTL|T)\b", r"_\1", typed)


def signatures(row, indent: str) -> str:
    lines = private(row.typed).split("\n")
    overload = f"{indent}@overload\n" if len(lines) > 1 else ""
    return "".join(f"{overload}{indent}def {row.name}{line}: ...\n" for line in lines)


def exceptions(d: Description, rows) -> str:
    """kevy's own classes, the base first, in the order of the errors that raise them."""
    bases = {"Error": "Exception"}
    for e in rows.errors(d):
        if not hasattr(builtins, e.python):
            bases.setdefault(e.python, f"Error, {e.python_base}" if e.python_base else "Error")
    return "".join(f"class {name}({base}): ...\n" for name, base in bases.items())


def members(rows) -> str:
    path = "python/store.def"
    out = ""
    for row in sorted(rows.of(path, "SLOT") + rows.of(path, "METHOD"), key=lambda r: r.position):
        out += signatures(row, "    ")
    for row in rows.of(path, "PROPERTY"):
        out += f"    @property\n    def {row.name}(self) -> {private(row.typed)}: ...\n"
    return out


def write(description: Description, rows) -> str:
    functions = "".join(signatures(r, "") for r in rows.of("python/store.def", "FUNCTION"))
    return (HEAD + exceptions(description, rows) + "\n" + functions
            + "\n@disjoint_base\nclass Store(MutableMapping[_Name, _Value]):\n" + members(rows))
