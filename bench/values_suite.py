"""Collections through the C ABI, against kevy-store 1.47: memory, speed at a million elements, the worst single write.

As in the engine's suite, each side is one driver (values/driver.c) linked with one backend, a process of its own.
"""

from __future__ import annotations

import random
import statistics
from contextlib import ExitStack

from engine_suite import OLD, compiled, linked, size_name
from files_suite import Redis, directory
from kit import BENCH, ROOT, Row, Unavailable, Worker, compare, number, once, paired, rust, say

SOURCE = BENCH / "values"


def drivers() -> dict[str, object]:
    includes = [f"-I{SOURCE}", f"-I{ROOT / 'core'}", f"-I{ROOT / 'bindings'}"]
    driver = compiled(SOURCE / "driver.c", *includes, watch=[SOURCE], folder="values")
    engine = compiled(ROOT / "bindings" / "amalgam.c", *includes, "-fvisibility=hidden", "-fPIC", "-pthread",
                      watch=[ROOT / "core", ROOT / "bindings"])
    backend = compiled(SOURCE / "kevy.c", *includes, watch=[SOURCE, ROOT / "bindings"], folder="values")
    found = {"kevy": linked("values-kevy", driver, backend, engine)}
    try:
        found[OLD] = linked("values-1_47", driver, rust("libkevy_store_1_47.a", "bench-kevy-store-1-47"))
    except Unavailable as why:
        say(f"without the Rust crate: {why}")
    return found


# ---- Memory -----------------------------------------------------------------------------------------------

MEMORY = [
    ("small_hset", "hash of 2 fields, 8 + 8 bytes each, with its key", "small hash memory"),
    ("small_sadd", "set of one 24-byte member, with its key", "small set memory"),
    ("hset", "field of a big hash, 8 + 16 bytes", "hash memory"),
    ("sadd", "member of a big set, 16 bytes", "set memory"),
    ("zadd", "member of a big sorted set, 16 bytes", "zset memory"),
    ("rpush", "item of a big list, 16 bytes", "list memory"),
    ("xadd", "entry of a big stream, 2 fields of 8 bytes", "stream memory"),
]


def memory(quick: bool) -> list[Row]:
    programs = drivers()
    rows = []
    for op, what, bar in MEMORY:
        n = 1_000_000 if quick or op.startswith("small") else 5_000_000
        figures = {name: once([program], [f"fill {op} {n}"])[0] for name, program in programs.items()}
        others = "; ".join(f"{name}: {number(f['rss'])} B" for name, f in figures.items() if name != "kevy")
        ours = figures["kevy"]
        rows.append(Row(f"memory, {size_name(n)} × {what}: RSS", f"used_memory {number(ours['used'])} B", others,
                        [ours["rss"]], bar, " B"))
    return rows


# ---- Speed ------------------------------------------------------------------------------------------------

# What fills the value, the bar of that, and what then runs on it with which bars.
SPEED = [
    ("hset", "value", [("hget", "value"), ("hset", "value")]),
    ("sadd", "value", [("sismember", "value")]),
    ("zadd", "value", [("zscore", "value")]),
    ("rpush", None, [("rotate", "value ends")]),
    ("xadd", "value ends", [("xrange", "value")]),
    ("small_hset", "small hash create", [("small_hget", "small hash get")]),
    ("small_sadd", "value", []),
]


def speed(quick: bool) -> list[Row]:
    n, rounds, count = 1_000_000, 3 if quick else 7, 200_000 if quick else 1_000_000
    rows: list[Row] = []
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker([program])) for name, program in drivers().items()}

        def asking(line):
            return {side: (lambda w=w: w.ask(line)["ns"]) for side, w in workers.items()}

        for fill, bar, runs in SPEED:
            say(f"speed of {fill}")
            samples = paired(1 if quick else 3, asking(f"fill {fill} {n}"))
            rows += [compare(f"{fill}, growing to {size_name(n)}", samples, "kevy", OLD, bar)]
            for op, its_bar in runs:
                samples = paired(rounds, asking(f"run {op} {count}"))
                rows += [compare(f"{op}, at {size_name(n)}", samples, "kevy", OLD, its_bar)]
    return rows


# ---- Ranks ------------------------------------------------------------------------------------------------


BATCH = 10_000


