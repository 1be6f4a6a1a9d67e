"""Hash: a mapping of fields to scalars under one key."""

import collections.abc
import datetime

import kevy
import pytest

VALUES = ["alice", "", "é" * 50, b"\x00\xff", b"", 0, -5, (1 << 63) - 1, -(1 << 63), 2.5, -0.0, float("inf"), "42", b"42"]


def same(a, b):
    return a == b and type(a) is type(b)


@pytest.fixture(params=[0, 2000], ids=["small", "large"])
def h(either, request):
    hash_ = either.Hash("h")
    hash_.update({f"filler {i}": i for i in range(request.param)})
    return hash_


def test_fields_and_values_keep_their_kinds(h):
    for i, value in enumerate(VALUES):
        for field in (f"text {i}", f"bytes {i}".encode(), 1000 + i):
            h[field] = value
            assert same(h[field], value) and field in h
    got = dict(h.items())
    for i, value in enumerate(VALUES):
        assert same(got[f"text {i}"], value) and same(got[f"bytes {i}".encode()], value) and same(got[1000 + i], value)


def test_fields_are_one_by_their_bytes(h):
    h[5] = "a"
    h["5"], h[b"5"] = "b", "c"
    h[bytearray(b"5")] = h.get(memoryview(b"5"), "nothing") + "d"
    assert h[5] == "cd" and [f for f in h if f in (5, "5", b"5")] == [5], "in the kind it was first written in"


def test_missing(h):
    with pytest.raises(KeyError) as caught:
        h["missing"]
    assert caught.value.args == ("missing",)
    with pytest.raises(KeyError):
        del h[7]
    assert h.get("missing") is None and h.get("missing", 5) == 5 and "missing" not in h
    assert h.pop("missing", "x") == "x"
    with pytest.raises(KeyError):
        h.pop("missing")
    with pytest.raises(KeyError):
        h.ttl("missing")


def test_what_is_no_field_or_value(h):
    for field in (None, 2.5, True, ("a",), [1]):
        for use in (h.__getitem__, h.__contains__, h.__delitem__, h.get, h.pop, lambda f: h.__setitem__(f, 1)):
            with pytest.raises(TypeError, match="field"):
                use(field)
    for value in (None, True, [1], {"a": 1}, object()):
        with pytest.raises(TypeError, match="a value is"):
            h["f"] = value
        with pytest.raises(TypeError):
            h.update(f=value)
    with pytest.raises(OverflowError):
        h["f"] = 1 << 63
    with pytest.raises(ValueError):
        h["f"] = float("nan")
    assert "f" not in h


def test_the_key_comes_and_goes(s):
    h = s.Hash("h")
    assert len(h) == 0 and not h and list(h) == [] and h == {} and "h" not in s and h.copy() == {}
    h["f"] = 1
    assert s.type("h") == "hash" and list(s) == ["h"] and len(h) == 1
    del h["f"]
    assert "h" not in s and len(h) == 0
    s.Hash(b"raw")["f"] = 1
    assert list(s) == [b"raw"] and s.Hash("raw") == {"f": 1}


def test_mapping_methods(h):
    n = len(h)
    h.update({"a": 1, b"b": "two"}, c=3.5)
    h.update([("d", b"4"), ["e", 5]])
    assert len(h) == n + 5 and h.mget(["a", b"b", "missing", "c"]) == [1, "two", None, 3.5]
    assert h.setdefault("a", 9) == 1 and h.setdefault("new", 9) == 9 and h["new"] == 9
    assert h.pop("a") == 1 and "a" not in h and h.mget([]) == []
    field, value = h.popitem()
    assert field not in h
    h.update(h)
    h.update(())
    with pytest.raises(TypeError):
        h.update(5)
    with pytest.raises(TypeError):
        h.update([5])
    with pytest.raises(ValueError, match="element #1 has length 1"):
        h.update([("x", 1), "x"])
    with pytest.raises(TypeError):
        h.update(x=1, y=None)
    assert "x" not in h, "all of them or none"
    h.clear()
    assert h == {} and not h
    with pytest.raises(KeyError):
        h.popitem()


