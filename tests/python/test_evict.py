"""Eviction: the limit holds, the right keys go, what cannot be made room for changes nothing."""

import pytest

import kevy

POLICIES = ["allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-adaptive",
            "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]


@pytest.mark.parametrize("policy", POLICIES)
def test_limit_holds(policy):
    with kevy.Store(maxmemory="1mb", policy=policy) as s:
        for i in range(20000):
            s.set(f"key:{i}", b"v" * (i % 50), ttl=1000)
            assert s.used_memory <= 1 << 20
            assert f"key:{i}" in s
        assert s.stats()["evicted"] == 20000 - len(s) > 1000
        assert s.info()["used_memory_peak"] <= 1 << 20


def test_what_is_used_stays():
    with kevy.Store(maxmemory="1mb", policy="allkeys-lru") as s:
        for i in range(30000):
            s[f"key:{i}"] = "value"
            if i % 500 == 0:
                assert all(s[f"key:{n}"] == "value" for n in range(min(i, 100)))


def test_volatile_leaves_other_keys():
    with kevy.Store(maxmemory="1mb", policy="volatile-lru") as s:
        for i in range(5000):
            s[f"lasting:{i}"] = "v"
        for i in range(20000):
            s.set(f"short:{i}", "v", ttl=100)
        assert all(f"lasting:{i}" in s for i in range(5000))
        with pytest.raises(kevy.OutOfMemoryError):
            for i in range(30000):
                s[f"more:{i}"] = "v"
        assert s.used_memory <= 1 << 20 and "lasting:0" in s


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu"])
def test_what_is_too_large_evicts_nothing(policy):
    with kevy.Store(maxmemory="1mb", policy=policy) as s:
        for i in range(20000):
            s[f"key:{i}"] = "v" * 16
        keys, evicted = len(s), s.stats()["evicted"]
        with pytest.raises(MemoryError):
            s["big"] = b"x" * (1 << 20)
        assert len(s) == keys and s.stats()["evicted"] == evicted and "big" not in s
        s["big"] = b"x" * 500_000
        assert s["big"] == b"x" * 500_000 and s.used_memory <= 1 << 20


def test_collections_go_and_give_their_memory_back():
    with kevy.Store(maxmemory="2mb", policy="allkeys-lru") as s:
        for i in range(40):
            s[f"hash:{i}"] = {f"field:{n}": "v" * 20 for n in range(3000)}
            assert s.used_memory <= 2 << 20 and len(s[f"hash:{i}"]) == 3000
        assert 2 < len(s) < 40


def test_changes_while_open():
    with kevy.Store() as s:
        assert s.policy == "noeviction" and s.maxmemory == 0
        for i in range(20000):
            s[f"key:{i}"] = "v"
        with pytest.raises(kevy.OutOfMemoryError):
            s.maxmemory = "500kb"
        assert s.maxmemory == 0 and len(s) == 20000
        s.policy = "allkeys-random"
        s.maxmemory = "500kb"
        assert s.policy == "allkeys-random" and s.maxmemory == 500 * 1024 >= s.used_memory and len(s) > 3000
        with pytest.raises(ValueError, match="allkeys-lru"):
            s.policy = "nonesuch"
        for bad in (None, 5, b"allkeys-lru"):
            with pytest.raises(TypeError):
                s.policy = bad
        with pytest.raises(AttributeError):
            del s.policy
        with pytest.raises(ValueError):
            s.maxmemory = -1
        snapshot = s.snapshot()
        with pytest.raises(kevy.Error):
            snapshot.maxmemory = 0
        with pytest.raises(kevy.Error):
            snapshot.policy = "noeviction"


def test_a_log_keeps_what_was_evicted(tmp_path):
    with kevy.Store(tmp_path / "d", maxmemory="1mb", policy="allkeys-lru") as s:
        for i in range(20000):
            s[f"key:{i}"] = "v"
        kept = set(s)
    with kevy.Store(tmp_path / "d") as s:
        assert set(s) == kept
    with kevy.Store(tmp_path / "d", maxmemory="500kb", policy="allkeys-lru") as s:
        assert s.used_memory <= 500 * 1024 and set(s) < kept
