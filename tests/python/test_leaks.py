"""No call keeps what it should not: references, Python memory, and the store's own memory stay flat."""

import contextlib
import gc
import pathlib
import sys
import tracemalloc

import kevy
import pytest

KEY, TEXT, RAW = "key:" + "x" * 20, "value " * 10, b"value " * 10


def refuse(error, call):
    with contextlib.suppress(error):
        call()
        raise AssertionError("it did not refuse")


PATHS = {
    "setitem": lambda s: s.__setitem__(KEY, TEXT),
    "getitem": lambda s: s[KEY],
    "missing": lambda s: refuse(KeyError, lambda: s["missing"]),
    "get": lambda s: (s.get(KEY), s.get("missing"), s.get("missing", TEXT), s.get(RAW, default=RAW)),
    "buffers": lambda s: (s.set(bytearray(RAW), memoryview(RAW)), s.get(memoryview(RAW)), s.delete(bytearray(RAW))),
    "non-contiguous": lambda s: (s.set("n", memoryview(RAW)[::2]), s.delete("n")),
    "non-ascii": lambda s: (s.set("é" * 9, "ü" * 9), s["é" * 9], s.delete("é" * 9)),
    "delitem": lambda s: (s.__setitem__("d", 1), s.__delitem__("d")),
    "contains": lambda s: (KEY in s, RAW in s),
    "set": lambda s: (s.set(KEY, TEXT, 5), s.set(KEY, TEXT, nx=True), s.set(KEY, RAW, xx=True, get=True)),
    "getdel": lambda s: (s.set("g", TEXT), s.getdel("g"), s.getdel("g")),
    "incr": lambda s: (s.incr("n"), s.incr("n", 1 << 40), s.incr("f", 0.5)),
    "append": lambda s: (s.append("a", TEXT), s.append("a", RAW), s.strlen("a"), s.delete("a")),
    "ranges": lambda s: (s.setrange("r", 5, RAW), s.getrange("r", 0, -1), s.delete("r")),
    "mget": lambda s: s.mget([KEY, "missing", RAW, bytearray(RAW)]),
    "mset": lambda s: s.mset({"m1": TEXT, RAW: bytearray(RAW)}, ttl=100),
    "view": lambda s: (s.set("v", RAW * 5000), bytes(s.view("v")), s.view(KEY).release()),
    "counts": lambda s: (s.exists(KEY, RAW, "missing"), s.touch(KEY), s.delete("x", bytearray(b"y"))),
    "type": lambda s: (s.type(KEY), s.type("missing")),
    "rename": lambda s: (s.set("r1", 1), s.rename("r1", "r2"), s.rename("r2", "r1", nx=True)),
    "copy": lambda s: (s.copy(KEY, "copied"), s.copy(KEY, "copied", replace=True)),
    "iterate": lambda s: (list(s), list(s.items()), list(s.values()), next(iter(s)), iter(s)),
    "views": lambda s: (s.keys() | {1}, s.items() & set(), repr(s.keys()), (KEY, 1) in s.items(), s.keys() == {1}),
    "scan": lambda s: (list(s.scan("k*")), list(s.scan(type="string")), s.scan()),
    "compare": lambda s: (s == {KEY: 1}, s == s, s == 5, s == dict(s)),
    "ttl": lambda s: (s.expire(KEY, 100), s.ttl(KEY), s.expires_at(KEY), s.expire_at(KEY, 4e9), s.persist(KEY)),
    "pops": lambda s: (s.setdefault("p", 5), s.setdefault("p", 6), s.pop("p"), s.pop("p", None), s.setdefault("p", 1)),
    "popitem": lambda s: s.__setitem__(*s.popitem()),
    "update": lambda s: (s.update({"u": 1}, w=TEXT), s.update([("u", 2)])),
    "snapshot": lambda s: (s.snapshot().get(KEY), s.snapshot().close(), iter(s.snapshot())),
    "command": lambda s: (s.command("SET", KEY, TEXT), s.command("MGET", KEY, "x"), s.command("COMMAND", "DOCS", "get")),
    "resp": lambda s: (s.command_resp("GET", KEY), s.command_resp("NOPE")),
    "info": lambda s: (s.info(), s.stats(), s.memory_usage(KEY), s.used_memory, repr(s), s.closed),
    "open": lambda s: (kevy.Store().close(), kevy.open("mem://leak").get(KEY)),
    "reinit": lambda s: kevy.Store().__init__(),
    "clear": lambda s: (s.clear(), s.set(KEY, TEXT)),
    "TypeError": lambda s: refuse(TypeError, lambda: s.set(KEY, None)),
    "key TypeError": lambda s: refuse(TypeError, lambda: s[5]),
    "mget TypeError": lambda s: refuse(TypeError, lambda: s.mget([bytearray(b"x"), 5])),
    "mset TypeError": lambda s: refuse(TypeError, lambda: s.mset({"k": memoryview(b"x"), "l": None})),
    "OverflowError": lambda s: refuse(OverflowError, lambda: s.set(KEY, 1 << 64)),
    "ValueError": lambda s: refuse(ValueError, lambda: s.set(KEY, 1, ttl=0)),
    "kevy.Error": lambda s: (s.set("t", TEXT), refuse(kevy.NotIntegerError, lambda: s.incr("t"))),
    "CommandError": lambda s: refuse(kevy.CommandError, lambda: s.command("NOPE", KEY)),
    "open ValueError": lambda s: (refuse(ValueError, lambda: kevy.open("x://")), refuse(ValueError, lambda: kevy.Store("/x"))),
    "keywords": lambda s: refuse(TypeError, lambda: s.set(KEY, 1, what=1)),
    "closed": lambda s: refuse(kevy.ClosedError, lambda: closed()[KEY]),
}


