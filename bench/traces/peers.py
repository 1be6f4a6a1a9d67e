"""Plays a trace to a cache of another Python package: peers.py TRACE CAPACITY PEER prints its hits."""

import sys
from array import array


def replay(get, put, trace):
    hits = 0
    for key in trace:
        if get(key) is not None:
            hits += 1
        else:
            put(key, 1)
    return hits


def theine(trace, capacity):
    from theine import Cache

    cache = Cache(capacity)
    return replay(lambda key: cache.get(key)[0], cache.set, trace)


def moka(trace, capacity):
    from moka_py import Moka

    cache = Moka(capacity)
    return replay(cache.get, cache.set, trace)


def cachebox(trace, capacity):
    from cachebox import LFUCache

    cache = LFUCache(capacity)
    return replay(cache.get, cache.__setitem__, trace)


if __name__ == "__main__":
    path, size, peer = sys.argv[1:]
    accesses = array("I")
    with open(path, "rb") as file:
        accesses.frombytes(file.read())
    print({"theine": theine, "moka-py": moka, "cachebox LFU": cachebox}[peer](accesses, int(size)))
