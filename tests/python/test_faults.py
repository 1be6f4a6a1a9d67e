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
    return s, s.snapshot() if frozen else None


def contents(s):
    return dict(s.items()), {k: s.ttl(k) for k in s}


@pytest.mark.parametrize("frozen", [False, True], ids=["alone", "beside a snapshot"])
@pytest.mark.parametrize("name", CALLS)
def test_call(name, frozen):
    call = CALLS[name]
    s, held = filled(frozen)
    before = contents(s)
    expected = call(s)
    after = contents(s)
    for n in range(1, 200):
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


def test_failures_are_real():
    s, _ = filled(False)
    for call in (CALLS["set big"], CALLS["mset"], CALLS["command SET"]):
        s._debug_fail_alloc(1)
        with pytest.raises((kevy.OutOfMemoryError, kevy.CommandError)):
            call(s)
