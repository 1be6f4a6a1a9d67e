"""Writes python/kevy/_kevy.pyi: what the extension offers, with types, from python/*.def.

The names that the rows use for types are private here, since the module does not have them."""

import builtins
import re

from .header import Description

HEAD = '''
# mypy: disable-error-code="override, misc"
# A Store is narrower than MutableMapping where Redis is: its keys are never None, get() has one default. So are
# the views of collections, and what they are given may be more than what they give.

import builtins
import contextlib
import datetime
import os
from collections.abc import (Callable, Collection, Coroutine, ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping,
                             MutableSequence, MutableSet, ValuesView)
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from typing import Any, ClassVar, Literal, NoReturn, SupportsIndex, TypeVar, Union, overload

from typing_extensions import ParamSpec, Self, TypeAlias, disjoint_base, final

from kevy.caching import CachedCoroutine, CachedFunction, _Codec, _Decorator

_Key: TypeAlias = Union[str, bytes, bytearray, memoryview]
_Scalar: TypeAlias = Union[_Key, int, float]
_Member: TypeAlias = Union[_Key, int]
_Name: TypeAlias = Union[str, bytes]
_Element: TypeAlias = Union[str, bytes, int]
_Value: TypeAlias = Union[str, bytes, int, float]
_ID: TypeAlias = Union[str, bytes, int]
_Fields: TypeAlias = dict[_Element, _Value]
_Entry: TypeAlias = tuple[str, _Fields]
_TTL: TypeAlias = Union[int, float, datetime.timedelta]
_T = TypeVar("_T")
_P = ParamSpec("_P")
_F = TypeVar("_F", bound=Union[Callable[..., object], None])

__version__: str

'''

# The class, the file of its rows, and what it is.
CLASSES = (
    ("Hash", "python/hash.def", "MutableMapping[_Element, _Value]"),
    ("List", "python/list.def", "MutableSequence[_Value]"),
    ("Set", "python/set.def", "MutableSet[_Element]"),
    ("ZSet", "python/zset.def", "MutableMapping[_Element, float]"),
    ("Stream", "python/stream.def", "Collection[_Entry]"),
    ("Group", "python/group.def", ""),
    ("Session", "python/session.def", ""),
    ("Window", "python/window.def", ""),
)

ALIASES = '''
_HashView: TypeAlias = Hash
_ListView: TypeAlias = List
_SetView: TypeAlias = Set
_ZSetView: TypeAlias = ZSet
_StreamView: TypeAlias = Stream
_View: TypeAlias = Union[Hash, List, Set, ZSet, Stream]
_Held: TypeAlias = Union[_Value, _View]
_Given: TypeAlias = Union[_Scalar, _View, dict[Any, Any], list[Any], tuple[Any, ...], set[Any], frozenset[Any]]
'''

EXCLUSIVE = '''
@final
class exclusive:
    def __new__(cls, value: object) -> Self: ...
    @property
    def value(self) -> Any: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
'''

VERSION = '''
@final
class Version:
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
'''


def private(typed: str) -> str:
    return re.sub(r"\b(Key|Scalar|Member|Name|Element|Value|ID|Fields|Entry|View|Held|Given|TTL|T|F|P"
                  r"|(?:Hash|List|Set|ZSet|Stream)View)\b", r"_\1", typed)


def signatures(row, indent: str) -> str:
    lines = private(row.typed).split("\n")
    overload = f"{indent}@overload\n" if len(lines) > 1 else ""
    if getattr(row, "call", "") == "CLASS":
        overload += f"{indent}@classmethod\n"
    return "".join(f"{overload}{indent}def {row.name}{line}: ...\n" for line in lines)


def exceptions(d: Description, rows) -> str:
    """kevy's own classes, the base first, in the order of the errors that raise them."""
    bases = {"Error": "Exception"}
    for e in rows.errors(d):
        if not hasattr(builtins, e.python):
            bases.setdefault(e.python, f"Error, {e.python_base}" if e.python_base else "Error")
    return "".join(f"class {name}({base}): ...\n" for name, base in bases.items())


def members(rows, path: str) -> str:
    out = ""
    for row in sorted(rows.of(path, "SLOT") + rows.of(path, "METHOD"), key=lambda r: r.position):
        out += signatures(row, "    ")
    for row in rows.of(path, "PROPERTY"):
        out += f"    @property\n    def {row.name}(self) -> {private(row.typed)}: ...\n"
    for row in rows.of(path, "SETTABLE"):
        given = "int | str" if row.typed == "int" else row.typed
        out += f"    @property\n    def {row.name}(self) -> {private(row.typed)}: ...\n"
        out += f"    @{row.name}.setter\n    def {row.name}(self, value: {given}) -> None: ...\n"
    return out


def class_of(rows, name: str, path: str, base: str) -> str:
    hash_ = "    __hash__: ClassVar[None]  # type: ignore[assignment]\n" if base else ""
    return f"\n@final\nclass {name}{f'({base})' if base else ''}:\n{hash_}{members(rows, path)}"


def write(description: Description, rows) -> str:
    functions = "".join(signatures(r, "") for r in rows.of("python/store.def", "FUNCTION"))
    return (HEAD + exceptions(description, rows) + "".join(class_of(rows, *c) for c in CLASSES) + EXCLUSIVE + VERSION + ALIASES
            + "\n" + functions + "\n@disjoint_base\nclass Store(MutableMapping[_Name, _Held]):\n"
            + members(rows, "python/store.def"))
