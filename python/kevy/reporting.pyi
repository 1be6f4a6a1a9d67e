# What kevy.report() gives. The rest of the module is its own.

import os
from typing import NamedTuple, Union

from kevy._kevy import Store

class Part(NamedTuple):
    name: str
    keys: int
    bytes: int

class Key(NamedTuple):
    key: str | bytes
    type: str
    encoding: str
    bytes: int
    ttl: float | None

class Sample(NamedTuple):
    time: float
    hits: int
    misses: int
    used: int

class Report:
    info: dict[str, Union[str, bytes, int, float]]
    samples: list[Sample]
    types: list[Part]
    encodings: list[Part]
    prefixes: list[Part]
    ttls: list[Part]
    biggest: list[Key]
    def __init__(self, info: dict[str, Union[str, bytes, int, float]], samples: list[Sample], types: list[Part], encodings: list[Part],
                 prefixes: list[Part], ttls: list[Part], biggest: list[Key]) -> None: ...
    @property
    def keys(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    def html(self) -> str: ...
    def save(self, path: Union[str, os.PathLike[str]]) -> None: ...

def sample(store: Store) -> list[Sample]: ...
def report(store: Store, *, separator: str = ":", top: int = 10) -> Report: ...