def closed():
    s = kevy.Store()
    s.close()
    return s


@pytest.mark.parametrize("name", PATHS)
def test_path(name):
    path, rounds = PATHS[name], 200
    with kevy.Store() as s:
        s.update({KEY: TEXT, RAW: RAW, "é": 1})
        s._debug_clock(1_700_000_000_000)

        def run():
            for _ in range(rounds):
                path(s)
            for _ in range(200):  # released pins and snapshots are freed by the writes that follow
                s["settle"] = 1

        def measure():
            gc.collect()
            shared = (KEY, TEXT, RAW, None, kevy.Store, kevy.Error, kevy.ClosedError)
            return (*map(sys.getrefcount, shared), len(gc.get_objects()), tracemalloc.get_traced_memory()[0],
                    s.used_memory)

        tracemalloc.start()
        try:
            measures = []
            for _ in range(4):
                run()
                measures.append(measure())
        finally:
            tracemalloc.stop()
    # A leak shows in every interval; what the interpreter itself settles does not.
    grown = [min(later - earlier for earlier, later in zip(m, m[1:])) for m in zip(*measures)]
    lost = [min(earlier - later for earlier, later in zip(m, m[1:])) for m in zip(*measures)]
    assert max(grown[:-2]) < rounds / 4, "references or objects"
    assert max(lost[:-3]) < rounds / 4, "references given away twice"
    assert grown[-2] < rounds * 8, "Python's memory"
    assert grown[-1] < 4096, "the store's memory"


def test_every_method_is_on_a_path():
    source = pathlib.Path(__file__).read_text()
    for name in dir(kevy.Store):
        if not name.startswith("_"):
            assert "s." + name in source or ")." + name in source, name


def test_cycles_are_collected():
    class Holder(kevy.Store):
        pass

    def live():
        gc.collect()
        return sum(isinstance(o, kevy.Store) for o in gc.get_objects())

    before = live()
    for _ in range(50):
        h = Holder()
        h.me, h.view, h.iter = h, h.keys(), iter(h)
    del h
    assert live() == before
