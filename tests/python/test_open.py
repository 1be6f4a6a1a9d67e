"""Opening, closing, naming and describing stores."""

import asyncio
import copy
import gc
import os
import pathlib
import pickle
import sys
import weakref
from collections.abc import MutableMapping

import kevy
import pytest


def test_version_is_the_engines():
    assert kevy.__version__.count(".") == 2


def test_store_is_a_mutable_mapping(s):
    assert isinstance(s, MutableMapping)
    assert issubclass(kevy.Store, MutableMapping)


def test_anonymous_stores_are_apart():
    with kevy.Store() as a, kevy.open("mem://") as b:
        a["k"] = 1
        assert "k" not in b


def test_named_store_is_one_per_process():
    with kevy.open("mem://one") as a, kevy.open("mem://one") as b, kevy.open("mem://two") as c:
        a["k"] = 1
        assert b["k"] == 1 and "k" not in c
        a.close()
        assert b["k"] == 1
    with kevy.open("mem://one") as d:
        assert "k" not in d, "it lives until the last close"


def test_store_takes_a_url_as_its_path():
    with kevy.Store("mem://one") as a, kevy.open("mem://one") as b:
        a["k"] = 1
        assert b["k"] == 1


@pytest.mark.parametrize("url", ["redis://x", "shm://x", "valkey://h:1/0", "what://x", "x", ""])
def test_other_schemes_name_those_that_work(url):
    with pytest.raises(ValueError, match="mem://"):
        kevy.open(url)


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
def test_a_path_is_a_directory(tmp_path, kind):
    with kevy.Store(kind(tmp_path / "data")) as s:
        s["k"] = 1
    with kevy.Store(tmp_path / "data") as s:
        assert s["k"] == 1


@pytest.mark.parametrize("call", [
    lambda: kevy.open(None), lambda: kevy.open(5), lambda: kevy.open(b"mem://"), lambda: kevy.open(),
    lambda: kevy.Store(5), lambda: kevy.Store(maxmemory=1.5), lambda: kevy.Store(maxmemory=True),
    lambda: kevy.Store(maxmemory=None), lambda: kevy.Store(policy=1), lambda: kevy.Store(None, 5),
    lambda: kevy.Store(size=5), lambda: kevy.open("mem://", 5), lambda: kevy.open(url="mem://")])
def test_wrong_types(call):
    with pytest.raises(TypeError):
        call()


@pytest.mark.parametrize("call", [
    lambda: kevy.open("mem://a\0b"), lambda: kevy.Store("a\0b"), lambda: kevy.Store(policy="what"),
    lambda: kevy.Store(maxmemory=-1), lambda: kevy.Store(maxmemory=""),
    lambda: kevy.Store(maxmemory="mb"), lambda: kevy.Store(maxmemory="-1"),
    lambda: kevy.Store(maxmemory="1 mb"), lambda: kevy.Store(maxmemory="1tb"),
    lambda: kevy.Store(maxmemory="1mb\0"), lambda: kevy.Store(maxmemory="99999999999999999999"),
    lambda: kevy.Store(maxmemory="99999999999gb")])
def test_wrong_values(call):
    with pytest.raises(ValueError):
        call()


@pytest.mark.parametrize("given, size", [
    (0, 0), (1 << 22, 1 << 22), ("4194304", 4194304), ("4194304b", 4194304), ("5000k", 5_000_000),
    ("5000kb", 5_120_000), ("64m", 64_000_000), ("64mb", 64 << 20), ("64MB", 64 << 20),
    ("1g", 10**9), ("1gb", 1 << 30)])
def test_maxmemory(given, size):
    with kevy.Store(maxmemory=given) as s:
        assert s.info()["maxmemory"] == size


def test_maxmemory_holds():
    with kevy.Store(maxmemory="4mb") as s:
        with pytest.raises(kevy.OutOfMemoryError) as caught:
            for i in range(1 << 20):
                s[str(i)] = b"x" * 100
        assert isinstance(caught.value, MemoryError)
        assert s.used_memory <= 4 << 20
        n = len(s)
        assert str(n) not in s, "the write that failed has changed nothing"
        del s["0"]
        s["0"] = b"x" * 100


