"""A process that measures peers when asked. One JSON object a line, in and out:

    {"peer": NAME, "case": CASE, "keys": N, "calls": M}    {"ns": per call}
    {"peer": NAME, "memory": N}                            {"bytes": resident per key, "used": own account per key}

Cases: `get hot` and `set hot` use the same 1,000 keys over and over; `get cold` and `set cold` go once through
all N in an order unlike insertion, with key objects made for that round, whose hash nobody has asked for yet. The
store holds N keys in every case. A time is CPU time of this process, or wall time where the peer is another one; the
garbage collector is off throughout.
"""

from __future__ import annotations

import gc
import json
import random
import sys
from time import perf_counter_ns, process_time_ns

from peers import PEERS

HOT = 1000
VALUE = b"value:0000000000"
LOOP = """
def loop(s, get, set, keys, v, clock, passes):
    t = clock()
    for _ in range(passes):
        for k in keys:
            {statement}
    return clock() - t
"""


def loop_of(statement):
    scope = {}
    exec(LOOP.format(statement=statement), scope)
    return scope["loop"]


class Bench:
    """One peer, opened and filled."""

    def __init__(self, name, n):
        self.peer = PEERS[name]
        self.n = n
        self.random = random.Random(n)
        self.store = self.peer.open(n)
        self.loops = {"get": loop_of(self.peer.read), "set": loop_of(self.peer.write or "pass")}
        self.clock = perf_counter_ns if self.peer.remote else process_time_ns
        self.hot = [self.key(i) for i in self.random.sample(range(n), min(HOT, n))]
        inserted = dict(zip(self.hot, self.hot))
        if self.peer.write:
            self.time("set", [inserted.get(k, k) for k in map(self.key, range(n))], 1)

    def key(self, i):
        return self.peer.key(f"key:{i:010d}")

    def time(self, verb, keys, passes):
        store = self.store
        arguments = (
            store,
            getattr(store, "get", None),
            getattr(store, "set", None),
            keys,
            VALUE,
            self.clock,
            passes,
        )
        return self.loops[verb](*arguments) / (len(keys) * passes)

    def measure(self, case, calls):
        verb, _, heat = case.partition(" ")
        if heat == "hot":
            keys = self.hot[:calls]
            return self.time(verb, keys, max(1, calls // len(keys)))
        ids = list(range(self.n))
        self.random.shuffle(ids)
        return self.time(verb, [self.key(i) for i in ids[:calls]], 1)


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024


def memory(name, n):
    """Resident bytes per key of a store that holds the only references to keys and values."""
    peer = PEERS[name]
    store = peer.open(n)
    scope = {}
    fill = (
        "def fill(s, set, n, key):\n for i in range(n):\n  k = key(f'key:{i:010d}'); v = b'value:%010d' % i\n  "
        + peer.write
    )
    exec(fill, scope)
    before = resident()
    scope["fill"](store, getattr(store, "set", None), n, peer.key)
    used = getattr(store, "used_memory", 0)
    return {"bytes": (resident() - before) / n, "used": used / n}


def main():
    gc.disable()
    open_benches = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "memory" in asked:
            answer = memory(asked["peer"], asked["memory"])
        else:
            which = (asked["peer"], asked["keys"])
            if which not in open_benches:
                open_benches[which] = Bench(*which)
            answer = {"ns": open_benches[which].measure(asked["case"], asked["calls"])}
        print(json.dumps(answer), flush=True)


main()
