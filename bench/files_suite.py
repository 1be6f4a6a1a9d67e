"""Files: saving and loading beside redis-server, and what a save in the background costs who writes meanwhile.

Files lie in the build's directory, on whatever disk that is, and both sides sync them. redis-server is started on the
file that kevy saved, so both hold the same keys.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from engine_suite import compiled, linked, size_name
from kit import (BENCH, BUILD, ROOT, Row, Unavailable, Worker, compare, need, number, once, paired,
                 ratios, rust, say)

SOURCE = BENCH / "files"


def driver():
    includes = [f"-I{ROOT / 'core'}", f"-I{ROOT / 'bindings'}"]
    engine = compiled(ROOT / "bindings" / "amalgam.c", *includes, "-fvisibility=hidden", "-fPIC", "-pthread",
                      watch=[ROOT / "core", ROOT / "bindings"])
    return linked("files", compiled(SOURCE / "driver.c", *includes, watch=[SOURCE, ROOT / "bindings"], folder="files"),
                  engine)


class Redis:
    """A redis-server on the file dump.rdb of a directory, with its defaults."""

    def __init__(self, directory: Path):
        began = time.monotonic()
        self.path = str(directory / "socket")
        self.process = subprocess.Popen(
            [need("redis-server"), "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", str(directory)],
            stdout=subprocess.DEVNULL)
        self.socket = self._connect()
        while self.ask("PING") != "+PONG":
            time.sleep(0.005)
        self.load_s = time.monotonic() - began

    def _connect(self):
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.path)
                return s
            except OSError:
                s.close()
                time.sleep(0.005)

    def ask(self, command: str) -> str:
        """A short answer's first line, or for INFO everything."""
        self.socket.sendall(command.encode() + b"\r\n")
        answer = self.socket.recv(65536).decode()
        while not answer.endswith("\r\n"):
            answer += self.socket.recv(65536).decode()
        return answer.strip()

    def cpu(self) -> float:
        figures = dict(line.split(":") for line in self.ask("INFO cpu").split("\r\n") if ":" in line)
        return float(figures["used_cpu_sys_main_thread"]) + float(figures["used_cpu_user_main_thread"])

    def save(self) -> dict:
        cpu, began = self.cpu(), time.monotonic()
        if self.ask("SAVE") != "+OK":
            raise RuntimeError("SAVE failed")
        wall = time.monotonic() - began
        return {"wall_s": wall, "cpu_s": self.cpu() - cpu}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.terminate()
        self.process.wait(60)


def directory(stack: ExitStack) -> Path:
    BUILD.mkdir(parents=True, exist_ok=True)
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="files-", dir=BUILD)))


# ---- Saving -----------------------------------------------------------------------------------------------


def save(quick: bool) -> list[Row]:
    n, rounds = (1_000_000, 3) if quick else (10_000_000, 5)
    with ExitStack() as stack:
        here = directory(stack)
        ours = stack.enter_context(Worker([driver()]))
        ours.ask(f"fill {n}")
        ours.ask(f"save {here / 'dump.rdb'}")
        size = (here / "dump.rdb").stat().st_size
        say("redis-server loads it")
        redis = stack.enter_context(Redis(here))
        cpu: dict[str, list[float]] = {"kevy": [], "redis-server": []}

        def timed(name, run):
            figures = run()
            cpu[name].append(figures["cpu_s"])
            return figures["wall_s"]

        samples = paired(rounds, {"kevy": lambda: timed("kevy", lambda: ours.ask(f"save {here / 'kevy.rdb'}")),
                                  "redis-server": lambda: timed("redis-server", redis.save)})
        row = compare(f"save of {size_name(n)} small strings, synced", samples, "kevy", "redis-server", "save", True, "s",
                      "redis-server SAVE")
        row.kevy += f", CPU {number(statistics.median(cpu['kevy']))} s, {size / 1e6:.0f} MB"
        row.against += f", CPU {number(statistics.median(cpu['redis-server']))} s"
        return [row]


# ---- Loading ----------------------------------------------------------------------------------------------