def member(i: int) -> str:
    """The 16 bytes that the driver names the i-th item by."""
    eight = "".join(chr(ord("a") + i // 26**place % 26) for place in range(7, -1, -1))
    return eight * 2


class Server(Redis):
    """A redis-server with a sorted set as the driver's, and what it says of its own time."""

    def fill(self, n: int) -> None:
        for first in range(0, n, BATCH):
            self.pipeline(f"ZADD v {i * 1000003 % n} {member(i)}" for i in range(first, min(first + BATCH, n)))

    def pipeline(self, commands) -> None:
        mark = b"$4\r\ndone\r\n"
        self.socket.sendall("\r\n".join([*commands, "ECHO done", ""]).encode())
        tail = b""
        while not tail.endswith(mark):
            tail = tail[-len(mark):] + self.socket.recv(1 << 20)

    def nanoseconds(self, command: str, lines: list[str]) -> float:
        """Of one call by the server's own clock, without reading it from the socket and writing its answer there."""
        self.ask("CONFIG RESETSTAT")
        self.pipeline(lines)
        stats = next(line for line in self.ask("INFO commandstats").split("\r\n") if line.startswith(f"cmdstat_{command}:"))
        figures = dict(part.split("=") for part in stats.partition(":")[2].split(","))
        return 1000 * int(figures["usec"]) / int(figures["calls"])


def server_times(n: int) -> dict[str, list[float]]:
    """What redis-server takes for the same calls of a sorted set of n: five times each, many calls at a time."""
    chance = random.Random(1)
    calls = {
        "zrank": lambda i: f"ZRANK v {member(i)}",
        "zrange": lambda i: f"ZRANGE v {i} {i + 9}",
        "zrangebyscore": lambda i: f"ZRANGEBYSCORE v {i} {i + 9} LIMIT 0 10",
    }
    with ExitStack() as stack:
        server = stack.enter_context(Server(directory(stack)))
        server.fill(n)
        return {op: [server.nanoseconds(op, [line(chance.randrange(n)) for _ in range(20_000)]) for _ in range(5)]
                for op, line in calls.items()}


def against_server(n: int) -> dict[str, list[float]]:
    try:
        return server_times(n)
    except Unavailable as why:
        say(f"without redis-server: {why}")
        return {}


def ranks(quick: bool) -> list[Row]:
    rows: list[Row] = []
    programs = drivers()
    served = against_server(1_000_000)
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker([program])) for name, program in programs.items()}
        small = stack.enter_context(Worker([programs["kevy"]]))
        small.ask("fill zadd 10000")
        for w in workers.values():
            w.ask("fill zadd 1000000")
        for op in ("zrank", "zrange", "zrangebyscore"):
            ours = [workers["kevy"].ask(f"run {op} 20000")["ns"] for _ in range(5)]
            few = [small.ask(f"run {op} 20000")["ns"] for _ in range(5)]
            theirs = [workers[OLD].ask(f"run {op} 10")["ns"]] if OLD in workers else []
            here = statistics.median(ours)
            rows.append(Row(f"{op} at 1 M members", f"{number(here)} ns", f"at 10 k: {number(statistics.median(few))} ns",
                            [a / b for a, b in zip(ours, few)], "rank growth", "× the time"))
            if theirs:
                rows.append(Row(f"{op} at 1 M members", f"{number(here)} ns", f"{OLD}: {number(theirs[0])} ns",
                                [theirs[0] / a for a in ours], "rank", "× as fast"))
            if op in served:
                beside = f"inside redis-server: {number(statistics.median(served[op]))} ns"
                rows.append(Row(f"{op} at 1 M members", f"{number(here)} ns", beside,
                                [a / b for a, b in zip(ours, served[op])], "rank server", "× the time"))
    return rows


# ---- The worst single write ---------------------------------------------------------------------------------

WRITES = ("hset", "sadd", "zadd", "rpush", "xadd")


def worst_rows(op: str, n: int, runs: int, program, idle: dict) -> list[Row]:
    grown = once([program], [f"work {op} {n} 0"])[0]
    warm = once([program], [f"worst {op} {n} {runs}"])[0]
    held = once([program], [f"work {op} {n} 1"])[0]
    held_time = once([program], [f"held {op} {n} {1 if runs < 5 else 3}"])[0]
    beside = f"idle loop: {number(idle['least_us'])} µs"
    what = f"worst {op} while growing one value to {size_name(n)}"
    under = f"worst {op} into a value of {size_name(n)} under a snapshot"
    return [
        Row(f"{what}: elements moved", "", "", [grown["most_entries"]], "worst entries"),
        Row(f"{what}: copied or zeroed", "", "", [grown["most_bytes"] / 1024], "worst bytes", " KiB"),
        Row(f"{what}: thread CPU, memory warm", f"in single runs {number(warm['single_us'])} µs", beside,
            [warm["least_us"]], "worst time", " µs"),
        Row(f"{under}: copied or zeroed", "", "", [held["most_bytes"] / 1024], "worst bytes", " KiB"),
        Row(f"{under}: thread CPU beyond the idle loop", f"{number(held_time['least_us'])} µs", beside,
            [max(held_time["least_us"] - idle["least_us"], 0)], "held time", " µs"),
    ]


def worst(quick: bool) -> list[Row]:
    n, runs = (500_000, 2) if quick else (5_000_000, 5)
    programs = drivers()
    idle = once([programs["kevy"]], [f"idle - {n} {runs}"])[0]
    rows: list[Row] = []
    for op in WRITES:
        say(f"worst {op}")
        rows += worst_rows(op, n, runs, programs["kevy"], idle)
        sizes = {name: once([program], [f"fill {op} {n}", "del"])[1]["us"] for name, program in programs.items()}
        others = "; ".join(f"{name}: {number(us)} µs" for name, us in sizes.items() if name != "kevy")
        rows.append(Row(f"DEL of a value of {size_name(n)}, made by {op}", "", others, [sizes["kevy"]], "del", " µs"))
    return rows


PARTS = {"memory": memory, "speed": speed, "ranks": ranks, "worst": worst}
