"""Traces: which share of accesses each eviction policy serves from a store that holds so many entries.

Every cache holds the same number of entries, a share of the trace's distinct keys; kevy and redis-server, whose limit is in bytes,
get the limit under which they hold as many on average. Recorded traces are read from the directory that KEVY_TRACES names
(one key a line, .txt or .txt.xz); without it only the made ones are played. The table and its plot go to the build's directory, and the
table is printed.
"""

from __future__ import annotations

import json
import os
import re
import socket
import tempfile
from array import array
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bars import BARS
from engine_suite import compiled, linked
from files_suite import Redis
from kit import BENCH, BUILD, ROOT, Row, Unavailable, run, say
from python_suite import environment
from traces.made import made, recorded
from traces.plot import plot

SOURCE = BENCH / "traces"
SHARES = (0.02, 0.1, 0.3)  # of the distinct keys
SIMULATED = {"LRU": "lru", "LFU": "lfu", "SIEVE": "sieve", "S3-FIFO": "s3fifo", "W-TinyLFU": "wtinylfu", "Belady": "belady"}
PACKAGES = ("theine", "moka-py", "cachebox LFU")
SERVER = {"redis LRU": "allkeys-lru", "redis LFU": "allkeys-lfu"}
IDEAL = "Belady"  # knows the future: no peer
NEAR = 0.005      # how near to the capacity redis-server is brought


@dataclass
class Case:
    """A trace and a size of the caches: the share of hits by policy, in percent."""

    trace: str
    path: Path
    accesses: int
    capacity: int
    ratio: dict[str, float] = field(default_factory=dict)

    def note(self, policy: str, hits: int) -> None:
        self.ratio[policy] = 100 * hits / self.accesses

    @property
    def name(self) -> str:
        return f"{self.trace}, {self.capacity:,}"

    def best_peer(self) -> str:
        peers = [p for p in self.ratio if p != IDEAL and not p.startswith("kevy ")]
        return max(peers, key=self.ratio.__getitem__)


def cases(traces: dict[str, array], folder: Path, shares: tuple) -> list[Case]:
    found = []
    for number, (name, trace) in enumerate(traces.items()):
        path = folder / f"{number}.trace"
        path.write_bytes(trace.tobytes())
        sizes = [int(share * len(set(trace))) for share in shares]
        found += [Case(name, path, len(trace), size) for size in sizes if size >= 50]
    return found


# ---- kevy -------------------------------------------------------------------------------------------------


def policies() -> list[str]:
    """Those that kevy offers for all keys, and that look at how keys are used."""
    words = re.findall(r'^POLICY\(\w+, "(allkeys-[^"]+)"', (ROOT / "bindings" / "options.def").read_text(), re.M)
    return [word for word in words if word != "allkeys-random"]


def replayer():
    includes = [f"-I{ROOT / 'core'}", f"-I{ROOT / 'bindings'}"]
    engine = compiled(ROOT / "bindings" / "amalgam.c", *includes, "-fvisibility=hidden", "-fPIC", "-pthread",
                      watch=[ROOT / "core", ROOT / "bindings"])
    return linked("traces", compiled(SOURCE / "replay.c", *includes, watch=[ROOT / "bindings"], folder="traces"), engine)


def play_kevy(case: Case, program, words: list[str]) -> None:
    for word in words:
        answer = json.loads(run([program, case.path, case.capacity, word]))
        case.note(f"kevy {word}", answer["hits"])
        if abs(answer["held"] / case.capacity - 1) > 0.01:
            say(f"{case.name}: {word} held {answer['held']:,.0f} entries")


# ---- Simulators and packages -----------------------------------------------------------------------------


def simulator():
    return linked("simulate", compiled(SOURCE / "simulate.c", folder="traces"))


def play_simulated(case: Case, program) -> None:
    for policy, hits in zip(SIMULATED, run([program, case.path, case.capacity, *SIMULATED.values()]).split()):
        case.note(policy, int(hits))


def play_packages(case: Case, python) -> None:
    for peer in PACKAGES:
        case.note(peer, int(run([python, SOURCE / "peers.py", case.path, case.capacity, peer])))


# ---- redis-server ----------------------------------------------------------------------------------------


