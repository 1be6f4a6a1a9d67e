"""kevy's Lua doors: inside nginx against ngx.shared.DICT and lua-resty-lrucache, and in bare interpreters.

nginx is a real one on loopback in a directory of its own; the loops run inside one request, so what is timed is
the call, not HTTP.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from kit import (BENCH, BUILD, ROOT, Row, Unavailable, Worker,
                 built, compare, need, paired, run, say, stamp)

SOURCE = BENCH / "lua"
KEYS = 100_000
DICT, LRU, PUREFFI = "ngx.shared.DICT", "lua-resty-lrucache", "lrucache.pureffi"


def doors() -> Path:
    """The CMake build whose Lua modules are measured."""
    home = BUILD / "cmake"
    parts = [ROOT / part for part in ("core", "bindings", "lua", "CMakeLists.txt", "kevy.pc.in")]

    def make():
        say("building the Lua doors")
        shutil.rmtree(home, ignore_errors=True)
        run([need("cmake"), "-S", ROOT, "-B", home])
        run([need("cmake"), "--build", home, "-j2", "--target", "kevy", "luajit_core", "lua54_core"])

    built(home / "libkevy.so", stamp(*parts), make)
    return home


def search_paths(lua: str) -> dict[str, str]:
    return {
        "LUA_PATH": f"{SOURCE}/?.lua;{ROOT}/lua/?.lua;{ROOT}/lua/?/init.lua",
        "LUA_CPATH": f"{doors()}/{lua}/?.so",
    }


# ---- nginx ---------------------------------------------------------------------------------------------------


def modules() -> Path:
    for place in ("/usr/lib/nginx/modules", "/usr/share/nginx/modules"):
        if Path(place, "ngx_http_lua_module.so").exists():
            return Path(place)
    raise Unavailable("nginx's Lua module is not installed")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def nginx():
    """Yields what asks the nginx process: ask(peer, case, calls) to nanoseconds."""
    port = free_port()
    filled = (SOURCE / "nginx.conf").read_text()
    for name, value in {"MODULES": modules(), "PORT": port, **search_paths("luajit")}.items():
        filled = filled.replace(f"@{name}@", str(value))
    with tempfile.TemporaryDirectory() as prefix:
        Path(prefix, "nginx.conf").write_text(filled)
        server = subprocess.Popen(
            [need("nginx"), "-p", prefix, "-c", "nginx.conf", "-e", "error.log"], stderr=subprocess.DEVNULL
        )

        def ask(peer: str, case: str, calls: int) -> float:
            query = urllib.parse.urlencode({"peer": peer, "case": case, "keys": KEYS, "calls": calls})
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/?{query}", timeout=120) as answer:
                    return json.load(answer)["ns"]
            except urllib.error.HTTPError as failed:
                raise Unavailable(f"{peer}, {case}, in nginx: {failed.read().decode().strip()}") from None

        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if server.poll() is not None:
                    raise Unavailable("nginx does not start: " + Path(prefix, "error.log").read_text())
                time.sleep(0.05)
            yield ask
        finally:
            server.terminate()
            server.wait()


def in_nginx(quick: bool) -> list[Row]:
    rounds, calls = (5, 500_000) if quick else (11, 1_000_000)
    rows = []
    with nginx() as ask:

        def measure(case, peers):
            sides = {peer: (lambda p=peer: ask(p, case, calls)) for peer in peers}
            paired(2, sides)
            return paired(rounds, sides)

        for heat, title, bar in (("hot", "hot", "lua dict hot"), ("all", "100 k keys", "lua dict 100k")):
            s = measure(f"get {heat}", ["kevy", DICT, LRU, PUREFFI])
            what = f"LuaJIT get in nginx, {title}"
            rows += [compare(what, s, "kevy", DICT, bar, faster=True)]
            rows += [compare(what, s, "kevy", peer, faster=True) for peer in (LRU, PUREFFI)]
            s = measure(f"get {heat} int", ["kevy", DICT])
            rows.append(compare(f"{what}, integer values", s, "kevy", DICT, faster=True))
            s = measure(f"set {heat}", ["kevy", DICT, LRU])
            what = f"LuaJIT set in nginx, {title}"
            rows += [compare(what, s, "kevy", peer, faster=True) for peer in (DICT, LRU)]
    return rows


# ---- Bare interpreters ------------------------------------------------------------------------------------------


def plain(quick: bool) -> list[Row]:
    rounds, calls = (3, 300_000) if quick else (7, 1_000_000)
    rows = []
    for program, lua, name in (("luajit", "luajit", "LuaJIT"), ("lua5.4", "lua54", "Lua 5.4")):
        command = [need(program), SOURCE / "standalone.lua"]
        with Worker(command, env={**os.environ, **search_paths(lua)}) as worker:

            def side(peer, case):
                return lambda: worker.ask(f"{peer}|{case}|{KEYS}|{calls}")["ns"]

            for case, title in (
                ("get hot", "get, hot"),
                ("get all", "get, 100 k keys"),
                ("set hot", "set, hot"),
            ):
                sides = {peer: side(peer, case) for peer in ("kevy", "table")}
                paired(1, sides)
                rows.append(
                    compare(f"{name} {title}", paired(rounds, sides), "kevy", "table", label="Lua table")
                )
    return rows


PARTS = {"nginx": in_nginx, "plain": plain}
