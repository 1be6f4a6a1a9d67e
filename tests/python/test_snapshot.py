"""snapshot(): a read-only store of one moment."""

import kevy
import pytest

WRITES = {
    "setitem": lambda s: s.__setitem__("a", 2), "delitem": lambda s: s.__delitem__("a"),
    "set": lambda s: s.set("a", 2), "set_get": lambda s: s.set("a", 2, get=True), "incr": lambda s: s.incr("a"),
    "incr_float": lambda s: s.incr("a", 0.5), "append": lambda s: s.append("a", "x"),
    "setrange": lambda s: s.setrange("a", 0, "x"), "mset": lambda s: s.mset({"a": 2}),
    "update": lambda s: s.update(a=2), "delete": lambda s: s.delete("a"), "getdel": lambda s: s.getdel("a"),
    "pop": lambda s: s.pop("a"), "popitem": lambda s: s.popitem(), "clear": lambda s: s.clear(),
    "rename": lambda s: s.rename("a", "b"), "copy": lambda s: s.copy("a", "b"),
    "expire": lambda s: s.expire("a", 5), "persist": lambda s: s.persist("a"),
    "setdefault": lambda s: s.setdefault("new", 1)}


@pytest.mark.parametrize("write", WRITES)
def test_it_is_read_only(either, write):
    either.set("a", 1, ttl=100)
    snapshot = either.snapshot()
    with pytest.raises(kevy.Error, match="read-only"):
        WRITES[write](snapshot)
    assert snapshot == {"a": 1} and either == {"a": 1}


def test_it_stands_still(either):
    either.update({str(i): i for i in range(2000)})
    first = either.snapshot()
    for i in range(2000):
        either[str(i)] = -i
    second = either.snapshot()
    either.clear()
    assert first == {str(i): i for i in range(2000)} and second == {str(i): -i for i in range(2000)}
    assert len(first) == 2000 and first["7"] == 7 and "7" in first and first.mget(["7", "x"]) == [7, None]
    assert first.type("7") == "string" and first.strlen("7") == 1 and len(list(first.scan("1?"))) == 10
    first.close()
    assert second["7"] == -7
    with pytest.raises(kevy.ClosedError):
        first["7"]


def test_snapshot_of_a_snapshot(s):
    s["a"] = 1
    one = s.snapshot()
    two = one.snapshot()
    one.close()
    s.close()
    assert two == {"a": 1} and bytes(two.view("a")) == b"1"


def test_it_is_a_store(s):
    s["a"] = 1
    with s.snapshot() as snapshot:
        assert isinstance(snapshot, kevy.Store) and snapshot.command("GET", "a") == b"1"
        with pytest.raises(kevy.CommandError, match="READONLY"):
            snapshot.command("SET", "a", 2)


def test_memory_it_held_comes_back(s):
    s.update({str(i): b"x" * 1000 for i in range(1000)})
    before = s.used_memory
    snapshot = s.snapshot()
    s.update({str(i): b"y" * 1000 for i in range(1000)})
    assert s.used_memory > before + 900_000
    snapshot.close()
    for i in range(100_000):
        s["0"] = b"z" * 1000
        if s.used_memory <= before + 20_000:
            break
    assert s.used_memory <= before + 20_000