USES = {
    "getitem": lambda s: s["k"], "setitem": lambda s: s.__setitem__("k", 1),
    "delitem": lambda s: s.__delitem__("k"), "contains": lambda s: "k" in s, "len": len, "iter": iter,
    "eq": lambda s: s == {}, "get": lambda s: s.get("k"), "set": lambda s: s.set("k", 1),
    "set_get": lambda s: s.set("k", 1, get=True), "getdel": lambda s: s.getdel("k"),
    "incr": lambda s: s.incr("k"), "incr_float": lambda s: s.incr("k", 0.5),
    "append": lambda s: s.append("k", "v"), "mget": lambda s: s.mget(["k"]),
    "mset": lambda s: s.mset({"k": 1}), "strlen": lambda s: s.strlen("k"),
    "getrange": lambda s: s.getrange("k", 0, 1), "setrange": lambda s: s.setrange("k", 0, "x"),
    "view": lambda s: s.view("k"), "delete": lambda s: s.delete("k"), "exists": lambda s: s.exists("k"),
    "touch": lambda s: s.touch("k"), "type": lambda s: s.type("k"), "rename": lambda s: s.rename("k", "l"),
    "copy": lambda s: s.copy("k", "l"), "scan": lambda s: s.scan(), "clear": lambda s: s.clear(),
    "ttl": lambda s: s.ttl("k"), "expires_at": lambda s: s.expires_at("k"),
    "expire": lambda s: s.expire("k", 1), "expire_at": lambda s: s.expire_at("k", 1),
    "persist": lambda s: s.persist("k"), "snapshot": lambda s: s.snapshot(),
    "command": lambda s: s.command("PING"), "command_resp": lambda s: s.command_resp("PING"),
    "command_async": lambda s: asyncio.run(s.command_async("PING")),
    "info": lambda s: s.info(), "stats": lambda s: s.stats(), "reset_stats": lambda s: s.reset_stats(), "memory_usage": lambda s: s.memory_usage("k"),
    "mode": lambda s: s.mode, "durability": lambda s: s.durability, "recovery": lambda s: s.recovery,
    "fsync": lambda s: s.fsync, "sync": lambda s: s.sync(), "rewrite": lambda s: s.rewrite(), "save": lambda s: s.save("/tmp/none/none"),
    "used_memory": lambda s: s.used_memory, "maxmemory": lambda s: s.maxmemory, "policy": lambda s: s.policy, "pop": lambda s: s.pop("k", None),
    "popitem": lambda s: s.popitem(), "setdefault": lambda s: s.setdefault("k", 1),
    "update": lambda s: s.update(k=1), "len_keys": lambda s: len(s.keys()),
    "Hash": lambda s: s.Hash("k").get("f"), "List": lambda s: s.List("k").append(1),
    "Set": lambda s: "m" in s.Set("k"), "ZSet": lambda s: s.ZSet("k").rank("m"),
    "Stream": lambda s: s.Stream("k").range(), "setitem_dict": lambda s: s.__setitem__("k", {"f": 1}),
    "list_items": lambda s: list(s.items()), "enter": lambda s: s.__enter__(),
    "begin": lambda s: s.begin(), "commit": lambda s: s.commit(), "rollback": lambda s: s.rollback(),
    "transaction": lambda s: s.transaction().__enter__(), "version": lambda s: s.version("k"),
    "session": lambda s: s.session(), "cached": lambda s: s.cached(len)("x"), "in_transaction": lambda s: s.in_transaction,
    "on_expire": lambda s: s.on_expire(print), "on_evict": lambda s: s.on_evict(None), "tick": lambda s: s.tick(),
    "events_missed": lambda s: s.events_missed, "serve": lambda s: s.serve("127.0.0.1:0"),
    "clock": lambda s: s._debug_clock(None), "fail": lambda s: s._debug_fail_alloc(0)}


