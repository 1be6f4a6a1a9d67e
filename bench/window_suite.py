"""The window: redis-benchmark against a store that is served, and against redis-server, in turn on the same core."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kit import BUILD, Row, compare, need, paired
from python_suite import with_kevy

KEVY, REDIS = "kevy", "redis-server"
SERVER, CLIENT = ["taskset", "-c", "0"], ["taskset", "-c", "1"]


@contextmanager
def running(command: list, path: Path):
    process = subprocess.Popen([*SERVER, *map(str, command)], stdout=subprocess.DEVNULL)
    try:
        while not path.exists():
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait()


def seconds(path: Path, verb: str, depth: int, requests: int) -> float:
    """Of a million requests from 50 clients, so many at a time from each."""
    said = subprocess.run([*CLIENT, need("redis-benchmark"), "-s", str(path), "-t", verb, "-n", str(requests), "-c", "50",
                           "-P", str(depth), "-q"], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    return 1e6 / float(re.findall(r"([\d.]+) requests per second", said)[-1])


def window(quick: bool) -> list[Row]:
    rounds, few = (3, 50_000) if quick else (9, 200_000)
    rows = []
    with ExitStack() as stack:
        BUILD.mkdir(parents=True, exist_ok=True)
        here = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=BUILD)))
        sockets = {KEVY: here / "kevy", REDIS: here / "redis"}
        stack.enter_context(running([with_kevy(), "-m", "kevy", "serve", "mem://", "--write", "--listen",
                                     f"unix:{sockets[KEVY]}"], sockets[KEVY]))
        stack.enter_context(running([need("redis-server"), "--port", "0", "--unixsocket", sockets[REDIS], "--save", "",
                                     "--appendonly", "no"], sockets[REDIS]))
        for depth, requests in ((1, few), (64, few * 10)):
            for verb in ("get", "set"):
                sides = {name: lambda path=path: seconds(path, verb, depth, requests) for name, path in sockets.items()}
                rows.append(compare(f"window {verb.upper()}, P={depth} c=50", paired(rounds, sides), KEVY, REDIS, "window",
                                    True, "s a million"))
    return rows


PARTS = {"load": window}
