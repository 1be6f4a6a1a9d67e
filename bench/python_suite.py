"""kevy's Python type against what Python programs use today.

One process holds all peers of one environment and alternates between them; the Rust project's client, a package
of the same name, answers from its own. All stores hold 100,000 keys of 14 bytes with values of 16.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path

from kit import (BENCH, BUILD, ROOT, Row, Unavailable, Worker, built, compare,
                 need, number, once, paired, run, rust, say, stamp)

SOURCE = BENCH / "python"
PACKAGE = ["core", "bindings", "python", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"]
KEYS = 100_000
FLOOR, CLIENT, REDIS = "do-nothing method", "Rust kevy's ctypes client", "redis-py, unix socket"
COMMAND = "kevy, a command"
TIMED = ["kevy, TTL", "TTL class over dict", "cachetools.TTLCache", "cachebox.TTLCache", "cachebox.VTTLCache"]


# ---- Environments -------------------------------------------------------------------------------------------


def environment(name: str, pins: Path) -> Path:
    """The interpreter of a virtual environment with these pins."""
    home = BUILD / name

    def make():
        say(f"installing {pins.name}")
        run([need("python3"), "-m", "venv", home])
        run([home / "bin" / "python", "-m", "pip", "install", "-q", "-r", pins])

    return built(home, stamp(pins), make) / "bin" / "python"


def with_kevy() -> Path:
    """The peers' environment, with kevy as it stands in the tree and the do-nothing method."""
    python = environment("venv", BENCH / "requirements.txt")
    site = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]).strip())
    headers = sysconfig.get_paths()["include"]
    suffix = run([python, "-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"]).strip()
    floor = SOURCE / "floor.c"
    built(
        site / f"floor{suffix}",
        stamp(floor),
        lambda: run(
            [need("cc"), "-O2", "-shared", "-fPIC", f"-I{headers}", floor, "-o", site / f"floor{suffix}"]
        ),
    )

    parts = [ROOT / part for part in PACKAGE]

    def install():
        say("installing kevy from the tree")
        with tempfile.TemporaryDirectory() as copy:  # setuptools writes beside its sources
            for part in parts:
                if part.is_dir():
                    shutil.copytree(
                        part, Path(copy, part.name), ignore=shutil.ignore_patterns("*.so", "*.egg-info")
                    )
                elif part.exists():
                    shutil.copy(part, copy)
            run(
                [
                    python,
                    "-m",
                    "pip",
                    "install",
                    "-q",
                    "--no-deps",
                    "--no-build-isolation",
                    "--force-reinstall",
                    copy,
                ]
            )

    built(site / "kevy", stamp(*parts), install)
    return python


