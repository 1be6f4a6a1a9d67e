"""Every allocation of every call fails once: the call says so, and nothing has changed."""

import kevy
import pytest

BIG = b"x" * 100_000

CALLS = {
    "set new": lambda s: s.set("new", "value" * 20),
    "set big": lambda s: s.set("new", BIG),
    "set over": lambda s: s.set("k", BIG),
    "set ttl": lambda s: s.set("k", "other", ttl=50),
    "set get": lambda s: s.set("k", BIG, get=True),
    "setitem int": lambda s: s.__setitem__("n", 1 << 40),
    "setdefault": lambda s: s.setdefault("new", BIG),
    "incr": lambda s: s.incr("fresh"),
    "incr text": lambda s: s.incr("text number"),
    "incr float": lambda s: s.incr("n", 0.5),
    "append": lambda s: s.append("k", BIG),
    "append big": lambda s: s.append("big", BIG),
    "setrange": lambda s: s.setrange("k", 5000, BIG),
    "mset": lambda s: s.mset({"new": BIG, "k": "z" * 500, "other": 1}, ttl=9),
    "rename": lambda s: s.rename("k", "a longer name than before " * 5),
    "copy": lambda s: s.copy("big", "copied"),
    "copy small": lambda s: s.copy("k", "copied"),
    "expire": lambda s: s.expire("k", 60),
    "expire new": lambda s: s.expire("n", 60),
    "persist": lambda s: s.persist("timed"),
    "delete": lambda s: s.delete("k", "big"),
    "getdel": lambda s: s.getdel("big"),
    "pop": lambda s: s.pop("k"),
    "clear": lambda s: s.clear(),
    "get": lambda s: s.get("k"),
    "mget": lambda s: s.mget(["k", "big", "nope"]),
    "getrange": lambda s: s.getrange("n", 0, -1),
    "view": lambda s: bytes(s.view("k")),
    "view big": lambda s: bytes(s.view("big")),
    "view int": lambda s: bytes(s.view("n")),
    "iterate": lambda s: sorted(map(str, s.items())),
    "scan": lambda s: sorted(s.scan("*")),
    "snapshot": lambda s: s.snapshot().get("k"),
    "command SET": lambda s: s.command("SET", "new", BIG),
    "command MGET": lambda s: s.command("MGET", "k", "big"),
    "command KEYS": lambda s: sorted(s.command("KEYS", "*")),
    "command INCRBYFLOAT": lambda s: s.command("INCRBYFLOAT", "n", "0.25"),
    "command APPEND": lambda s: s.command("APPEND", "k", BIG),
    "command GETEX": lambda s: s.command("GETEX", "k", "EX", "50"),
    "resp": lambda s: resp(s, "GET", "big"),
    "memory usage": lambda s: s.memory_usage("big"),
    "assign dict": lambda s: s.__setitem__("k", {f"f{i}": "v" * 30 for i in range(100)}),
    "assign list": lambda s: s.__setitem__("hash", [*range(500)]),
    "assign set": lambda s: s.__setitem__("new", {f"m{i}" for i in range(300)}),
    "assign view": lambda s: s.__setitem__("new", s.Hash("hash")),
    "pop dict": lambda s: s.pop("hash"),
    "hash set": lambda s: s.Hash("hash").__setitem__("new", BIG),
    "hash update": lambda s: s.Hash("hash").update({f"new {i}": i for i in range(400)}),
    "hash read": lambda s: (dict(s.Hash("hash")), s.Hash("hash").mget(["f1", "no"])),
    "list extend": lambda s: s.List("list").extend(["x" * 40] * 500),
    "list slice": lambda s: s.List("list").__setitem__(slice(3, 90), ["y" * 30] * 300),
    "list step": lambda s: s.List("list").__setitem__(slice(None, None, 2), ["y" * 30] * 100),
    "list delete": lambda s: s.List("list").__delitem__(slice(1, None, 3)),
    "list rotate": lambda s: s.List("list").rotate(70),
    "list read": lambda s: (list(s.List("list")), s.List("list")[3:70:3]),
    "set update": lambda s: s.Set("set").update(f"new {i}" for i in range(400)),
    "set xor": lambda s: s.Set("set").symmetric_difference_update({f"m{i}" for i in range(50, 400)}),
    "set read": lambda s: (set(s.Set("set")), s.Set("set") & {"m1"}),
    "zset add": lambda s: s.ZSet("zset").add({f"new {i}": i for i in range(400)}),
    "zset read": lambda s: (dict(s.ZSet("zset")), s.ZSet("zset").range(3, 9, withscores=True)),
    "zset remove": lambda s: s.ZSet("zset").remove_range(3, 150),
    "stream add": lambda s: s.Stream("stream").add({"a": BIG}, "9-1"),
    "stream read": lambda s: (list(s.Stream("stream")), s.Stream("stream").info()["length"]),
}


