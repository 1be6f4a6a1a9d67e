"""No call keeps what it should not: references, Python memory, and the store's own memory stay flat."""

import contextlib
import gc
import os
import pathlib
import sys
import tempfile
import tracemalloc

import kevy
import pytest

KEY, TEXT, RAW = "key:" + "x" * 20, "value " * 10, b"value " * 10


def refuse(error, call):
    with contextlib.suppress(error):
        call()
        raise AssertionError("it did not refuse")


def answered_at_once(coroutine):
    """What a coroutine that need not wait returns, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


# In memory where that can be had: what is synced 200 times is not what is looked for here.
FILES = tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
SAVED = FILES.name + "/saved.rdb"

def undone(s):
    try:
        with s.transaction():
            s.Set("t").add(1)
            s.snapshot()
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass


def spoken(c):
    c.command("WATCH", KEY)
    c.command("MULTI")
    c.command("SET", KEY, TEXT)
    c.command("EXEC")
    c._ask("BLPOP", "none", 0.001), c._ask("GET", KEY)
    c.command_resp("MULTI")
    c.command("GET", KEY)
    c.command("SUBSCRIBE", KEY, "other"), c.command("PSUBSCRIBE", "k*")
    c.fileno(), c.next_message(0), list(zip(range(0), c.messages()))
    refuse(TypeError, lambda: c.next_message(1, 2))
    c.command("HELLO", 3), c.command("PUBLISH", KEY, TEXT), c.next_message(0), c.command("PUBLISH", KEY, TEXT)


def wired(s):
    wire = s._wire(repr, ValueError, "utf-8", "strict", 2)
    wire.send([("GET", KEY), ("NOPE",), ("LRANGE", "l", 0, -1)])
    wire.read_some(2, True), wire.read_some(9, False)
    refuse(TypeError, lambda: wire.read_some("9", False))
    wire.call(("SET", KEY, 1.5))
    wire.send([wire.pack(("GET", KEY)), ("BLPOP", "l", 0), ("GET", RAW)])
    wire.read(True), wire.ready(0), wire.read(False), wire.fileno()
    wire.call(("NOPE", KEY))
    refuse(TypeError, lambda: wire.call([KEY]))


def memoized(s):
    f = s.cached(ttl=5, lock=True)(str)
    f(5), f(5), f.invalidate(5), f(5), f.cache_clear()


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
    "transaction": lambda s: (s.begin(), s.set(KEY, 1), s.rollback(), s.begin(), s.commit(), undone(s),
                              s.version(KEY) == s.version("no"), spoken(s.session())),
    "scan": lambda s: (list(s.scan("k*")), list(s.scan(type="string")), s.scan()),
    "compare": lambda s: (s == {KEY: 1}, s == s, s == 5, s == dict(s)),
    "ttl": lambda s: (s.expire(KEY, 100), s.ttl(KEY), s.expires_at(KEY), s.expire_at(KEY, 4e9), s.persist(KEY)),
    "pops": lambda s: (s.setdefault("p", 5), s.setdefault("p", 6), s.pop("p"), s.pop("p", None), s.setdefault("p", 1)),
    "popitem": lambda s: s.__setitem__(*s.popitem()),
    "update": lambda s: (s.update({"u": 1}, w=TEXT), s.update([("u", 2)])),
    "snapshot": lambda s: (s.snapshot().get(KEY), s.snapshot().close(), iter(s.snapshot())),
    "files": lambda s: (s.save(SAVED), s.load(SAVED, progress=lambda *told: None, maxmemory="64mb").close(),
                        refuse(FileNotFoundError, lambda: s.load(SAVED + ".none")),
                        refuse(kevy.CorruptFileError, lambda: s.load(__file__)),
                        refuse(ZeroDivisionError, lambda: s.load(SAVED, progress=lambda *told: 1 / 0)),
                        refuse(TypeError, lambda: s.load(SAVED, progress=5))),
    "serve": lambda s: (s.serve("127.0.0.1:0").close(), refuse(ValueError, lambda: s.serve("nowhere")), refuse(TypeError, lambda: s.serve(5))),
    "log": lambda s: (s.mode, s.durability, s.recovery, s.sync(), refuse(ValueError, s.rewrite)),
    "command": lambda s: (s.command("SET", KEY, TEXT), s.command("MGET", KEY, "x"), s.command("COMMAND", "DOCS", "get")),
    "async": lambda s: answered_at_once(s.command_async("GET", KEY)),
    "resp": lambda s: (s.command_resp("GET", KEY), s.command_resp("NOPE")),
    "wire": wired,
    "cached": lambda s: (memoized(s), s.in_transaction, refuse(ValueError, lambda: s.cached(ttl=0))),
    "events": lambda s: (s.on_expire(refuse), s.on_evict(refuse, value=True), s.on_expire(print), s.tick(), s.events_missed,
                         refuse(TypeError, lambda: s.on_expire(5)), s.on_expire(None), s.on_evict(None)),
    "info": lambda s: (s.info(), s.stats(), s.reset_stats(), s.memory_usage(KEY), s.used_memory, repr(s), s.closed,
                       s.maxmemory, s.policy, setattr(s, "maxmemory", "1gb"), setattr(s, "policy", "allkeys-lfu"),
                       setattr(s, "policy", "noeviction"), s.fsync, setattr(s, "maxmemory", 0)),
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
    "open ValueError": lambda s: (refuse(ValueError, lambda: kevy.open("x://")), refuse(ValueError, lambda: kevy.Store("a\0b"))),
    "keywords": lambda s: refuse(TypeError, lambda: s.set(KEY, 1, what=1)),
    "closed": lambda s: refuse(kevy.ClosedError, lambda: closed()[KEY]),
}

H, L, M, Z, X = "Hash List Set ZSet Stream".split()
VIEW_PATHS = {
    "hash": (H, lambda v: (v.__setitem__(KEY, TEXT), v[KEY], v.get("no"), KEY in v, len(v), v.update({RAW: 1}, a=2.5), v.pop("a"))),
    "hash buffers": (H, lambda v: (v.__setitem__(bytearray(b"b"), memoryview(RAW)), v[memoryview(b"b")], v.pop(bytearray(b"b")))),
    "hash more": (H, lambda v: (v.mget([KEY, "no"]), v.setdefault("s", TEXT), v.setdefault("s", 1), v.popitem(), v.incr("n"),
                                v.incr("f", 0.5), v.random(), v.random(2), v.__setitem__("d", 1), v.__delitem__("d"))),
    "hash ttl": (H, lambda v: (v.__setitem__("t", 1), v.expire("t", 5), v.ttl("t"), v.expires_at("t"), v.persist("t"), v.expire_at("t", 4e9))),
    "hash views": (H, lambda v: (list(v.keys()), list(v.values()), list(v.items()), v.keys() | {1}, (KEY, 1) in v.items(), next(iter(v), 0),
                                 v == {KEY: 1}, v == v.copy(), repr(v), v.key)),
    "hash errors": (H, lambda v: (refuse(KeyError, lambda: v["no"]), refuse(TypeError, lambda: v.update([(bytearray(b"x"), 1), (KEY, None)])),
                                  refuse(TypeError, lambda: v.mget([bytearray(b"x"), None])), refuse(TypeError, lambda: v[2.5]),
                                  refuse(TypeError, lambda: hash(v)), refuse(TypeError, v.__reduce__), refuse(KeyError, lambda: v.ttl("no")), refuse(KeyError, lambda: v.expires_at("no")))),
    "list": (L, lambda v: (v.append(TEXT), v.appendleft(RAW), v.extend([1, 2.5, bytearray(RAW)]), v[0], v[-1], v.__setitem__(0, TEXT),
                           v.pop(), v.popleft(), v.pop(0), v.extendleft("ab"), v.clear())),
    "list slices": (L, lambda v: (v.extend(range(9)), v[2:4], v[::-2], v.__setitem__(slice(1, 3), [TEXT] * 4), v.__delitem__(slice(None, None, 3)),
                                  v.__setitem__(slice(None, None, -1), [RAW] * len(v)), v.insert(3, TEXT), v.reverse(), v.rotate(2), v.trim(0, 5),
                                  v.__delitem__(0), v.__delitem__(slice(None)))),
    "list search": (L, lambda v: (v.extend([TEXT, 1, RAW]), v.count(1), v.index(RAW), 5 in v, v.remove(TEXT), refuse(ValueError, lambda: v.remove(9)),
                                  refuse(ValueError, lambda: v.index(9)), v.clear())),
    "list operators": (L, lambda v: (v.extend([TEXT, 1]), v + [1], [1] + v, v * 2, 2 * v, v.__imul__(2), v.__iadd__([1]), v == [1], v < [TEXT], v == v,
                                     list(v), list(reversed(v)), v.copy(), iter(v), repr(v), v.key, v.clear())),
    "list errors": (L, lambda v: (refuse(IndexError, lambda: v[9]), refuse(TypeError, lambda: v["x"]), refuse(IndexError, v.pop),
                                  refuse(TypeError, lambda: v.extend([bytearray(RAW), None])), refuse(TypeError, lambda: v + 5),
                                  refuse(ValueError, lambda: v.__setitem__(slice(0, 9, 2), [bytearray(RAW)])))),
    "set": (M, lambda v: (v.add(KEY), v.add(bytearray(RAW)), KEY in v, v.discard("no"), v.remove(KEY), v.pop(), v.update("abc", [5]), v.random(),
                          v.random(2), len(v), list(v), v.copy(), repr(v), v.key)),
    "set operators": (M, lambda v: (v.update("abc", [5, RAW]), v & {5}, v | {KEY, None}, v - {"a"}, v ^ {"z"}, {1} | v, v & v, v | v, v - v, v ^ v, v == {5},
                                    v <= {5, None}, v.isdisjoint([1]), v.union([1], [2]), v.intersection("ab"), v.difference("a"),
                                    v.symmetric_difference([5]), v.issubset([1]), v.issuperset([5]))),
    "set in place": (M, lambda v: (v.update("abc"), v.__ior__({"d"}), v.__iand__({"a", "d", None}), v.__isub__({"a", 2.5}), v.__ixor__({"x", "d"}),
                                   v.intersection_update("x"), v.difference_update("y"), v.symmetric_difference_update("z"), v.clear())),
    "set errors": (M, lambda v: (refuse(KeyError, lambda: v.remove("no")), refuse(TypeError, lambda: v.update([bytearray(b"x"), None])),
                                 refuse(TypeError, lambda: v & [1]), refuse(TypeError, lambda: v.__ior__({None, "a"})), refuse(TypeError, lambda: v.__ixor__({None, "a"})))),
    "zset": (Z, lambda v: (v.__setitem__(KEY, 1), v.__setitem__(RAW, 2.5), v[KEY], v.get("no"), KEY in v, v.add([("a", 1), (bytearray(b"b"), 2)], changed=True),
                           v.incr("a"), v.rank("a"), v.rank("no"), v.mget(["a", "no"]), v.setdefault("s", 5), v.pop("a"), v.update(q=1), v.__delitem__("q"))),
    "zset ranges": (Z, lambda v: (v.update(a=1, b=2, c=3), v.range(), v.range(0, 1, withscores=True), v.range(1, kevy.exclusive(2.5), by="score", offset=1),
                                  v.range("a", kevy.exclusive(b"c"), by="lex"), v.count(1, 2), v.remove_range(1.5, by="score"), v.pop_min(), v.pop_max(2),
                                  v.update(a=1), v.popitem(), v.random(), v.random(2))),
    "zset views": (Z, lambda v: (v.update(a=1), list(v), list(reversed(v)), v.items() & {1}, list(v.values()), v.keys() ^ {2}, v == {"a": 1.0}, v.copy(), repr(v),
                                 v.key, v.clear(), kevy.exclusive(TEXT) == kevy.exclusive(RAW), hash(kevy.exclusive(1)))),
    "zset errors": (Z, lambda v: (refuse(TypeError, lambda: v.add([(bytearray(b"a"), "1")])), refuse(TypeError, lambda: v.range(b"x", by="score")),
                                  refuse(KeyError, lambda: v["no"]), refuse(ValueError, lambda: v.range(by="what")), refuse(KeyError, v.pop_min),
                                  refuse(TypeError, lambda: v.range("a", 2.5, by="lex")), refuse(ValueError, lambda: v.range(0, 1, count=1)))),
    "stream": (X, lambda v: (v.add({KEY: TEXT, 5: RAW}), v.add([("a", 1)], maxlen=5), v.range(), v.range(rev=True, count=1), v.read(0, count=2), list(v), iter(v),
                             v[v.range()[0][0]], "1-1" in v, v.trim(2), v.delete("1-1"), v.info(), v.groups(), len(v), v == [], v.copy(), repr(v), v.key)),
    "stream ids": (X, lambda v: (v.add({"a": 1}, "5-1"), v.set_id("6-1"), refuse(ValueError, lambda: v.add({"a": 1}, "1-1")),
                                 refuse(ValueError, lambda: v.add({"a": 1}, "x")), refuse(ValueError, lambda: v.add({})), refuse(KeyError, lambda: v["1-1"]),
                                 refuse(ValueError, lambda: v.add({"a": RAW}, maxlen=-1)), v.clear())),
    "group": (X, lambda v: use_group(v, v.group("g"))),
}


def use_group(v, g):
    ids = [v.add({"a": TEXT}) for _ in range(5)]
    g.create(0), g.create(), g.read("c", 4), g.read("c", after=0), g.ack(ids[0]), g.pending(), g.pending(consumer="c", idle=0), g.pending_summary()
    g.claim("d", ids[1]), g.claim("d", ids[1], justid=True), g.autoclaim("e"), g.autoclaim("e", justid=True), g.consumers(), g.info(), v.groups()
    g.create_consumer("f"), g.delete_consumer("f"), g.set_id("0"), repr(g), g.name, g.stream, refuse(TypeError, lambda: g.read(None))
    refuse(TypeError, g.__reduce__), g.destroy(), refuse(KeyError, g.info), refuse(kevy.CommandError, lambda: g.read("c")), v.clear()


for name_, (type_, use_) in VIEW_PATHS.items():
    PATHS[name_] = lambda s, type_=type_, use_=use_: use_(getattr(s, type_)("view"))
PATHS["view"] = lambda s: (s.Hash("new"), s.Set(bytearray(b"raw")), refuse(TypeError, lambda: s.List(5)))
PATHS["wrong type"] = lambda s: (s.set("w", 1), refuse(kevy.WrongTypeError, lambda: len(s.Hash("w"))), refuse(kevy.WrongTypeError, s.Set("w").clear))
PATHS["assign"] = lambda s: [(s.__setitem__("c", v), s["c"], s.get("c"), s.__setitem__("d", s["c"]), s.pop("c"), s.pop("d"))
                             for v in ({KEY: TEXT}, [TEXT, 1], (RAW,), {KEY, 5}, frozenset([5]))]
PATHS["assign TypeError"] = lambda s: [refuse(TypeError, lambda: s.__setitem__("c", v)) for v in ({KEY: None}, [RAW, None], {None, KEY}, [bytearray(b"x"), s])]
PATHS["collections"] = lambda s: (s.update(c1={"a": 1}, c2=[1]), s.setdefault("c3", []), s.setdefault("c1", {}), list(s.values()), list(s.items()), s == {}, s.delete("c1", "c2"))
PATHS["pop collections"] = lambda s: (s.ZSet("c").update(a=1), s.pop("c"), s.Stream("c").add({"a": 1}), s.pop("c"))


def closed():
    s = kevy.Store()
    s.close()
    return s


def kept(measures, rounds):
    """What grew from each measure to the next. A leak shows in every interval; what the interpreter itself settles, its
    free lists for one, does not, however long it takes."""
    grown = [min(later - earlier for earlier, later in zip(m, m[1:])) for m in zip(*measures)]
    lost = [min(earlier - later for earlier, later in zip(m, m[1:])) for m in zip(*measures)]
    judged = {
        "references or objects": max(grown[:-2]) >= rounds / 4,
        "references given away twice": max(lost[:-3]) >= rounds / 4,
        "Python's memory": grown[-2] >= rounds * 8,
        "the store's memory": grown[-1] >= 4096}
    return [what for what, is_kept in judged.items() if is_kept]


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
            for _ in range(10):
                run()
                measures.append(measure())
                if len(measures) >= 4 and not kept(measures, rounds):
                    break
        finally:
            tracemalloc.stop()
    assert not kept(measures, rounds)


def test_every_method_is_on_a_path():
    source = pathlib.Path(__file__).read_text()
    for view, shown in ((kevy.Hash, "v"), (kevy.List, "v"), (kevy.Set, "v"), (kevy.ZSet, "v"), (kevy.Stream, "v"), (kevy.Group, "g")):
        for name in dir(view):
            assert name.startswith("_") or f"{shown}.{name}" in source, (view, name)
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
        h.me, h.view, h.iter, h.pairs = h, h.keys(), iter(h), iter(h.items())
        h.live = h.Hash("h"), h.Hash("h").items(), h.Stream("x").group("g"), iter(h.Stream("x"))
    del h
    assert live() == before