@contextlib.contextmanager
def redis_server():
    """A redis-server of our own on a unix socket; its address goes into the environment of workers."""
    with tempfile.TemporaryDirectory() as scratch:
        socket = f"{scratch}/redis.sock"
        server = subprocess.Popen(
            [need("redis-server"), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", scratch],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(100):
                if os.path.exists(socket):
                    break
                time.sleep(0.05)
            os.environ["KEVY_BENCH_REDIS"] = socket
            yield
        finally:
            server.terminate()
            server.wait()


@contextlib.contextmanager
def workers():
    """What measures a peer, by name of the peer."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(redis_server())
        main = stack.enter_context(Worker([with_kevy(), SOURCE / "worker.py"]))
        client = None
        try:
            library = rust("libkevy_ffi.so", "bench-kevy-client")
            python = environment("venv-rust-client", BENCH / "requirements-rust-client.txt")
            client = stack.enter_context(
                Worker([python, SOURCE / "worker.py"], env={**os.environ, "KEVY_FFI_LIB": str(library)})
            )
        except Unavailable as why:
            say(f"without the Rust project's client: {why}")
        yield lambda peer: client if peer == CLIENT else main


def measure_each(worker, cases: dict, rounds: int, calls: int, keys: int = KEYS) -> dict[object, list[float]]:
    """Samples of several cases: pairs of a peer and what it does."""

    def side(peer, case):
        slow = {"fakeredis": 20, REDIS: 50, CLIENT: 10, "cachetools.TTLCache": 2}.get(peer, 1)
        asked = {"peer": peer, "case": case, "keys": keys, "calls": max(calls // slow, 500)}
        return lambda: worker(peer).ask(asked)["ns"]

    sides = {name: side(*case) for name, case in cases.items() if worker(case[0]) is not None}
    paired(1, sides)
    return paired(rounds, sides)


def measure(worker, case: str, peers: list[str], rounds: int, calls: int) -> dict[str, list[float]]:
    return measure_each(worker, {peer: (peer, case) for peer in peers}, rounds, calls)


# ---- Parts ---------------------------------------------------------------------------------------------------


def hot(quick: bool) -> list[Row]:
    rounds, calls = (5, 100_000) if quick else (15, 300_000)
    plain = ["kevy", FLOOR, COMMAND, "dict", "lru-dict", "cachetools.LRUCache", "fakeredis", REDIS, CLIENT]
    rows = []
    with workers() as worker:
        for verb in ("get", "set"):
            peers = [p for p in plain + TIMED if verb == "get" or p not in (FLOOR, COMMAND)]
            s = measure(worker, f"{verb} hot", peers, rounds, calls)
            what = f"Python {verb}, hot"
            if verb == "get":
                rows += [
                    compare(what, s, "kevy", FLOOR, "python floor"),
                    compare(what, s, "kevy", "dict", "python dict hot"),
                    compare("Python command('GET', k), hot", s, COMMAND, "kevy", "python command", label="get(k)"),
                ]
            else:
                rows += [compare(what, s, "kevy", "dict")]
            rows += [
                compare(f"{what}, TTL", s, "kevy, TTL", "TTL class over dict", faster=True),
                compare(
                    f"{what}, TTL", s, "kevy, TTL", "cachetools.TTLCache", "python cachetools", faster=True
                ),
                compare(f"{what}, TTL", s, "kevy, TTL", "cachebox.TTLCache", "python cachebox", faster=True),
                compare(f"{what}, TTL", s, "kevy, TTL", "cachebox.VTTLCache", faster=True),
                compare(what, s, "kevy", "cachetools.LRUCache", faster=True),
                compare(what, s, "kevy", "lru-dict", faster=True),
                compare(what, s, "kevy", "fakeredis", faster=True),
                compare(what, s, "kevy", REDIS, faster=True, label=f"{REDIS} (wall)"),
            ]
            if CLIENT in s:
                rows.append(compare(what, s, "kevy", CLIENT, "python rust client", faster=True))
    return rows


def cold(quick: bool) -> list[Row]:
    rounds = 5 if quick else 11
    plain = ["kevy", "dict[k]", "lru-dict", "cachetools.LRUCache"]
    rows = []
    with workers() as worker:
        for verb in ("get", "set"):
            s = measure(worker, f"{verb} cold", plain + TIMED, rounds, KEYS)
            what = f"Python {verb}, 100 k keys cold"
            get = verb == "get"
            rows += [
                compare(what, s, "kevy", "dict[k]", "python dict cold" if get else None, faster=True),
                compare(
                    f"{what}, TTL",
                    s,
                    "kevy, TTL",
                    "TTL class over dict",
                    "python ttl class" if get else None,
                    faster=True,
                ),
                compare(f"{what}, TTL", s, "kevy, TTL", "cachetools.TTLCache", faster=True),
                compare(f"{what}, TTL", s, "kevy, TTL", "cachebox.TTLCache", faster=True),
                compare(f"{what}, TTL", s, "kevy, TTL", "cachebox.VTTLCache", faster=True),
                compare(what, s, "kevy", "cachetools.LRUCache", faster=True),
                compare(what, s, "kevy", "lru-dict", faster=True),
            ]
    return rows


# What a call of a view is, the peer it is a case of, and the do-nothing call that is written as it is.
LOOKED_UP, TWICE = f"{FLOOR}, looked up", f"{FLOOR}, twice"
VIEW_CALLS = [
    ("h[f]", "Hash", "get", FLOOR, "python view"),
    ("z[m]", "ZSet", "get", FLOOR, "python view"),
    ("m in set", "Set", "get", FLOOR, "python view"),
    ("l[i]", "List", "get", FLOOR, "python view"),
    ("h[f] = v", "Hash", "set", FLOOR, None),
    ("z[m] = x", "ZSet", "set", FLOOR, None),
    ("set.add(m)", "Set", "set", LOOKED_UP, None),
    ("l[i] = v", "List, set", "get", FLOOR, None),
    ("l.append(v); l.popleft()", "List, queue", "get", TWICE, None),
]


def views(quick: bool) -> list[Row]:
    """Calls of views of collections of 100,000 elements and of 8, the same few elements over and over."""
    rounds, calls = (5, 100_000) if quick else (15, 300_000)
    rows = []
    with workers() as worker:
        for keys in (KEYS, 8):
            sides = {("get", floor): (floor, "get hot") for floor in (FLOOR, LOOKED_UP, TWICE)}
            sides |= {(verb, peer): (peer, f"{verb} hot") for _, peer, verb, _, _ in VIEW_CALLS}
            s = measure_each(worker, sides, rounds, calls, keys)
            for call, peer, verb, floor, bar in VIEW_CALLS:
                named = {peer: s[verb, peer], floor: s["get", floor]}
                rows.append(compare(f"Python {call}, {keys:,} elements", named, peer, floor, bar))
    return rows


# Calls of redis-py, and how often each is made in a round.
REDIS_CALLS = {"get": 20_000, "set": 20_000, "zadd": 20_000, "pipeline of 100 gets": 300}


def redis_py(quick: bool) -> list[Row]:
    """redis-py on a store, beside redis-py over a connection that does nothing, a server, and fakeredis."""
    rounds, keys, rows = 5 if quick else 15, 1000, []
    slow = {"fakeredis": 10, "redis-server": 5}
    with workers() as worker:

        def side(peer, call, calls):
            asked = {"peer": f"{peer}: {call}", "case": "get hot", "keys": keys, "calls": max(calls // slow.get(peer, 1), 20)}
            return lambda: worker(asked["peer"]).ask(asked)["ns"]

        for call, calls in REDIS_CALLS.items():
            sides = {peer: side(peer, call, calls) for peer in ("kevy.redis", "idle", "fakeredis", "redis-server")}
            paired(1, sides)
            s, what = paired(rounds, sides), f"redis-py {call}"
            pipeline = call.startswith("pipeline")
            rows += [
                compare(what, s, "kevy.redis", "idle", None if pipeline else "redis-py floor", label="a connection that does nothing"),
                compare(what, s, "kevy.redis", "redis-server", "redis-py", faster=True, label="redis-server, unix socket (wall)"),
                compare(what, s, "kevy.redis", "fakeredis", None if pipeline else "redis-py", faster=True),
            ]
    return rows


def memory(quick: bool) -> list[Row]:
    n, python = (100_000 if quick else 500_000), with_kevy()
    peers = [
        "kevy",
        "kevy, TTL",
        "dict",
        "TTL class over dict",
        "lru-dict",
        "cachetools.LRUCache",
        "cachetools.TTLCache",
        "cachebox.TTLCache",
    ]
    found = {peer: once([python, SOURCE / "worker.py"], [{"peer": peer, "memory": n}])[0] for peer in peers}
    others = "; ".join(
        f"{peer}: {number(f['bytes'])} B" for peer, f in found.items() if not peer.startswith("kevy")
    )
    return [
        Row(
            f"Python memory, {n // 1000} k keys{suffix}: RSS per key",
            f"used_memory {number(found[peer]['used'])} B",
            others,
            [found[peer]["bytes"]],
            None,
            " B",
        )
        for peer, suffix in (("kevy", ""), ("kevy, TTL", ", TTL"))
    ]


PARTS = {"hot": hot, "views": views, "cold": cold, "redis": redis_py, "memory": memory}