class Server(Redis):
    """One that evicts. SET with NX is a hit or a miss in one command, so a trace goes through in pipelines."""

    CHUNK = 1000
    VALUE = b"x" * 100

    def __init__(self, directory: Path):
        super().__init__(directory)
        self.ask("CONFIG SET maxmemory-clients 0")
        self.limits: dict[int, float] = {}

    def command(self, key: int) -> bytes:
        return b"*4\r\n$3\r\nSET\r\n$8\r\n%08x\r\n$%d\r\n%s\r\n$2\r\nNX\r\n" % (key, len(self.VALUE), self.VALUE)

    def play(self, keys: array) -> int:
        """How many were there."""
        hits = 0
        for at in range(0, len(keys), self.CHUNK):
            part = keys[at : at + self.CHUNK]
            self.socket.sendall(b"".join(map(self.command, part)))
            answer = b""
            while len(answer) < 5 * len(part):
                answer += self.socket.recv(65536)
            hits += answer.count(b"$-1\r\n")
        return hits

    def used(self) -> int:
        return int(dict(line.split(":") for line in self.ask("INFO memory").split("\r\n") if ":" in line)["used_memory"])

    def memory_of(self, capacity: int) -> float:
        self.ask("FLUSHALL")
        self.ask("CONFIG SET maxmemory 0")
        self.play(array("I", range(capacity)))
        return self.used()

    def hits(self, case: Case, policy: str) -> int:
        keys = array("I")
        keys.frombytes(case.path.read_bytes())
        limit = self.limits.get(case.capacity) or self.memory_of(case.capacity)
        self.ask(f"CONFIG SET maxmemory-policy {policy}")
        for _ in range(3):
            self.ask("FLUSHALL")
            self.ask(f"CONFIG SET maxmemory {int(limit)}")
            hits = self.play(keys)
            off = int(self.ask("DBSIZE")[1:]) / case.capacity - 1
            if abs(off) < NEAR:
                break
            limit += -off * case.capacity * (len(self.VALUE) + 90)
        self.limits[case.capacity] = limit
        return hits


def play_server(case: Case, server: Server) -> None:
    for name, policy in SERVER.items():
        case.note(name, server.hits(case, policy))


# ---- What comes out --------------------------------------------------------------------------------------


def worst(found: list[Case], ours: str, theirs: str | None, bar: str) -> list[Row]:
    """By how many points ours falls short of theirs (None: of each case's best peer), where that is most."""

    def shortfall(case: Case) -> float:
        return case.ratio[theirs or case.best_peer()] - case.ratio[ours]

    judged = [case for case in found if ours in case.ratio and (theirs is None or theirs in case.ratio)]
    if not judged:
        return []
    case = max(judged, key=shortfall)
    other = theirs or case.best_peer()
    what = f"hit ratio, {ours} behind {theirs or 'the best peer'}, worst of {len(judged)} cases"
    row = Row(what, f"{case.name}: {case.ratio[ours]:.2f} %", f"{other}: {case.ratio[other]:.2f} %", [shortfall(case)],
              bar, " points")
    within = sum(shortfall(c) <= BARS[bar].limit for c in judged)
    row.kevy += f"; {within} cases within"
    return [row]


def rows(found: list[Case], words: list[str]) -> list[Row]:
    result = worst(found, "kevy allkeys-lru", "LRU", "lru shortfall")
    result += worst(found, "kevy allkeys-lfu", "redis LFU", "lfu shortfall")
    for word in (word for word in words if word not in SERVER.values()):
        result += worst(found, f"kevy {word}", None, "best shortfall")
    return result


def text(found: list[Case]) -> str:
    """The table of hit ratios; each case's best is set in bold, the ideal's apart."""
    names = list(found[0].ratio)
    lines = ["| trace, entries | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for case in found:
        best = max(value for name, value in case.ratio.items() if name != IDEAL)
        cells = [f"**{v:.2f}**" if v == best else f"{v:.2f}" for v in map(case.ratio.__getitem__, names)]
        lines.append(f"| {case.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def ratio(quick: bool) -> list[Row]:
    traces = made(100_000 if quick else 200_000)
    directory = os.environ.get("KEVY_TRACES")
    if directory:
        traces |= recorded(Path(directory), 100_000 if quick else 500_000)
    else:
        say("KEVY_TRACES names no directory of recorded traces: only made ones")
    words, program, python = policies(), simulator(), environment("venv", BENCH / "requirements.txt")
    with ExitStack() as stack:
        BUILD.mkdir(parents=True, exist_ok=True)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="traces-", dir=BUILD)))
        found, server = cases(traces, folder, SHARES[1:2] if quick else SHARES), None
        try:
            server = stack.enter_context(Server(folder))
        except Unavailable as why:
            say(f"without redis-server: {why}")
        player = replayer() if words else None
        for case in found:
            say(case.name)
            if player:
                play_kevy(case, player, words)
            play_simulated(case, program)
            play_packages(case, python)
            if server:
                play_server(case, server)
    (BUILD / "traces.md").write_text(text(found))
    (BUILD / "traces.svg").write_text(plot(found))
    print(text(found))
    say(f"the table and its plot: {BUILD / 'traces.md'}, {BUILD / 'traces.svg'}")
    return rows(found, words)


PARTS = {"ratio": ratio}
