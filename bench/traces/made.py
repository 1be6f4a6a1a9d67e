"""The traces: made ones, from seeds, and recorded ones that lie in a directory, one key a line (.txt, or .txt.xz).

A trace is an array of 32-bit words: the keys in the order of access, numbered from 0 in the order of their first.
"""

from __future__ import annotations

import lzma
import random
from array import array
from itertools import accumulate
from pathlib import Path
from typing import Iterable, Iterator

KEYS = 50_000
ONCE = 10_000_000  # from here on keys that come once


def zipf(chance: random.Random, keys: int, skew: float, accesses: int) -> list[int]:
    """Keys in an order that has nothing to do with how often they come."""
    names = list(range(keys))
    chance.shuffle(names)
    return chance.choices(names, cum_weights=list(accumulate(1 / (i + 1) ** skew for i in range(keys))), k=accesses)


def scanned(chance: random.Random, accesses: int) -> Iterator[int]:
    """Zipf, and after each 20,000 accesses a scan of 10,000 keys that never come again."""
    once = ONCE
    for i, key in enumerate(zipf(chance, KEYS, 1.0, accesses)):
        yield key
        if i % 20_000 == 19_999:
            yield from range(once, once + 10_000)
            once += 10_000


def once_in_three(chance: random.Random, accesses: int) -> Iterator[int]:
    """Zipf, where every third access on average is to a key that never comes again."""
    for i, key in enumerate(zipf(chance, KEYS, 0.9, accesses)):
        yield key if chance.random() < 2 / 3 else ONCE + i


def shifting(chance: random.Random, accesses: int) -> Iterator[int]:
    """A working set of 5,000 keys, half of which gives way ten times."""
    for phase in range(10):
        yield from (phase * 2500 + key for key in zipf(chance, 5000, 0.8, accesses // 10))


def drifting(chance: random.Random, accesses: int) -> Iterator[int]:
    """Zipf over the last 20,000 of keys that are made one each 20 accesses: the newest are the most popular."""
    weights = list(accumulate(1 / (i + 1) ** 0.9 for i in range(20_000)))
    for i, key in enumerate(chance.choices(range(20_000), cum_weights=weights, k=accesses)):
        yield ONCE + i // 20 - key


def alternating(chance: random.Random, accesses: int) -> Iterator[int]:
    """Zipf and loops over 15,000 other keys, in turn."""
    for phase in range(4):
        yield from zipf(chance, KEYS, 1.0, accesses // 8)
        yield from (ONCE + phase * 1_000_000 + i % 15_000 for i in range(accesses // 8))


def numbered(keys: Iterable) -> array:
    names: dict = {}
    return array("I", (names.setdefault(key, len(names)) for key in keys))


def made(accesses: int) -> dict[str, array]:
    chance = random.Random(1)
    traces = {f"Zipf {skew}": zipf(chance, KEYS, skew, accesses) for skew in (0.7, 0.8, 0.9, 1.0, 1.1, 1.2)}
    traces |= {
        "Zipf 1.0 and scans": scanned(chance, accesses),
        "Zipf 0.9, a third once": once_in_three(chance, accesses),
        "loop of 20,000": (i % 20_000 for i in range(accesses)),
        "shifting set": shifting(chance, accesses),
        "drifting set": drifting(chance, accesses),
        "Zipf and loops in turn": alternating(chance, accesses),
    }
    return {name: numbered(trace) for name, trace in traces.items()}


def recorded(directory: Path, most: int) -> dict[str, array]:
    """Of each file the first `most` accesses."""
    traces = {}
    for path in sorted([*directory.glob("*.txt"), *directory.glob("*.txt.xz")]):
        with lzma.open(path, "rt") if path.suffix == ".xz" else path.open() as lines:
            traces[path.name.split(".")[0]] = numbered(line.strip() for _, line in zip(range(most), lines))
    return traces