def resp(s, *args):
    reply = s.command_resp(*args)
    if reply.startswith(b"-OOM"):
        raise kevy.CommandError(reply[1:].decode())
    return reply


def filled(frozen):
    s = kevy.Store()
    s._debug_clock(1_700_000_000_000)
    s.update({"k": "value", "big": BIG, "n": 42, "text number": "41", "f": 2.5})
    s.set("timed", 1, ttl=100)
    s.update({f"filler {i}": i for i in range(60)})
    s.update(hash={f"f{i}": i for i in range(200)}, list=[*range(200)], set={f"m{i}" for i in range(200)})
    s.ZSet("zset").update({f"m{i}": i for i in range(200)})
    s.Stream("stream").add({"a": 1}, "1-1")
    return s, s.snapshot() if frozen else None


def contents(s):
    held = {k: v.copy() if hasattr(v, "copy") else v for k, v in s.items()}
    return held, {k: s.ttl(k) for k in s}


@pytest.mark.parametrize("frozen", [False, True], ids=["alone", "beside a snapshot"])
@pytest.mark.parametrize("name", CALLS)
def test_call(name, frozen):
    call = CALLS[name]
    s, held = filled(frozen)
    before = contents(s)
    expected = call(s)
    after = contents(s)
    for n in range(1, 1000):
        s, held = filled(frozen)
        s._debug_fail_alloc(n)
        try:
            result = call(s)
        except kevy.CommandError as e:
            assert str(e).startswith("OOM"), "a command answers it as Redis does"
        except kevy.OutOfMemoryError as e:
            assert isinstance(e, MemoryError) and str(e)
        else:
            s._debug_fail_alloc(0)
            assert result == expected and contents(s) == after
            break
        s._debug_fail_alloc(0)
        assert contents(s) == before
        assert call(s) == expected and contents(s) == after, "and then it works"
        assert held is None or contents(held) == before
    else:
        raise AssertionError("it never stopped allocating")
    assert held is None or contents(held) == before


TAKES = {
    "pop hash": lambda s: s.pop("hash"),
    "pop list": lambda s: s.pop("list"),
    "pop set": lambda s: s.pop("set"),
    "pop zset": lambda s: s.pop("zset"),
    "pop stream": lambda s: s.pop("stream"),
    "popitem": lambda s: s.popitem(),
    "hash pop": lambda s: s.Hash("hash").pop("f1"),
    "hash popitem": lambda s: s.Hash("hash").popitem(),
    "list pop": lambda s: s.List("list").pop(),
    "list popleft": lambda s: s.List("list").popleft(),
    "list pop inside": lambda s: s.List("list").pop(2),
    "set pop": lambda s: s.Set("set").pop(),
    "zset pop": lambda s: s.ZSet("zset").pop("m1"),
    "zset pop_min": lambda s: s.ZSet("zset").pop_min(),
    "zset pop_min some": lambda s: s.ZSet("zset").pop_min(3),
    "zset pop_max all": lambda s: s.ZSet("zset").pop_max(99),
    "zset popitem": lambda s: s.ZSet("zset").popitem(),
}


@pytest.mark.parametrize("name", TAKES)
def test_what_cannot_be_made_is_not_taken(name):
    """Python, not the store, has no memory: what a call would have returned is still there."""
    testcapi = pytest.importorskip("_testcapi")
    take = TAKES[name]
    with kevy.open("mem://faults") as s:
        names = ["long enough not to be kept %d" % i for i in range(6)]
        s.update(hash={"f1": 2**40, **dict.fromkeys(names, 2.5)}, list=names, set={"m1", *names})
        s.ZSet("zset").update({"m1": 1, **{m: i for i, m in enumerate(names)}})
        s.Stream("stream").add({"a": names[0]}, "1-1")
        s.Stream("stream").add({"b": names[1], "c": 2**40}, "1-2")
        before = contents(s)
        for n in range(1, 1000):
            testcapi.set_nomemory(n, n + 1)
            try:
                take(s)
            except MemoryError:
                testcapi.remove_mem_hooks()
                assert contents(s) == before
            else:
                testcapi.remove_mem_hooks()
                assert contents(s) != before
                return
            finally:
                testcapi.remove_mem_hooks()
        raise AssertionError("it never stopped allocating")


def test_failures_are_real():
    s, _ = filled(False)
    for call in (CALLS["set big"], CALLS["mset"], CALLS["command SET"]):
        s._debug_fail_alloc(1)
        with pytest.raises((kevy.OutOfMemoryError, kevy.CommandError)):
            call(s)