def test_views_of_a_view(h):
    h.update(a=1, b="x")
    assert h.keys() >= {"a", "b"} and ("a", 1) in h.items() and ("a", 2) not in h.items() and 1 in h.values()
    assert h.keys() & {"a", "z"} == {"a"} and isinstance(h.keys(), collections.abc.KeysView)
    assert len(h.items()) == len(h) and sorted(map(str, h.keys())) == sorted(map(str, h))


def test_comparing(s):
    a, b = s.Hash("a"), s.Hash("b")
    assert a == b and a == {} and not a != {}
    a.update(x=1, y="2")
    assert a != b and a == {"x": 1, "y": "2"} and {"x": 1, "y": "2"} == a and a != {"x": 1} and a != {"x": 1, "y": 2}
    b.update(y="2", x=1)
    assert a == b and a == collections.OrderedDict(y="2", x=1) and a != 5 and a != [("x", 1)]
    with pytest.raises(TypeError):
        a < b  # noqa: B015


def test_incr(h):
    assert h.incr("n") == 1 and h.incr("n", 41) == 42 and h.incr("n", by=-2) == 40 and h["n"] == 40
    assert h.incr("f", 0.5) == 0.5 and same(h.incr("n", 0.5), 40.5) and same(h["n"], 40.5)
    h["text"] = "abc"
    with pytest.raises(kevy.NotIntegerError):
        h.incr("text")
    with pytest.raises(kevy.NotFloatError):
        h.incr("text", 1.5)
    h["max"] = (1 << 63) - 1
    with pytest.raises(kevy.CounterOverflowError):
        h.incr("max")
    for by in (None, "1", True):
        with pytest.raises(TypeError):
            h.incr("n", by)
    assert h["max"] == (1 << 63) - 1


def test_fields_expire(s, clock):
    h = s.Hash("h")
    h.update(a=1, b=2, c=3)
    assert h.ttl("a") is None and h.expire("a", 10) and h.ttl("a") == 10.0
    assert h.expire("b", datetime.timedelta(seconds=1.5)) and h.ttl("b") == 1.5
    assert not h.expire("missing", 10) and not h.expire("c", 5, xx=True) and h.expire("a", 20, gt=True)
    assert not h.expire("a", 10, nx=True) and not h.expire("a", 30, lt=True)
    assert h.expire_at("c", clock.now / 1000 + 3) and h.ttl("c") == 3.0
    assert h.expires_at("c") == datetime.datetime.fromtimestamp(clock.now / 1000 + 3, datetime.timezone.utc)
    assert h.persist("c") and not h.persist("c") and h.expires_at("c") is None and not h.persist("missing")
    for ttl in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError):
            h.expire("a", ttl)
    with pytest.raises(TypeError):
        h.expire("a", None)
    for view, field in ((h, "missing"), (s.Hash("none"), "a")):
        with pytest.raises(KeyError, match=field):
            view.expires_at(field)
    with pytest.raises(TypeError):
        h.expires_at(2.5)
    clock.advance(1.5)
    assert "b" not in h and dict(h) == {"a": 1, "c": 3} and len(h) == 2 and h.get("b") is None
    h["a"] = 5
    assert h.ttl("a") is None, "a plain write removes it"
    h.expire("a", 1), h.expire("c", 1)
    clock.advance(2)
    assert len(h) == 0 and "h" not in s


def test_random(h):
    assert s_random_of_nothing(h)
    h.update(a=1, b=2)
    assert h.random() in h and len(h.random(2)) == 2 and len(h.random(-7)) == 7 and h.random(0) == []
    with pytest.raises(TypeError):
        h.random("2")


def s_random_of_nothing(h):
    nothing = h_of(h, "nothing")
    return nothing.random() is None and nothing.random(3) == []


def h_of(h, key):
    """A hash of another key on a store of its own."""
    return kevy.Store().Hash(key)


def test_iterating_sees_the_moment(h):
    h.update({f"f{i}": i for i in range(300)})
    before = dict(h)
    items, keys, values = iter(h.items()), iter(h), iter(h.values())
    first = next(keys)
    h.clear()
    h["new"] = 1
    assert dict(items) == before and {first, *keys} == before.keys()
    assert sorted(map(str, values)) == sorted(map(str, before.values()))
    for field in h:
        h[f"{field}+"] = 2
    assert len(h) == 2
