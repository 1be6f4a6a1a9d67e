"""Scalars: set and its conditions, counters, pieces of strings, batches, views of bytes."""

import kevy
import pytest


def test_set_conditions(either):
    s = either
    assert s.set("k", 1, xx=True) is False and "k" not in s
    assert s.set("k", 1, nx=True) is True
    assert s.set("k", 2, nx=True) is False and s["k"] == 1
    assert s.set("k", 2, xx=True) is True and s["k"] == 2
    assert s.set("k", 3, nx=0, xx=[]) is True
    with pytest.raises(ValueError):
        s.set("k", 1, nx=True, xx=True)


def test_set_get(either):
    s = either
    assert s.set("k", "a", get=True) is None and s["k"] == "a"
    assert s.set("k", 2, get=True) == "a"
    assert s.set("k", b"c", nx=True, get=True) == 2 and s["k"] == 2
    assert s.set("missing", 1, xx=True, get=True) is None and "missing" not in s
    assert s.set("k", 3, get=False) is True


def test_set_ttl(s, clock):
    s.set("k", 1, 10)
    assert s.ttl("k") == 10
    s.set("k", 2, keepttl=True)
    assert s.ttl("k") == 10
    s["k"] = 3
    assert s.ttl("k") is None
    s.set("k", 4, ttl=2.5)
    clock.advance(2.499)
    assert s["k"] == 4
    clock.advance(0.001)
    assert "k" not in s


@pytest.mark.parametrize("wrong", [
    lambda s: s.set("k"), lambda s: s.set(), lambda s: s.set("k", 1, 2, True), lambda s: s.set("k", 1, what=1),
    lambda s: s.set(key="k", value=1), lambda s: s.set("k", 1, 5, ttl=5), lambda s: s.mset(), lambda s: s.mset(5),
    lambda s: s.mset([("a", 1)]), lambda s: s.mget(), lambda s: s.mget(5), lambda s: s.mget("a", "b"),
    lambda s: s.incr("k", "1"), lambda s: s.incr("k", None), lambda s: s.incr("k", True), lambda s: s.append("k"),
    lambda s: s.getrange("k", 0), lambda s: s.getrange("k", 0.0, 1), lambda s: s.getrange("k", True, 1),
    lambda s: s.setrange("k", "0", "x"), lambda s: s.setrange("k", 0, 5), lambda s: s.strlen(),
    lambda s: s.incr(), lambda s: s.incr("k", 1, 2), lambda s: s.getdel("k", None)])
def test_wrong_calls(s, wrong):
    with pytest.raises(TypeError):
        wrong(s)
    assert len(s) == 0


def test_getdel(either):
    either["k"] = "v"
    assert either.getdel("k") == "v" and either.getdel("k") is None and "k" not in either


def test_incr(either):
    s = either
    assert s.incr("n") == 1 and s.incr("n", 41) == 42 and s.incr("n", by=-2) == 40
    assert s["n"] == 40 and type(s["n"]) is int
    s["text"] = "7"
    assert s.incr("text") == 8 and type(s["text"]) is int
    half = s.incr("n", 0.5)
    assert half == 40.5 and type(half) is float and s["n"] == 40.5
    with pytest.raises(kevy.NotIntegerError):
        s.incr("n")
    assert s.incr("fresh", 0.25) == 0.25


def test_incr_keeps_the_ttl(s, clock):
    s.set("n", 1, ttl=5)
    s.incr("n")
    s.append("n", "0")
    assert s.ttl("n") == 5 and s["n"] == b"20"


def test_incr_errors(s):
    s["text"] = "abc"
    s["max"] = (1 << 63) - 1
    s["big"] = 1.7e308
    for error, builtin, call in [
            (kevy.NotIntegerError, ValueError, lambda: s.incr("text")),
            (kevy.NotFloatError, ValueError, lambda: s.incr("text", 1.5)),
            (kevy.CounterOverflowError, OverflowError, lambda: s.incr("max")),
            (kevy.CounterOverflowError, OverflowError, lambda: s.incr("big", 1.7e308))]:
        with pytest.raises(error) as caught:
            call()
        assert isinstance(caught.value, kevy.Error) and isinstance(caught.value, builtin) and str(caught.value)
    assert s["text"] == "abc" and s["max"] == (1 << 63) - 1 and s["big"] == 1.7e308


def test_append(either):
    s = either
    assert s.append("k", "é") == 2 and s["k"] == "é"
    assert s.append("k", "x") == 3 and s["k"] == "éx"
    assert s.append("k", b"\xff") == 4 and s["k"] == "éx".encode() + b"\xff"
    s["n"] = 4
    assert s.append("n", 2) == 2 and s["n"] == b"42"