@pytest.mark.parametrize("use", USES)
def test_a_closed_store_says_so(either, use):
    either["k"] = 1
    either.close()
    with pytest.raises(kevy.ClosedError) as caught:
        USES[use](either)
    assert isinstance(caught.value, kevy.Error)


def test_every_method_has_a_closed_case():
    named = {"close", "closed", "load", "keys", "values", "items"}
    public = {n for n in dir(kevy.Store) if not n.startswith("_")}
    assert public - named <= set(USES)


def test_closing_twice_and_with(s):
    assert not s.closed
    with s as same:
        assert same is s
    assert s.closed
    s.close()
    assert repr(s) == "<kevy.Store closed>"


def test_with_lets_exceptions_pass():
    with pytest.raises(ZeroDivisionError):
        with kevy.Store() as s:
            1 // 0
    assert s.closed


def test_children_outlive_the_store(s):
    s.update(a=1, b="x" * 100_000)
    keys, items, snapshot, view = iter(s), iter(s.items()), s.snapshot(), s.view("b")
    s.close()
    assert sorted(keys) == ["a", "b"]
    assert dict(items) == {"a": 1, "b": "x" * 100_000}
    assert snapshot["a"] == 1 and len(snapshot) == 2
    assert bytes(view) == b"x" * 100_000


def test_repr_is_short():
    with kevy.open("mem://named") as s:
        assert repr(s) == "<kevy.Store mem://named, 0 keys>"
        s["a" * 10_000] = "b" * 10_000
        assert repr(s) == "<kevy.Store mem://named, 1 key>"
        assert repr(s.snapshot()) == "<kevy.Store snapshot of mem://named, 1 key>"


@pytest.mark.parametrize("refused", [copy.copy, copy.deepcopy, pickle.dumps,
                                     lambda s: pickle.dumps(s, protocol=0)])
def test_copy_and_pickle_refuse(s, refused):
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        refused(s)


def test_no_hash_and_no_order(s):
    for wrong in (hash, reversed, lambda s: s < s):
        with pytest.raises(TypeError):
            wrong(s)


def test_subclass():
    class Cache(kevy.Store):
        def __init__(self, size):
            super().__init__(maxmemory=size)
            self.size = size

    with Cache("64mb") as c:
        c["k"] = 1
        assert c["k"] == 1 and c.size == "64mb" and repr(c).startswith("<Cache ")
        assert c.snapshot()["k"] == 1
        assert c == {"k": 1} and {"k": 1} == c
        c.me = c
        ref = weakref.ref(c)
    del c
    gc.collect()
    assert ref() is None


def test_without_init_it_is_closed():
    s = kevy.Store.__new__(kevy.Store)
    assert s.closed
    with pytest.raises(kevy.ClosedError):
        s.get("k")


def test_init_again_opens_anew(s):
    s["k"] = 1
    snapshot = s.snapshot()
    s.__init__(maxmemory="8mb")
    assert len(s) == 0 and s.info()["maxmemory"] == 8 << 20 and snapshot["k"] == 1
    with pytest.raises(ValueError):
        s.__init__(policy="what")
    s["still"] = "open"


def test_weakref(s):
    store = kevy.Store()
    ref = weakref.ref(store)
    del store
    assert ref() is None


def test_the_type_cannot_be_changed():
    if sys.version_info >= (3, 10):
        with pytest.raises(TypeError):
            kevy.Store.get = None
    s = kevy.Store()
    s["k"] = 1
    for inner in (iter(s), s.keys(), s.items(), s.values(), s.view("k").obj):
        with pytest.raises(TypeError):
            type(inner)()


def test_big_store_is_cleared_and_closed_without_the_gil():
    s = kevy.Store()
    for i in range(20):
        s[str(i)] = b"x" * (1 << 20)
    assert s.used_memory > 16 << 20
    view = s.view("3")
    s.clear()
    assert len(s) == 0 and s.used_memory < 1 << 20
    s["big"] = b"y" * (16 << 20)
    s.close()
    assert bytes(view) == b"x" * (1 << 20)
