"""What Python programs keep things in today, each described by how it is opened, read and written.

`read` and `write` are statements of the timed loop over `s` (the store), `get` and `set` (its bound methods), `k`
(a key) and `v` (a value): each peer is used the way its own documentation does. Imports happen on opening, so that
the Rust project's client, which shares our name, is only ever looked for in its own environment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from time import monotonic
from typing import Any, Callable

HOUR = 3600.0


@dataclass(frozen=True)
class Peer:
    open: Callable[[int], Any]  # of a store for this many keys
    read: str = "get(k)"
    write: str = "set(k, v)"  # "" where nothing is kept
    key: Callable[[str], Any] = str  # text of a key to what the peer takes
    remote: bool = False  # answers from another process: the clock on the wall counts, not this process's


def number(key: str) -> int:
    """The number in the text of a key: a position in a list."""
    return int(key[4:])


class TTLDict:
    """The class that programs write when they need a dict with deadlines."""

    def __init__(self):
        self.data = {}

    def get(self, key, default=None):
        item = self.data.get(key)
        if item is None:
            return default
        value, deadline = item
        if deadline is not None and deadline <= monotonic():
            del self.data[key]
            return default
        return value

    def set(self, key, value, ttl=None):
        self.data[key] = (value, None if ttl is None else monotonic() + ttl)


def kevy_store(n):
    import kevy

    return kevy.Store()


def kevy_view(kind):
    """Opens a live view of a key of a store of its own."""

    def open(n):
        import kevy

        return getattr(kevy.Store(), kind)("view")

    return open


def floor_store(n):
    import floor

    return floor.Store()


def cachetools_ttl(n):
    import cachetools

    return cachetools.TTLCache(2 * n, HOUR)


def cachetools_lru(n):
    import cachetools

    return cachetools.LRUCache(2 * n)


def cachebox_ttl(n):
    import cachebox

    return cachebox.TTLCache(2 * n, HOUR)


def cachebox_vttl(n):
    import cachebox

    return cachebox.VTTLCache(2 * n)


def lru_dict(n):
    import lru

    return lru.LRU(2 * n)


def fake_redis(n):
    import fakeredis

    return fakeredis.FakeRedis()


def redis_client(n):
    import redis

    return redis.Redis(unix_socket_path=os.environ["KEVY_BENCH_REDIS"])


def kevy_redis(n):
    import kevy.redis

    return kevy.redis.Redis()


def idle_redis(answer):
    """Opens redis-py over a connection that does nothing."""

    def open(n):
        import idle

        return idle.client(answer)

    return open


def rust_client(n):
    import kevy

    return kevy.connect("mem://")


PEERS = {
    "kevy": Peer(kevy_store),
    "kevy, a command": Peer(kevy_store, read="s.command('GET', k)"),
    "kevy, TTL": Peer(kevy_store, write=f"set(k, v, {HOUR})"),
    "do-nothing method": Peer(floor_store, write=""),
    "do-nothing method, looked up": Peer(floor_store, read="s.get(k)", write=""),
    "do-nothing method, twice": Peer(floor_store, read="s.get(k); s.get(k)", write=""),
    "Hash": Peer(kevy_view("Hash"), read="s[k]", write="s[k] = v"),
    "ZSet": Peer(kevy_view("ZSet"), read="s[k]", write="s[k] = 1.5"),
    "Set": Peer(kevy_view("Set"), read="k in s", write="s.add(k)"),
    "List": Peer(kevy_view("List"), read="s[k]", write="s.append(v)", key=number),
    "List, set": Peer(kevy_view("List"), read="s[k] = v", write="s.append(v)", key=number),
    "List, queue": Peer(kevy_view("List"), read="s.append(v); s.popleft()", write="s.append(v)"),
    "dict": Peer(lambda n: {}, write="s[k] = v"),
    "dict[k]": Peer(lambda n: {}, read="s[k]", write="s[k] = v"),
    "TTL class over dict": Peer(lambda n: TTLDict(), write=f"set(k, v, {HOUR})"),
    "cachetools.TTLCache": Peer(cachetools_ttl, write="s[k] = v"),
    "cachetools.LRUCache": Peer(cachetools_lru, write="s[k] = v"),
    "cachebox.TTLCache": Peer(cachebox_ttl, write="s[k] = v"),
    "cachebox.VTTLCache": Peer(cachebox_vttl, write=f"s.insert(k, v, {HOUR})"),
    "lru-dict": Peer(lru_dict, write="s[k] = v"),
    "fakeredis": Peer(fake_redis),
    "redis-py, unix socket": Peer(redis_client, remote=True),
    "Rust kevy's ctypes client": Peer(rust_client, key=str.encode),
}

# redis-py's calls, over kevy.redis, over a connection that does nothing, over others: "kevy.redis: get" and so on. Each is the
# statement that is read; the keys are there already.
CALLS = {
    "get": ("s.get(k)", b"value:0000000000"),
    "set": ("s.set(k, v)", b"OK"),
    "zadd": ("s.zadd('z', {k: 1.5})", 0),
    "pipeline of 100 gets": ("p = s.pipeline(transaction=False)\n            for _ in range(100): p.get(k)\n            p.execute()",
                             b"value:0000000000"),
}
for _call, (_statement, _answer) in CALLS.items():
    PEERS["kevy.redis: " + _call] = Peer(kevy_redis, read=_statement)
    PEERS["idle: " + _call] = Peer(idle_redis(_answer), read=_statement)
    PEERS["fakeredis: " + _call] = Peer(fake_redis, read=_statement)
    PEERS["redis-server: " + _call] = Peer(redis_client, read=_statement, remote=True)
