"""Transactions from Python: with statements, savepoints, threads, tasks; versions and sessions."""

import asyncio
import gc
import threading

import pytest

import kevy


@pytest.fixture
def s():
    with kevy.Store() as store:
        yield store


def test_commit_and_rollback(s):
    s["a"] = 1
    with s.transaction() as inside:
        assert inside is s
        s["a"] = 2
        s.Hash("h")["f"] = "v"
    assert s["a"] == 2 and s.Hash("h")["f"] == "v"
    with pytest.raises(ZeroDivisionError):
        with s.transaction():
            s["a"] = 3
            del s["h"]
            s.ZSet("z").add({"m": 1})
            1 / 0
    assert s["a"] == 2 and s.Hash("h")["f"] == "v" and "z" not in s


def test_savepoints(s):
    with s.transaction():
        s["a"] = 1
        with pytest.raises(KeyError):
            with s.transaction():
                s["a"] = 2
                raise KeyError
        assert s["a"] == 1
        with s.transaction():
            s["b"] = 1
    assert dict(s) == {"a": 1, "b": 1}


def test_memory_and_ttl_come_back(s):
    for i in range(2000):
        s.set(f"k{i}", "v" * (i % 100), ttl=1000 if i % 3 else None)
    s.Set("set").update(range(5000))
    before, used, ttl = dict(s.items()), s.used_memory, s.expires_at("k1")
    del before["set"]
    with pytest.raises(RuntimeError):
        with s.transaction():
            for i in range(2000):
                s[f"k{i}"] = i
            s.Set("set").discard(17)
            s.clear()
            s["x"] = 1
            raise RuntimeError
    after = dict(s.items())
    assert after.pop("set") == set(range(5000))
    assert after == before
    after = before = None
    gc.collect()
    s.command("DBSIZE")
    assert s.expires_at("k1") == ttl
    for _ in range(100):
        len(s)
    assert s.used_memory == used


def test_iterators_and_snapshots_survive(s):
    s.update({f"k{i}": i for i in range(500)})
    with pytest.raises(RuntimeError):
        with s.transaction():
            s["inside"] = 1
            snapshot, keys = s.snapshot(), iter(s)
            next(keys)
            s["later"] = 1
            raise RuntimeError
    assert len(snapshot) == 501 and snapshot["inside"] == 1 and "later" not in snapshot
    s["k1"] = "new"
    assert snapshot["k1"] == 1
    assert len(list(keys)) == 500
    snapshot.close()
    assert len(s) == 500 and "inside" not in s


def test_begin_commit_rollback(s):
    for end in (s.commit, s.rollback):
        with pytest.raises(kevy.TransactionError):
            end()
    s.begin()
    s["a"] = 1
    s.rollback()
    assert "a" not in s
    with pytest.raises(kevy.Error):
        s.snapshot().begin()


def test_blocking_commands_do_not_wait(s):
    with s.transaction():
        assert s.command("BLPOP", "nothing", 0) is None


def test_closing_inside(s):
    with pytest.raises(kevy.ClosedError):
        with s.transaction():
            s.close()


@pytest.mark.parametrize("url", ["mem://", "mem://transaction-threads"])
def test_other_threads_wait(url):
    with kevy.open(url) as s:
        s["n"] = 0
        seen, started = [], threading.Event()

        def reader():
            started.set()
            for _ in range(50):
                seen.append(s["n"])

        with s.transaction():
            s["n"] = 1
            thread = threading.Thread(target=reader)
            thread.start()
            started.wait()
            moments = []
            beside = threading.Thread(target=lambda: moments.append(s.snapshot()["n"]))
            beside.start()
            beside.join()
            assert moments == [0]
            s["n"] = 2
        thread.join()
        assert set(seen) == {2}


