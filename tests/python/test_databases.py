"""Databases 0 to 15 from outside: sessions, redis-py, windows, waiting, notifications, snapshots and transactions, and files, which
redis-server reads, and which it wrote."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import kevy
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import conformance  # noqa: E402
import oracle  # noqa: E402
from test_save import needs_redis  # noqa: E402


def select(session, db):
    assert session.command("SELECT", db) in (b"OK", "OK")
    return session


def contents(ask):
    """Every key of every database, by what commands say of it."""
    found = {}
    for db in range(16):
        ask("SELECT", db)
        for key in ask("KEYS", "*"):
            found[db, bytes(key)] = bytes(ask("DUMP", key))[:-10], ask("PEXPIRETIME", key)
    ask("SELECT", 0)
    return found


def of_store(store):
    with store.session() as session:
        return contents(lambda *words: session.command(*words))


def of_redis(redis):
    def ask(*words):
        reply = conformance.decode(redis.execute([w if isinstance(w, bytes) else str(w).encode() for w in words]))
        return [item.value for item in reply.value] if isinstance(reply.value, list) else reply.value
    return contents(ask)


def fill(store):
    with store.session() as session:
        for db in (0, 3, 15):
            select(session, db)
            session.command("SET", "k", db)
            session.command("SET", "later", "v", "PX", 10 ** 9)
            session.command("RPUSH", "list", *range(db + 2))
            session.command("HSET", "hash", "field", "v" * 100)
        select(session, 3)
        session.command("MOVE", "hash", 7)
        session.command("COPY", "list", "copied", "DB", 0)
        session.command("SWAPDB", 7, 9)
        session.command("MULTI")
        session.command("SELECT", 5)
        session.command("INCRBY", "n", 5)
        session.command("SELECT", 3)
        session.command("DEL", "list")
        session.command("EXEC")
        session.command("EVAL", "redis.call('SELECT', 12) return redis.call('SET', 'scripted', 1)", 0)


def values(found):
    return {key: value[0] for key, value in found.items()}


def test_the_store_itself_is_database_0(s):
    s["k"] = 0
    with s.session() as session:
        select(session, 3).command("SET", "k", 3)
        assert (s["k"], len(s), list(s)) == (0, 1, ["k"])
        assert s.command("DBSIZE") == 1 and session.command("DBSIZE") == 1
        with s.session() as other:
            assert other.command("GET", "k") == 0 or other.command("GET", "k") == b"0"
        with pytest.raises(kevy.CommandError, match="session"):
            s.command("SELECT", 3)
        s.command("MOVE", "k", 4)
        assert len(s) == 0
        s.clear()
        assert session.command("EXISTS", "k") == 1
        s.command("FLUSHALL")
        assert session.command("EXISTS", "k") == 0


def test_snapshots_and_transactions_have_all(s):
    with s.session() as session:
        select(session, 2).command("SET", "k", "before")
        with s.snapshot() as snapshot:
            with pytest.raises(ZeroDivisionError):
                with s.transaction():
                    session.command("SET", "k", "inside")
                    select(session, 4).command("SET", "other", 1)
                    session.command("SWAPDB", 2, 4)
                    select(session, 2).command("FLUSHDB")
                    raise ZeroDivisionError
            assert select(session, 2).command("GET", "k") == b"before"
            assert select(session, 4).command("DBSIZE") == 0
            select(session, 2).command("FLUSHDB")
            assert len(snapshot) == 0


def test_a_snapshot_saves_all(s, tmp_path):
    fill(s)
    with s.snapshot() as snapshot:
        before = of_store(s)
        s.command("FLUSHALL")
        snapshot.save(tmp_path / "f")
    with kevy.Store.load(tmp_path / "f") as again:
        assert of_store(again) == before and len(before) > 8


def test_waiters_wait_in_their_database(s):
    pytest.importorskip("redis")
    kevy_redis = pytest.importorskip("kevy.redis")

    def wait():
        with kevy_redis.Redis(s, db=3) as three:
            started.set()
            got.append(three.blpop("l", 20))

    for wake in (("MOVE", "l", 3), ("COPY", "l", "l", "DB", 3), ("SWAPDB", 0, 3)):
        started, got = threading.Event(), []
        thread = threading.Thread(target=wait)
        thread.start()
        started.wait(20)
        time.sleep(0.05)  # it waits by now; if it comes later, it finds the same
        s.command("RPUSH", "l", "a", "b")
        assert not got
        s.command(*wake)
        thread.join(20)
        assert got == [(b"l", b"a")]
        s.command("FLUSHALL")


def test_notifications_name_the_database(s):
    s.command("CONFIG", "SET", "notify-keyspace-events", "KEA")
    with s.session() as listener, s.session() as session:
        listener.command("PSUBSCRIBE", "__key*__:*")
        select(session, 3).command("SET", "k", 1)
        session.command("MOVE", "k", 11)
        s.command("SET", "k", 0)
        s.command("COPY", "k", "copied", "DB", 2)
        heard = []
        while (message := listener.next_message(0)) is not None:
            heard.append((bytes(message[2]).decode(), bytes(message[3]).decode()))
        keyspace = [h for h in heard if h[0].startswith("__keyspace")]
        assert keyspace == [("__keyspace@3__:k", "set"), ("__keyspace@3__:k", "move_from"), ("__keyspace@11__:k", "move_to"),
                            ("__keyspace@0__:k", "set"), ("__keyspace@2__:copied", "copy_to")]
        assert ("__keyevent@11__:move_to", "k") in heard


def test_expired_keys_are_told_of_in_their_database(s, clock):
    s.command("CONFIG", "SET", "notify-keyspace-events", "Ex")
    with s.session() as listener, s.session() as session:
        listener.command("PSUBSCRIBE", "*")
        select(session, 6).command("SET", "k", 1, "PX", 100)
        clock.advance(1)
        s.tick()
        assert bytes(listener.next_message(0)[2]) == b"__keyevent@6__:expired"


def test_client_and_info(s):
    with s.session() as session:
        select(session, 13).command("SET", "k", 1, "EX", 100)
        assert b" db=13 " in bytes(session.command("CLIENT", "INFO")) and b" db=13 " in bytes(session.command("CLIENT", "LIST"))
        info = bytes(session.command("INFO", "keyspace")).decode()
        assert "db13:keys=1,expires=1,avg_ttl=" in info and "db0" not in info
        assert 0 < int(info.split("avg_ttl=")[1]) <= 100_000


# ---- redis-py and windows --------------------------------------------------------------------------

def test_redis_py(s):
    pytest.importorskip("redis")
    kevy_redis = pytest.importorskip("kevy.redis")
    with kevy_redis.Redis(s, db=3) as three, kevy_redis.Redis(s) as zero:
        three.set("k", 3)
        zero.set("k", 0)
        assert (three.get("k"), zero.get("k"), s["k"]) == (b"3", b"0", b"0")
        with three.pipeline() as p:
            assert p.get("k").incr("k").execute() == [b"3", 4]
        assert zero.move("k", 5) and zero.dbsize() == 0 and zero.info("keyspace")["db5"]["keys"] == 1
        zero.swapdb(0, 3)
        assert zero.get("k") == b"4" and three.get("k") is None
        assert zero.copy("k", "k", destination_db=3) and three.flushdb() and zero.exists("k")


def test_redis_py_urls():
    pytest.importorskip("redis")
    kevy_redis = pytest.importorskip("kevy.redis")
    with kevy_redis.from_url("kevy://numbered?db=3") as one, kevy_redis.from_url("kevy://numbered/3") as same, \
            kevy_redis.from_url("kevy://numbered") as zero:
        one.set("k", 3)
        assert same.get("k") == b"3" and zero.get("k") is None


def test_windows(s):
    redis = pytest.importorskip("redis")
    s["k"] = 0
    with s.serve("127.0.0.1:0", write=True) as window:
        host, _, port = window.address.rpartition(":")
        with redis.Redis(host=host, port=int(port), db=3) as three:
            three.set("k", 3)
            assert three.get("k") == b"3" and s["k"] == 0
            try:
                said = subprocess.run(["redis-cli", "-h", host, "-p", port, "-n", "3", "GET", "k"], capture_output=True, timeout=30)
            except FileNotFoundError:
                return
            assert said.stdout == b"3\n"


# ---- Files -----------------------------------------------------------------------------------------

def test_save_and_load(s, tmp_path):
    fill(s)
    s.save(tmp_path / "f")
    with kevy.Store.load(tmp_path / "f") as again:
        assert of_store(again) == of_store(s)
    with kevy.Store.load(tmp_path / "f", db=15) as again:
        assert again.command("GET", "k") in (15, b"15") and set(values(of_store(again))) == {(0, k) for k in (b"k", b"later", b"list", b"hash")}


@needs_redis
def test_redis_reads_what_is_saved_and_kevy_what_redis_does(s, tmp_path):
    fill(s)
    s.save(tmp_path / "f")
    with oracle.Redis(file=tmp_path / "f") as redis:
        assert {k: v[1] for k, v in of_redis(redis).items()} == {k: v[1] for k, v in of_store(s).items()}
        redis.execute([b"SAVE"])
        with kevy.Store.load(Path(redis.directory.name) / "dump.rdb") as again:
            assert of_store(again) == of_store(s)


@pytest.mark.parametrize("rewrites", [False, True])
def test_a_directory_has_all(tmp_path, rewrites):
    with kevy.Store(tmp_path / "data") as s:
        fill(s)
        if rewrites:
            s.rewrite()
        with s.session() as session:
            select(session, 3).command("SET", "after", "x")
        found = of_store(s)
    for _ in range(3):  # what is written next goes on in the database in which the file ends
        with kevy.Store(tmp_path / "data") as s:
            assert of_store(s) == found
            s["more"] = 1
            with s.session() as session:
                select(session, 9).command("INCR", "times")
            found = of_store(s)


@needs_redis
def test_redis_reads_the_log(tmp_path):
    with kevy.Store(tmp_path / "data") as s:
        fill(s)
        found = of_store(s)
    with oracle.Redis(home=tmp_path / "data") as redis:
        assert {k: v[1] for k, v in of_redis(redis).items()} == {k: v[1] for k, v in found.items()}
        redis.execute([b"SELECT", b"6"])
        redis.execute([b"SET", b"by redis", b"6"])
    with kevy.Store(tmp_path / "data") as s:
        assert {**found, (6, b"by redis"): of_store(s)[6, b"by redis"]} == of_store(s)


def test_flushes_and_expiry_in_the_log(tmp_path):
    with kevy.Store(tmp_path / "data") as s, s.session() as session:
        s["zero"] = 0
        select(session, 1).command("MSET", "a", 1, "b", 2)
        session.command("FLUSHDB")
        session.command("SET", "c", 3)
        select(session, 2).command("SET", "gone", 1, "PX", 1)
        select(session, 1).command("SET", "gone", 2)
        while session.command("MOVE", "gone", 2) == 0:  # until the one that is there has expired
            pass
        with pytest.raises(ZeroDivisionError):
            with s.transaction():
                select(session, 5).command("SET", "rolled", "back")
                raise ZeroDivisionError
        select(session, 1).command("SET", "d", 4)
        found = of_store(s)
    with kevy.Store(tmp_path / "data") as s:
        assert of_store(s) == found
        assert {k for k in found} == {(0, b"zero"), (1, b"c"), (1, b"d"), (2, b"gone")}