def load(quick: bool) -> list[Row]:
    """The same file, which both find in memory; redis-server's time is that from its start to its first answer."""
    n, rounds = (1_000_000, 3) if quick else (10_000_000, 5)
    with ExitStack() as stack:
        here = directory(stack)
        ours = stack.enter_context(Worker([driver()]))
        ours.ask(f"fill {n}")
        ours.ask(f"save {here / 'dump.rdb'}")
        cpu: dict[str, list[float]] = {"kevy": [], "redis-server": []}

        def kevy():
            figures = ours.ask(f"load {here / 'dump.rdb'}")
            cpu["kevy"].append(figures["cpu_s"])
            return figures["wall_s"]

        def redis():
            with Redis(here) as server:
                cpu["redis-server"].append(server.cpu())
                return server.load_s

        samples = paired(rounds, {"kevy": kevy, "redis-server": redis})
        row = compare(f"load of {size_name(n)} small strings", samples, "kevy", "redis-server", "load", True, "s",
                      "redis-server's start")
        row.kevy += f", CPU {number(statistics.median(cpu['kevy']))} s"
        row.against += f", CPU {number(statistics.median(cpu['redis-server']))} s"
        return [row]


# ---- Saving in the background --------------------------------------------------------------------------------


def background(quick: bool) -> list[Row]:
    n, rounds, writes = (1_000_000, 3, 100_000) if quick else (10_000_000, 5, 1_000_000)
    with ExitStack() as stack:
        path = directory(stack) / "dump.rdb"
        lines = [f"fill {n}", *[f"beside {path}"] * rounds, f"held {n // 10}", f"worst {path} {writes} {rounds}"]
        _, *beside, held, worst = once([driver()], lines)
    ratio = [b["beside_ns"] / b["alone_ns"] for b in beside if b["sets"]]
    what = f"background save of {size_name(n)} keys"
    return [
        Row(f"{what}: a writer's random overwrites, thread CPU",
            f"{number(statistics.median(b['beside_ns'] for b in beside))} ns a SET",
            f"without: {number(statistics.median(b['alone_ns'] for b in beside))} ns; under a snapshot that is not saved "
            f"{number(held['held_ns'] / held['alone_ns'])}×",
            ratio, "save slowdown", "× the time"),
        Row(f"{what}: the worst of {size_name(writes)} SETs, least of {rounds} runs by operation",
            f"in single runs {number(worst['single_us'])} µs, {worst['single_over_300us']} over 300 µs", "",
            [worst["least_us"]], "save worst", " µs"),
    ]


# ---- The log ----------------------------------------------------------------------------------------------


def embedded(stack: ExitStack):
    """The newest kevy-embedded in a process of its own; None where the crate cannot be built."""
    try:
        return stack.enter_context(Worker([rust("bench-kevy-embedded", "bench-kevy-embedded")]))
    except Unavailable as why:
        say(f"without kevy-embedded: {why}")
        return None


def log(quick: bool) -> list[Row]:
    n, rounds, each, threads = (300_000, 5, 60, 16) if quick else (1_000_000, 11, 200, 16)
    with ExitStack() as stack:
        here = directory(stack)
        ours = stack.enter_context(Worker([driver()]))
        peer = embedded(stack)
        logged, theirs = [], []
        for i in range(rounds):
            logged.append(ours.ask(f"log {here / f'log{i}'} {n}"))
            if peer is not None:
                theirs.append(peer.ask(f"log {here / f'embedded{i}'} {n}")["logged_ns"])
        group = [ours.ask(f"group {here / f'group{i}'} {each} {threads}") for i in range(rounds)]
    return [
        Row(f"{size_name(n)} SETs with a log, everysec", f"{number(statistics.median(g['logged_ns'] for g in logged))} ns",
            f"without: {number(statistics.median(g['alone_ns'] for g in logged))} ns",
            [g["logged_ns"] / g["alone_ns"] for g in logged], "log", "× the time"),
        Row(f"{size_name(n)} SETs with a log, everysec", f"{number(statistics.median(g['logged_ns'] for g in logged))} ns",
            f"kevy-embedded: {number(statistics.median(theirs)) if theirs else '?'} ns",
            ratios(theirs, [g["logged_ns"] for g in logged]), "log embedded", "× as fast"),
        Row(f"SETs under always by {threads} threads", f"{number(statistics.median(g['sets'] for g in group))} a second",
            f"{threads} a sync alone: {number(statistics.median(g['syncs'] * threads for g in group))} a second; threads that only "
            f"wait for each other and the sync reach {number(statistics.median(g['bare'] / (g['syncs'] * threads) for g in group))}×",
            [g["sets"] / (g["syncs"] * threads) for g in group], "group", "× as fast"),
    ]


PARTS = {"save": save, "load": load, "background": background, "log": log}