@pytest.mark.parametrize("url", ["mem://", "mem://transaction-sums"])
def test_threads_move_amounts(url):
    with kevy.open(url) as s:
        s.update(left=0, right=0)

        def move():
            for i in range(50):
                try:
                    with s.transaction():
                        s.incr("left", -1)
                        s.incr("right", 1)
                        assert s["left"] + s["right"] == 0
                        if i % 5 == 0:
                            raise RuntimeError
                except RuntimeError:
                    pass

        threads = [threading.Thread(target=move) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert (s["left"], s["right"]) == (-160, 160)


def test_tasks(s):
    async def main():
        with pytest.raises(kevy.TransactionError):
            with s.transaction():
                s["a"] = 1
                await asyncio.sleep(0)
        assert "a" not in s

        async def other():
            with pytest.raises(kevy.TransactionError):
                s["b"] = 1

        with pytest.raises(kevy.TransactionError):
            with s.transaction():
                s["a"] = 1
                await asyncio.create_task(other())
        assert "a" not in s and "b" not in s
        with s.transaction():
            s["a"] = 2
        await asyncio.sleep(0)
        assert s["a"] == 2

    asyncio.run(main())


def test_finalizer_calls_back(s):
    class Nosy:
        def __del__(self):
            s["seen"] = s.get("a")

    with pytest.raises(RuntimeError):
        with s.transaction():
            s["a"] = 1
            Nosy()
            raise RuntimeError
    assert len(s) == 0


def test_versions(s):
    s["a"], s["b"] = 1, 1
    first, missing = s.version("a"), s.version("none")
    s["b"] = 2
    assert s.version("a") == first and s.version("none") == missing
    s.incr("a")
    assert s.version("a") != first
    assert first != 1
    with pytest.raises(TypeError):
        hash(first)
    s["none"] = 1
    assert s.version("none") != missing


def test_session(s):
    c = s.session()
    assert c.command("MULTI") == "OK"
    assert c.command("SET", "a", 1) == "QUEUED"
    assert c.command("INCR", "a") == "QUEUED"
    assert "a" not in s
    assert c.command("EXEC") == ["OK", 2]
    assert s.get("a") == 2


def test_watched_keys_that_expire(s):
    s._debug_clock(1_000_000)
    c = s.session()
    s.set("a", 1, ttl=1)
    c.command("WATCH", "a")
    s._debug_clock(1_002_000)
    c.command("MULTI")
    assert c.command("EXEC") is None
    c.command("WATCH", "a")
    s.command("DBSIZE")
    c.command("MULTI")
    assert c.command("EXEC") == []


def test_session_outlives_its_store(s):
    c = s.session()
    c.command("WATCH", "a")
    s.close()
    with pytest.raises(kevy.ClosedError):
        c.command("PING")
    c.close()


def test_the_log_gets_it_whole_or_not_at_all(tmp_path):
    where = str(tmp_path / "store")
    with kevy.Store(where) as s:
        s["before"] = 1
        with s.transaction():
            s["a"] = 1
            with pytest.raises(RuntimeError):
                with s.transaction():
                    s["never"] = 1
                    raise RuntimeError
            s.ZSet("z").add({"m": 2})
        with pytest.raises(RuntimeError):
            with s.transaction():
                s["a"] = 2
                s.clear()
                s["never"] = 2
                raise RuntimeError
        c = s.session()
        for line in ("MULTI", "SET b 1", "INCR b", "EXEC"):
            c.command(*line.split())
        with pytest.raises(kevy.TransactionError):
            with s.transaction():
                s.save(str(tmp_path / "inside.rdb"))
                s.command("SET", "x", 1)
                s.commit()
                s.commit()
        c.close()
    with kevy.Store(where) as s:
        assert s["before"] == 1 and s["a"] == 1 and s.ZSet("z")["m"] == 2 and s.get("b") == 2
        assert "never" not in s and s.get("x") == b"1"
    logs = b"".join(p.read_bytes() for p in (tmp_path / "store").rglob("*.aof"))
    assert b"never" not in logs and b"MULTI" in logs
