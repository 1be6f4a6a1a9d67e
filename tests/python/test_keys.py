"""Keys whatever they hold: counting, renaming, copying, scanning; figures about them."""

import kevy
import pytest


def test_delete_exists_touch(either):
    s = either
    s.update(a=1, b=2, c=3)
    assert s.exists("a", "b", "nope", "a") == 3 and s.exists() == 0
    assert s.touch("a", "nope") == 1 and s.touch() == 0
    assert s.delete("a", b"b", "a", "nope") == 2 and s.delete() == 0
    assert s == {"c": 3}


def test_type(s):
    s["k"] = 1
    assert s.type("k") == "string" and s.type("nope") is None


def test_rename(either):
    s = either
    s["a"] = 1
    assert s.rename("a", "b") is None and s == {"b": 1}
    s["c"] = 2
    assert s.rename("b", "c", nx=True) is False and s["c"] == 2
    assert s.rename("b", "d", nx=True) is True and s == {"c": 2, "d": 1}
    s.rename("c", b"d")
    assert s == {"d": 2} or s == {b"d": 2}
    s.rename("d", "d")
    for nx in (False, True):
        with pytest.raises(KeyError) as caught:
            s.rename("nope", "x", nx=nx)
        assert caught.value.args == ("nope",)


def test_rename_and_copy_take_the_ttl_along(s, clock):
    s.set("a", 1, ttl=5)
    s.copy("a", "b")
    s.rename("a", "c")
    assert s.ttl("b") == 5 and s.ttl("c") == 5


def test_copy(either):
    s = either
    s["a"] = "x"
    assert s.copy("a", "b") is True and s == {"a": "x", "b": "x"}
    s["a"] = "y"
    assert s.copy("a", "b") is False and s["b"] == "x"
    assert s.copy("a", "b", replace=True) is True and s["b"] == "y"
    assert s.copy("nope", "b", replace=True) is False
    with pytest.raises(ValueError, match="same key"):
        s.copy("a", "a")


def test_scan(either):
    s = either
    s.mset({"user:1": 1, "user:2": 2, "page:1": 3})
    s[b"user:\xff"] = 4
    assert sorted(s.scan("user:?"), key=repr) == ["user:1", "user:2", b"user:\xff"]
    assert sorted(s.scan(match=b"*:1")) == ["page:1", "user:1"]
    assert sorted(s.scan("[up]*:[^2]", "string"), key=repr) == ["page:1", "user:1", b"user:\xff"]
    assert len(list(s.scan())) == len(list(s.scan(None, None))) == len(list(s.scan(type="string"))) == 4
    assert list(s.scan(type="hash")) == [] == list(s.scan("nope*"))
    it = s.scan("user:*")
    s.clear()
    assert len(list(it)) == 3, "a scan sees the moment it began"


@pytest.mark.parametrize("wrong, error", [
    (lambda s: s.scan(5), TypeError), (lambda s: s.scan(type=5), TypeError), (lambda s: s.scan(type="what"), ValueError),
    (lambda s: s.scan("a", "string", 1), TypeError), (lambda s: s.rename("a"), TypeError),
    (lambda s: s.copy("a"), TypeError), (lambda s: s.copy("a", "b", nope=1), TypeError),
    (lambda s: s.type(), TypeError), (lambda s: s.type("a", "b"), TypeError),
    (lambda s: s.exists("a", 5), TypeError), (lambda s: s.delete(None), TypeError)])
def test_wrong_calls(s, wrong, error):
    with pytest.raises(error):
        wrong(s)


def test_clear(either):
    either.update(a=1)
    assert either.clear() is None and len(either) == 0 and list(either) == []


def test_info_and_stats(s):
    s["a"] = 1
    s.get("a"), s.get("a"), s.get("nope")
    info, stats = s.info(), s.stats()
    assert info["keys"] == 1 and info["used_memory"] == s.used_memory > 0
    assert set(stats) == {"hits", "misses", "expired", "evicted"}
    assert stats["hits"] == 2 and stats["misses"] == 1 and stats["expired"] == stats["evicted"] == 0
    assert all(info[k] == v for k, v in stats.items())
    assert info["hit_ratio"] == pytest.approx(2 / 3) and info["fragmentation"] >= 1
    s.reset_stats()
    assert set(s.stats().values()) == {0} and s.info()["hit_ratio"] == 0


def test_every_byte_is_explained(s):
    s["string"], s["blob"] = "v", b"b" * 50_000
    for i in range(2_000):
        s.command("HSET", "hash", f"field {i}", b"x" * (3_000 if i % 200 == 0 else 20))
        s.command("RPUSH", "list", i)
        s.command("ZADD", "zset", i, f"member {i}")
        s.command("SADD", "set", f"m{i}")
    s.command("XADD", "stream", "*", "f", "v")
    s.expire("hash", 100)
    with s.snapshot():
        s["blob"] = b"other"
        s.command("HDEL", "hash", "field 0")
        info = s.info()
        assert sum(map(s.memory_usage, s)) + info["overhead_bytes"] == info["used_memory"]
        assert info["dead_list_bytes"] > 0 and info["shared_blob_bytes"] > 50_000
    types = ("strings", "hashes", "lists", "sets", "zsets", "streams")
    assert [info[t] for t in types] == [2, 1, 1, 1, 1, 1] and info["keys"] == 7
    assert info["keys_with_ttl"] == 1


def test_memory(s):
    empty = s.used_memory
    s["k"] = b"x" * 1_000_000
    assert 1_000_000 <= s.memory_usage("k") <= 1_100_000 <= s.used_memory - empty + 100_000
    del s["k"]
    s.command("PING")
    assert s.used_memory - empty < 100_000
    with pytest.raises(KeyError):
        s.memory_usage("k")


def test_memory_comes_back_exactly(s):
    s["settle"] = 1
    s.clear()
    before = s.used_memory
    for i in range(10_000):
        s.set(str(i), b"x" * i, ttl=1000)
    s.clear()
    assert s.used_memory == before