def test_pieces(either):
    s = either
    s["k"] = "Hello World"
    assert s.strlen("k") == 11 and s.strlen("missing") == 0
    assert s.getrange("k", 0, 4) == b"Hello" and s.getrange("k", -5, -1) == b"World"
    assert s.getrange("k", 5, 1) == b"" and s.getrange("missing", 0, -1) == b""
    assert s.setrange("k", 6, "Redis") == 11 and s["k"] == b"Hello Redis"
    assert s.setrange("pad", 3, b"x") == 4 and s["pad"] == b"\0\0\0x"
    s["n"] = 12345
    assert s.strlen("n") == 5 and s.getrange("n", 1, 2) == b"23"
    with pytest.raises(ValueError):
        s.setrange("k", -1, "x")
    with pytest.raises(OverflowError):
        s.getrange("k", 1 << 64, 0)


@pytest.mark.parametrize("wrong, error, words", [
    (lambda s: s.getrange("k", 1 << 64, 0), OverflowError, "first must fit in 64 bits"),
    (lambda s: s.setrange("k", 1 << 64, "x"), OverflowError, "offset must fit in 64 bits"),
    (lambda s: s.setrange("k", 0, 5), TypeError, "a piece is str, bytes, bytearray or memoryview, not int"),
    (lambda s: s.scan(5), TypeError, "a pattern is str, bytes, bytearray or memoryview, not int"),
    (lambda s: s.set("k", 1, float("nan")), ValueError, "ttl is out of range: seconds are finite"),
    (lambda s: s.expire_at("k", 1e300), ValueError, "the time is out of range: seconds are finite"),
    (lambda s: kevy.Store(maxmemory=1 << 64), OverflowError, "maxmemory must fit in 64 bits")])
def test_errors_say_what_is_allowed(s, wrong, error, words):
    with pytest.raises(error, match=words):
        wrong(s)


def test_mget(either):
    either.update(a=1, b="x")
    either[b"c"] = b"y"
    for keys in (["a", "b", "nope", b"c", bytearray(b"a")], ("a", "b", "nope", b"c", memoryview(b"a")),
                 iter(["a", "b", "nope", "c", "a"])):
        assert either.mget(keys) == [1, "x", None, b"y", 1]
    assert either.mget([]) == [] and either.mget("ab") == [1, "x"]
    many = [str(i) for i in range(1000)]
    assert either.mget(many) == [None] * 1000


def test_mset(s, clock):
    assert s.mset({"a": 1, b"b": b"x", "c": bytearray(b"y"), "d": memoryview(b"abc")[::2]}) is None
    assert s == {"a": 1, b"b": b"x", "c": b"y", "d": b"ac"}
    s.mset({"a": 2, "e": 3}, ttl=5)
    assert s.ttl("a") == 5 and s.ttl("e") == 5 and s.ttl("c") is None
    s.mset({"a": 3}, 7)
    assert s.ttl("a") == 7
    s.mset({})
    with kevy.Store() as other:
        other.mset(s)
        assert other == s
    with pytest.raises(TypeError):
        s.mset({"f": 1, "g": None})
    assert "f" not in s, "all or none"


def test_mset_all_or_none_when_memory_ends():
    with kevy.Store(maxmemory="4mb") as s:
        s["0"] = "old"
        with pytest.raises(kevy.OutOfMemoryError):
            s.mset({str(i): b"x" * 1000 for i in range(100_000)})
        assert s == {"0": "old"}


def test_view(either):
    s = either
    small, big = b"abc", bytes(range(256)) * 4096
    s.update(small=small, big=big, text="é", n=42, f=2.5)
    views = {k: s.view(k) for k in s}
    assert views["small"] == small and views["big"] == big and bytes(views["text"]) == "é".encode()
    assert bytes(views["n"]) == b"42" and bytes(views["f"]) == b"2.5"
    for view in views.values():
        assert isinstance(view, memoryview) and view.readonly and view.contiguous and view.format == "B"
        with pytest.raises(TypeError):
            view[0] = 1
    s["big"] = b"other"
    del s["small"]
    s.close()
    assert views["big"] == big and views["small"] == small
    views["big"].release()


def test_view_does_not_copy_what_is_large(s):
    s["big"] = bytes(64 << 20)
    before = s.used_memory
    views = [s.view("big") for _ in range(100)]
    assert s.used_memory - before < 1 << 20 and s.info()["pins"] == 100
    del s["big"], views
    s["after"] = 1
    s.command("PING")


def test_view_of_a_missing_key(s):
    with pytest.raises(KeyError):
        s.view("k")


def test_view_does_not_feel_append(s):
    s["big"] = b"a" * 100_000
    view = s.view("big")
    s.append("big", b"b")
    s.setrange("big", 0, b"c")
    assert view == b"a" * 100_000 and s["big"] == b"c" + b"a" * 99_999 + b"b"
