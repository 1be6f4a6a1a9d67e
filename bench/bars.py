"""The bars: what kevy promises to reach, as data.

A bar is a direction and a limit on the median of a row's samples. Rows name their bar by key; a row without
one is there to be compared with.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    op: str  # "<=" or ">="
    limit: float
    unit: str = ""

    def __str__(self) -> str:
        return f"{'≤' if self.op == '<=' else '≥'} {self.limit:g}{self.unit}"

    def missed_by(self, value: float) -> float:
        """0 when met, else how far past the limit, as a share of it."""
        over = (
            value / self.limit - 1 if self.op == "<=" else self.limit / value - 1 if value else float("inf")
        )
        return max(over, 0.0)


def at_most(limit: float, unit: str = "") -> Bar:
    return Bar("<=", limit, unit)


def at_least(limit: float, unit: str = "×") -> Bar:
    return Bar(">=", limit, unit)


BARS = {
    # Memory: resident bytes per key; the peak while growing, as a multiple of the end.
    "memory": at_most(60, " B"),
    "memory ttl": at_most(78, " B"),
    "memory peak": at_most(1.1, "×"),
    # The worst single SET while growing.
    "worst entries": at_most(1000, " entries"),
    "worst bytes": at_most(64, " KiB"),
    "worst time": at_most(300, " µs"),
    # CPU time, as a ratio to kevy-store 1.47.
    "get": at_most(0.4),
    "mget": at_most(0.25),
    "get 10k": at_most(0.8),
    "miss": at_most(1.3),
    "set": at_most(0.5),
    # Moments of a 10 M-key store.
    "snapshot time": at_most(1, " ms"),
    "snapshot memory": at_most(2, " MB"),
    "drop": at_most(50, " ms"),
    # Transactions, as a ratio to the SETs inside.
    "commit": at_most(1.5),
    "rollback": at_most(2.0),
    # At the limit, as a ratio to SETs below it; reads that are tracked, to reads that are not; keys in 64 MB, to ngx.shared.DICT.
    "set at limit": at_most(1.6),
    "get tracked": at_most(1.05),
    "worst evicted": at_most(64, " keys"),
    "held": at_least(2.2),
    # Expiry: from the deadline on; of a stream, a second later; the keys that one operation frees, and its time.
    "expired back": at_most(1000, " ms"),
    "expired share": at_least(99.9, " %"),
    "expired keys": at_most(256, " keys"),
    "expired time": at_most(200, " µs"),
    # RSS, over used_memory and 10 % + 8 MB.
    "resident": at_most(1.0, "×"),
    # Files: times faster than redis-server 7.0; who writes during a background save.
    "save": at_least(1.5),
    "load": at_least(1.5),
    "save slowdown": at_most(1.15),
    "log": at_most(2),
    "log embedded": at_least(1),
    "group": at_least(0.9),
    "save worst": at_most(500, " µs"),
    # Python.
    "python floor": at_most(1.5),
    "python dict hot": at_most(2.0),
    "python command": at_most(2.5),
    "python dict cold": at_least(1.0),
    "python ttl class": at_least(2),
    "python cachetools": at_least(12),
    "python cachebox": at_least(1.2),
    "python rust client": at_least(30),
    # Lua, inside nginx.
    "lua dict hot": at_least(3.5),
    "lua dict 100k": at_least(2.5),
    # Collections: bytes each, key included; bytes per element of one big value.
    "small hash memory": at_most(90, " B"),
    "small set memory": at_most(72, " B"),
    "hash memory": at_most(52, " B"),
    "set memory": at_most(42, " B"),
    "zset memory": at_most(72, " B"),
    "list memory": at_most(18, " B"),
    "stream memory": at_most(30, " B"),
    # CPU time, as a ratio to kevy-store 1.47.
    "value": at_most(0.6),
    "value ends": at_most(1.0),
    "small hash create": at_most(0.5),
    "small hash get": at_most(0.4),
    # Ranks and ranges: a million members against ten thousand; times faster than kevy-store; beside redis-server's own time.
    "rank growth": at_most(3),
    "rank": at_least(10_000),
    "rank server": at_most(1.0),
    # One write into a value of 5 M elements, growing it or under a snapshot (beyond the idle loop); dropping it.
    "held time": at_most(200, " µs"),
    "del": at_most(100, " µs"),
    # Hit ratios, in points: behind exact LRU, redis-server's LFU, the best of all peers.
    "lru shortfall": at_most(1),
    "lfu shortfall": at_most(1),
    "best shortfall": at_most(0.5),
    # Python views.
    "python view": at_most(2.0),
    # redis-py on a store: over its own floor; faster than with a server, or fakeredis.
    "redis-py floor": at_most(1.5),
    "redis-py": at_least(3),
    # A window beside redis-server, as redis-benchmark sees them.
    "window": at_least(1),
}
