"""What the suites share: where things are built, processes that answer in JSON lines, paired rounds, rows, the table.

A comparison is paired: in each round every side is measured once, in an order that turns from round to
round, and a ratio is formed inside the round, so that the machine's mood of that second cancels out. A row
shows the median over the rounds and, in brackets, the extremes.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterable, Optional

from bars import BARS

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
BUILD = Path(os.environ.get("KEVY_BENCH_BUILD", ROOT / "build" / "bench"))


class Unavailable(Exception):
    """A side or a part that cannot run here; its rows are left out and the reason is printed."""


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def run(command: list, **options) -> str:
    """Runs a build step; what it printed is shown when it fails."""
    done = subprocess.run(
        [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(map(str, command[:4]))} … failed:\n{done.stdout[-3000:]}")
    return done.stdout


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise Unavailable(f"{program} is not installed")
    return found


def stamp(*trees: Path) -> str:
    """A digest of the files in these trees, to see whether something has to be built again."""
    digest = hashlib.sha256()
    for tree in trees:
        for path in sorted(tree.rglob("*")) if tree.is_dir() else [tree][: tree.exists()]:
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {".so", ".pyc"}:
                digest.update(str(path.relative_to(tree.parent)).encode() + path.read_bytes())
    return digest.hexdigest()


def built(target: Path, mark: str, make: Callable[[], object]) -> Path:
    """Makes target unless it stands with this mark."""
    note = target.with_name(target.name + ".stamp")
    if not (target.exists() and note.exists() and note.read_text() == mark):
        target.parent.mkdir(parents=True, exist_ok=True)
        make()
        note.write_text(mark)
    return target


def rust(artifact: str, package: str) -> Path:
    """A library of bench/rust. The newest crates ask for a newer compiler than they use: cargo is told not to mind."""
    target = BUILD / "cargo"
    library = target / "release" / artifact
    source = BENCH / "rust"

    def make():
        say(f"building {package}")
        run(
            [
                need("cargo"),
                "build",
                "--release",
                "--locked",
                "--ignore-rust-version",
                "-p",
                package,
                "--manifest-path",
                source / "Cargo.toml",
            ],
            env={**os.environ, "CARGO_TARGET_DIR": str(target)},
        )

    return built(library, stamp(source), make)


class Worker:
    """A process that answers each line with one line of JSON."""

    def __init__(self, command: list, **options):
        self.name = Path(str(command[0])).name
        self.process = subprocess.Popen(
            [str(c) for c in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            **options,
        )

    def ask(self, line: object) -> dict:
        self.process.stdin.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise Unavailable(f"{self.name} ended with {self.process.wait()} at: {line}")
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()


def once(command: list, lines: Iterable[object]) -> list[dict]:
    """The answers of a process of its own."""
    with Worker(command) as worker:
        return [worker.ask(line) for line in lines]


def paired(rounds: int, sides: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Measures every side once a round; the order turns."""
    samples: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for r in range(rounds):
        for name in names if r % 2 == 0 else reversed(names):
            samples[name].append(sides[name]())
    return samples


def ratios(a: list[float], b: list[float]) -> list[float]:
    return [x / y for x, y in zip(a, b)]


# ---- Rows ------------------------------------------------------------------------------------------------


def number(x: float) -> str:
    return (
        f"{x:,.0f}"
        if abs(x) >= 100
        else f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}" if abs(x) >= 0.1 else f"{x:.3g}"
    )


@dataclass
class Row:
    what: str
    kevy: str  # what kevy took, with its unit
    against: str  # who else, and what it took
    samples: list[float] = field(default_factory=list)  # what the bar judges
    bar: Optional[str] = None  # a key of BARS
    unit: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def verdict(self) -> str:
        if self.bar is None or not self.samples:
            return ""
        missed = BARS[self.bar].missed_by(self.median)
        return "met" if missed == 0 else f"**MISSED by {missed * 100:.0f} %**"

    def cells(self) -> list[str]:
        middle = ""
        if self.samples:
            middle = number(self.median) + self.unit
            if len(self.samples) > 1:
                middle += f" ({number(min(self.samples))}–{number(max(self.samples))})"
        return [
            self.what,
            self.kevy,
            self.against,
            middle,
            str(BARS[self.bar]) if self.bar else "",
            self.verdict,
        ]


def compare(
    what: str,
    samples: dict[str, list[float]],
    ours: str,
    theirs: str,
    bar: Optional[str] = None,
    faster: bool = False,
    unit: str = "ns",
    label: Optional[str] = None,
) -> Row:
    """A row of ours against theirs: ours / theirs, or with faster theirs / ours."""
    a, b = samples[ours], samples[theirs]
    return Row(
        what,
        f"{number(statistics.median(a))} {unit}",
        f"{label or theirs}: {number(statistics.median(b))} {unit}",
        ratios(b, a) if faster else ratios(a, b),
        bar,
        "× as fast" if faster else "× the time",
    )


HEAD = ["what", "kevy", "against", "median (extremes)", "bar", ""]


def table(rows: list[Row]) -> str:
    lines = [HEAD, ["---"] * len(HEAD)] + [row.cells() for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """One line that names where the figures come from."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    huge = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    pages = huge.read_text().split("[")[1].split("]")[0] if huge.exists() else "no"
    return (
        f"{model}, {os.cpu_count()} CPUs, {memory:.0f} GiB, Linux {platform.release()}, huge pages: {pages}, "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )
