"""Stream: entries in the order of their IDs, and consumer groups."""

import kevy
import pytest
from kevy import exclusive


@pytest.fixture
def x(either):
    return either.Stream("x")


def fill(x, n=10):
    return [x.add({"n": i, "name": f"entry {i}"}, f"{i + 1}-0") for i in range(n)]


def test_adding(x):
    first = x.add({"a": 1, b"raw": b"\xff", 5: 2.5, "text": "é"})
    ms, _, seq = first.partition("-")
    assert isinstance(first, str) and ms.isdigit() and seq.isdigit() and len(x) == 1 and first in x
    assert x[first] == {"a": 1, b"raw": b"\xff", 5: 2.5, "text": "é"} and [*map(type, x[first])] == [str, bytes, int, str]
    second = x.add([("a", 1), ("b", 2)])
    assert second != first and [i for i, _ in x] == [first, second]
    for fields in ({}, [], ()):
        with pytest.raises(ValueError):
            x.add(fields)
    for fields in (5, [1], {"a": None}, {2.5: 1}):
        with pytest.raises(TypeError):
            x.add(fields)
    assert len(x) == 2


def test_ids(x):
    assert x.add({"a": 1}, "5-1") == "5-1" and x.add({"a": 1}, "5-*") == "5-2" and x.add({"a": 1}, 6) == "6-0"
    assert x.add({"a": 1}, b"7") == "7-0" and x.add({"a": 1}, id="7-5") == "7-5"
    for low in ("7-5", "1-1", 0, "0-0"):
        with pytest.raises(ValueError, match="above the last one"):
            x.add({"a": 1}, low)
    for bad in ("", "x", "5-", "-5", "5-x", "1-2-3", -1, "99999999999999999999-1", "*-1"):
        with pytest.raises(ValueError, match="ID of a new entry"):
            x.add({"a": 1}, bad)
    with pytest.raises(TypeError):
        x.add({"a": 1}, 2.5)
    x.set_id("100-0")
    with pytest.raises(ValueError):
        x.add({"a": 1}, "50-0")
    x.add({"a": 1}, "18446744073709551615-18446744073709551614")
    assert len(x) == 6


def test_the_key(s):
    x = s.Stream("x")
    assert len(x) == 0 and not x and list(x) == [] and x == [] and x.range() == [] and x.read() == [] and "1-1" not in x
    assert x.trim(5) == 0 and x.delete("1-1") == 0 and x.groups() == [] and "x" not in s
    with pytest.raises(KeyError):
        x.info()
    with pytest.raises(KeyError):
        x["1-1"]
    assert x.add({"a": 1}, nomkstream=True) is None and "x" not in s
    x.add({"a": 1}, "1-1")
    assert s.type("x") == "stream" and x.delete("1-1") == 1 and "x" in s, "an empty stream keeps its key"
    x.clear()
    assert "x" not in s


def test_ranges(x):
    ids = fill(x)
    entries = [(i, {"n": n, "name": f"entry {n}"}) for n, i in enumerate(ids)]
    assert x.range() == entries == list(x) == x.copy() and x == entries and x.range("3-0", "5") == entries[2:5]
    assert x.range(exclusive("3-0"), exclusive("5-0")) == [entries[3]] and x.range(3, count=2) == entries[2:4]
    assert x.range(rev=True) == entries[::-1] and x.range(5, 3, rev=True) == entries[2:5][::-1] and x.range(count=0) == []
    assert x.read() == entries and x.read("4-0") == entries[4:] and x.read(after=4, count=2) == entries[4:6] and x.read("$") == []
    assert x["3-0"] == entries[2][1] and 3 in x and "3-1" not in x and None not in x
    with pytest.raises(ValueError):
        x.range(count=-1)
    with pytest.raises(kevy.CommandError):
        x.range("nonsense")
    with pytest.raises(TypeError):
        x.range(2.5)


def test_trimming(x):
    ids = fill(x, 20)
    assert x.delete(ids[0], ids[0], "99-99") == 1 and x.delete() == 0 and len(x) == 19
    assert x.trim(maxlen=15) == 4 and len(x) == 15 and x.trim(minid="10-0") == 4 and next(iter(x))[0] == "10-0"
    assert x.trim(5, approximate=True, limit=1000) >= 0
    x.add({"a": 1}, maxlen=3)
    assert len(x) == 3
    x.add({"a": 1}, minid="20-0", approximate=False)
    assert len(x) <= 4
    for options in ({}, {"maxlen": 1, "minid": 1}, {"maxlen": 1, "limit": 5}, {"maxlen": -1}):
        with pytest.raises((TypeError, ValueError)):
            x.trim(**options)
        if options:
            with pytest.raises(ValueError):
                x.add({"a": 1}, **options)


def test_info(x):
    fill(x, 3)
    info = x.info()
    assert info["length"] == 3 and info["last-generated-id"] == "3-0" and info["first-entry"] == ("1-0", {"n": 0, "name": "entry 0"})
    assert info["groups"] == 0 and info["last-entry"][0] == "3-0"


def test_groups(s, clock):
    x = s.Stream("x")
    g = x.group("workers")
    assert g.name == "workers" and g.stream.key == "x" and repr(g) == "<kevy.Group 'workers' of 'x'>"
    assert g.create("0") is True and g.create() is False and "x" in s
    ids = fill(x, 5)
    entries = x.range()
    assert g.read("ann", count=2) == entries[:2] and g.read("bob", 1) == entries[2:3] and g.read("ann", after=0) == entries[:2]
    assert g.pending_summary() == {"pending": 3, "min": ids[0], "max": ids[2], "consumers": {"ann": 2, "bob": 1}}
    clock.advance(10)
    assert g.pending() == [{"id": i, "consumer": c, "idle": 10.0, "delivered": d}
                           for i, c, d in zip(ids, ("ann", "ann", "bob"), (2, 2, 1))]
    assert [p["id"] for p in g.pending(consumer="bob")] == ids[2:3] and g.pending(idle=11) == [] and len(g.pending(idle=10)) == 3
    assert [p["id"] for p in g.pending("2-0", exclusive("3-0"))] == ids[1:2] and len(g.pending(count=1)) == 1
    assert g.ack(ids[0], "99-1") == 1 and g.ack() == 0 and len(g.pending()) == 2
    assert g.claim("bob", ids[1], min_idle=20) == [] and g.claim("bob", ids[1], min_idle=10) == entries[1:2]
    assert g.claim("bob", ids[1], justid=True) == [ids[1]] and g.claim("bob") == []
    assert g.claim("cid", ids[4], force=True, delivered=7, idle=5) == entries[4:5]
    assert g.pending(consumer="cid") == [{"id": ids[4], "consumer": "cid", "idle": 5.0, "delivered": 7}]
    x.delete(ids[2])
    assert g.autoclaim("dee", 5, justid=True) == ("0-0", [ids[4]], [ids[2]])
    assert g.autoclaim("dee", count=1) == (ids[4], entries[1:2], [])
    assert {c["name"] for c in g.consumers()} == {"ann", "bob", "cid", "dee"} and g.info()["name"] == "workers"
    assert g.create_consumer("eve") and not g.create_consumer("eve") and g.delete_consumer("eve") == 0
    g.set_id("0")
    assert g.read("ann", noack=True)[0][0] == ids[0] and x.groups()[0]["name"] == "workers"
    assert g.destroy() is True and g.destroy() is False
    with pytest.raises(KeyError):
        g.info()
    with pytest.raises(kevy.CommandError, match="NOGROUP"):
        g.read("ann")
    for bad in (5, None, 2.5):
        with pytest.raises(TypeError):
            x.group(bad)
        with pytest.raises(TypeError):
            g.read(bad)
    with pytest.raises(kevy.CommandError):
        s.Stream("y").group("g").create(mkstream=False)


def test_iterating_sees_the_moment(x):
    ids = fill(x, 450)
    walk = iter(x)
    assert next(walk)[0] == ids[0]
    x.clear()
    x.add({"new": 1})
    assert [i for i, _ in walk] == ids[1:] and next(walk, None) is None
    assert len(list(x)) == 1


def test_comparing_and_detaching(s):
    x, y = s.Stream("x"), s.Stream("y")
    fill(x), fill(y)
    assert x == y and x == y.range() and x != [] and x != 5
    s["z"] = x
    assert s["z"] == x and s["z"].info()["last-generated-id"] == "10-0"
    assert s.pop("z") == x.range() and "z" not in s
    with kevy.Store() as other:
        with pytest.raises(TypeError):
            other["x"] = x
