"""Files that Redis wrote, old and new, and what becomes of damaged ones."""

import os
import shutil
import sys
import threading
from pathlib import Path

import kevy
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "conformance"))
from oracle import Redis  # noqa: E402

SAMPLES = Path(os.environ.get("KEVY_RDB_SAMPLES", ROOT.parent / "shared" / "rdb"))
EMPTY = b"REDIS0010\xff" + b"\0" * 8


def write(path, *parts):
    """A file of the current version, without a checksum."""
    path.write_bytes(b"REDIS0010" + b"".join(parts) + b"\xff" + b"\0" * 8)
    return path


def string(text):
    assert len(text) < 64
    return bytes([len(text)]) + text


def pair(key, value):
    return b"\0" + string(key) + string(value)


# ---- What a server wrote -----------------------------------------------------------------------

SMALL = {"hash-max-listpack-entries": "128", "zset-max-listpack-entries": "128", "set-max-intset-entries": "512",
         "list-max-listpack-size": "-2", "stream-node-max-entries": "100", "rdbcompression": "yes"}
PLAIN = {"hash-max-listpack-entries": "0", "zset-max-listpack-entries": "0", "set-max-intset-entries": "0",
         "list-max-listpack-size": "2", "stream-node-max-entries": "3", "rdbcompression": "no"}


@pytest.fixture(scope="module")
def server():
    if not shutil.which("redis-server"):
        pytest.skip("there is no redis-server")
    with Redis() as redis:
        yield redis


def ask(server, *words):
    return server.execute([w if isinstance(w, bytes) else str(w).encode() for w in words])


def array(reply):
    """The bulk strings of a flat array."""
    lines, at, found = reply.split(b"\r\n", 1)[1], 0, []
    while at < len(lines):
        end = lines.index(b"\r\n", at)
        n = int(lines[at + 1:end])
        found.append(lines[end + 2:end + 2 + n])
        at = end + 4 + n
    return found


NUMBERS = [0, 1, 12, 13, -1, 63, 64, 127, 128, -128, -129, 4095, 4096, -4096, -4097, 8191, 32767, 32768, -32768,
           -32769, 8388607, 8388608, -8388608, -8388609, 2147483647, 2147483648, -2147483648, -2147483649,
           9223372036854775807, -9223372036854775808]
STRINGS = [b"", b"a", b"text", b"x" * 63, b"y" * 64, b"z" * 200, bytes(range(256)), b"abc" * 2000, b"-0", b"007", b"1.5",
           b"12345678901234567890"]


def fill(server):
    """Keys of every type, short and long, with what is hard to keep: all widths of integers, bytes, empty strings."""
    ask(server, "FLUSHALL")
    for i, value in enumerate(STRINGS + [str(n).encode() for n in NUMBERS]):
        ask(server, "SET", f"string:{i}", value)
    ask(server, "SET", b"\x00key\xff", "binary", "PX", 10 ** 9)
    ask(server, "SET", "12345", "a key that is a number")
    words = STRINGS + [str(n).encode() for n in NUMBERS]
    ask(server, "RPUSH", "list:words", *words)
    ask(server, "RPUSH", "list:many", *(f"item {i}" for i in range(3000)))
    ask(server, "RPUSH", "list:long", b"q" * 10000, "short", b"w" * 70000)
    ask(server, "SADD", "set:words", *words)
    ask(server, "SADD", "set:16", *range(-5, 100, 7))
    ask(server, "SADD", "set:32", *range(-70000, 70000, 9999))
    ask(server, "SADD", "set:64", *(n ** 7 for n in range(-300, 300, 50)))
    ask(server, "SADD", "set:many", *(f"member {i}" for i in range(3000)))
    pairs = [w for i, word in enumerate(words) for w in (word, words[-i])]
    ask(server, "HSET", "hash:words", *pairs)
    ask(server, "HSET", "hash:many", *(w for i in range(2000) for w in (f"field {i}", i)))
    scores = ["-inf", "inf", 0, -1, 1.5, 3, 1e300, -1e-300, 2 ** 53, 0.1, 17179869184.5]
    ask(server, "ZADD", "zset:scores", *(w for i, s in enumerate(scores) for w in (s, f"m{i}")))
    ask(server, "ZADD", "zset:many", *(w for i in range(2000) for w in (i % 37 / 4, f"member {i}")))
    fill_streams(server)


def fill_streams(server):
    for i in range(250):
        ask(server, "XADD", "stream:same", f"{1000 + i}-{i % 3}", "field", i, "other", f"value {i}")
    for i in range(40):
        ask(server, "XADD", "stream:mixed", f"{5 + i // 7}-{i}", *[w for k in range(i % 4 + 1) for w in (f"f{k + i % 2}", i)])
    for i in (3, 4, 20, 39):
        ask(server, "XDEL", "stream:mixed", f"{5 + i // 7}-{i}")
    ask(server, "XADD", "stream:emptied", "7-1", "a", "b")
    ask(server, "XDEL", "stream:emptied", "7-1")
    ask(server, "XGROUP", "CREATE", "stream:same", "group", "0")
    ask(server, "XGROUP", "CREATE", "stream:same", "late", "$")
    ask(server, "XGROUP", "CREATECONSUMER", "stream:same", "group", "idle")
    ask(server, "XREADGROUP", "GROUP", "group", "alice", "COUNT", 30, "STREAMS", "stream:same", ">")
    ask(server, "XREADGROUP", "GROUP", "group", "bob", "COUNT", 10, "STREAMS", "stream:same", ">")
    ask(server, "XACK", "stream:same", "group", "1003-0", "1005-2")
    ask(server, "XCLAIM", "stream:same", "group", "bob", 0, "1001-1", "RETRYCOUNT", 7)


QUESTIONS = {
    b"string": [["GET"]], b"list": [["LRANGE", 0, -1]], b"set": [["SMEMBERS"]], b"hash": [["HGETALL"]],
    b"zset": [["ZRANGE", 0, -1, "WITHSCORES"], ["ZRANGE", "-inf", "+inf", "BYSCORE", "LIMIT", 0, 7]],
    b"stream": [["XRANGE", "-", "+"], ["XLEN"], ["XREVRANGE", "+", "-", "COUNT", 3], ["XINFO GROUPS"],
                ["XPENDING", "group"], ["XPENDING", "late"]],
}


def answers(execute, key):
    """What can be asked about a key; what has no order is put into one."""
    words = lambda *w: [x if isinstance(x, bytes) else str(x).encode() for x in w]
    kind = execute(words("TYPE", key))[1:-2]
    found = [kind, execute(words("PEXPIRETIME", key))]
    for name, *rest in QUESTIONS[kind]:
        reply = execute(words(*name.split(), key, *rest))
        if name == "SMEMBERS":
            reply = sorted(array(reply))
        elif name == "HGETALL":
            items = array(reply)
            reply = sorted(zip(items[::2], items[1::2]))
        elif "WITHSCORES" in rest:
            items = array(reply)  # Redis 7.0 prints more digits of a score than it has
            reply = items[::2], [float(score) for score in items[1::2]]
        found.append(reply)
    if kind == b"stream":
        found.append(consumers(execute(words("XINFO", "STREAM", key, "FULL"))))
    return found


def consumers(reply):
    """XINFO STREAM FULL without what is Redis's alone: radix trees, and fields of newer versions."""
    lines = reply.split(b"\r\n")
    return [lines[i + 2] for i, line in enumerate(lines)
            if line in (b"last-generated-id", b"max-deleted-entry-id", b"entries-added", b"recorded-first-entry-id",
                        b"pel-count", b"entries-read", b"delivered-time")]


def saved(server):
    assert ask(server, "SAVE") == b"+OK\r\n"
    return Path(server.directory.name) / "dump.rdb"


def same(server, store):
    keys = sorted(array(ask(server, "KEYS", "*")))
    assert sorted(array(store.command_resp("KEYS", "*"))) == keys
    for key in keys:
        assert answers(lambda w: store.command_resp(*w), key) == answers(server.execute, key), key


@pytest.mark.parametrize("settings", [SMALL, PLAIN], ids=["small", "plain"])
def test_a_server_s_file_in_every_encoding(server, settings):
    for name, value in settings.items():
        assert ask(server, "CONFIG", "SET", name, value) == b"+OK\r\n"
    fill(server)
    with kevy.Store.load(saved(server)) as s:
        same(server, s)


def test_a_server_s_payloads(server):
    for settings in (SMALL, PLAIN):
        for name, value in settings.items():
            ask(server, "CONFIG", "SET", name, value)
        fill(server)
        with kevy.Store() as s:
            for key in array(ask(server, "KEYS", "*")):
                reply = ask(server, "DUMP", key)
                payload = reply[reply.index(b"\r\n") + 2:-2]
                assert s.command("RESTORE", key, 0, payload) == "OK"
                with pytest.raises(kevy.CommandError, match="BUSYKEY"):
                    s.command("RESTORE", key, 0, payload)
                if (deadline := int(ask(server, "PEXPIRETIME", key)[1:-2])) > 0:
                    assert s.command("RESTORE", key, deadline, payload, "REPLACE", "ABSTTL") == "OK"
            same(server, s)


# ---- What can be said about a load ----------------------------------------------------------------

def test_what_is_read_is_bytes(tmp_path):
    s = kevy.Store.load(write(tmp_path / "f", pair(b"a", b"12"), pair(b"b", b"text")))
    assert dict(s) == {b"a": b"12", b"b": b"text"}


def test_progress_is_told_and_may_end_the_load(tmp_path):
    body = b"".join(pair(b"key:%d" % i, b"v" * 60) for i in range(50000))
    path, told = write(tmp_path / "f", body), []
    s = kevy.Store.load(path, progress=lambda *now: told.append(now))
    assert len(s) == 50000 and len(told) >= 3
    assert told == sorted(told) and told[-1] == (path.stat().st_size, path.stat().st_size, 50000)
    with pytest.raises(ZeroDivisionError):
        kevy.Store.load(path, progress=lambda done, total, keys: 1 / 0)
    with pytest.raises(TypeError):
        kevy.Store.load(path, progress=3)


def test_other_threads_run_meanwhile(tmp_path):
    body = b"".join(pair(b"key:%d" % i, b"v" * 60) for i in range(200000))
    path, steps, over = write(tmp_path / "f", body), [], threading.Event()

    def count():
        while not over.is_set():
            steps.append(1)

    thread = threading.Thread(target=count)
    thread.start()
    before = len(steps)
    kevy.Store.load(path)
    during = len(steps) - before
    over.set()
    thread.join()
    assert during > 0


def test_a_subclass_loads_as_itself(tmp_path):
    class Mine(kevy.Store):
        def hello(self):
            return len(self)

    s = Mine.load(write(tmp_path / "f", pair(b"a", b"1")), maxmemory="64mb")
    assert type(s) is Mine and s.hello() == 1 and s.info()["maxmemory"] == 64 << 20


def test_limits(tmp_path):
    body = b"".join(pair(b"key:%d" % i, b"v" * 60) for i in range(50000))
    with pytest.raises(kevy.OutOfMemoryError):
        kevy.Store.load(write(tmp_path / "f", body), maxmemory="1mb")


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        kevy.Store.load(tmp_path / "none")
    assert caught.value.filename == tmp_path / "none"
    with pytest.raises(OSError):
        kevy.Store.load(tmp_path)
    with pytest.raises(TypeError):
        kevy.Store.load(7)
    with pytest.raises(ValueError):
        kevy.Store.load("a\0b")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(kevy.CorruptFileError):
        kevy.Store.load(tmp_path / "empty")


def test_databases(tmp_path):
    path = write(tmp_path / "f", b"\xfe\0", pair(b"a", b"0"), b"\xfe\x02", b"\xfb\x01\0", pair(b"b", b"2"))
    s = kevy.Store.load(path)
    assert dict(s) == {b"a": b"0"}
    s.command("SWAPDB", 0, 2)
    assert dict(s) == {b"b": b"2"}
    with pytest.raises(kevy.CorruptFileError, match="database 16"):
        kevy.Store.load(write(tmp_path / "g", b"\xfe\x10", pair(b"b", b"2")))
    assert dict(kevy.Store.load(path, db=0)) == {b"a": b"0"}
    assert dict(kevy.Store.load(path, db=2)) == {b"b": b"2"}
    assert dict(kevy.Store.load(path, db=7)) == {}
    for db in (-1, 2 ** 31):
        with pytest.raises(ValueError):
            kevy.Store.load(path, db=db)


def test_what_has_expired_is_left_out(tmp_path):
    past, future = (1000).to_bytes(8, "little"), (2 ** 45).to_bytes(8, "little")
    rpush = b"\x01" + string(b"list") + b"\x01" + string(b"item")
    path = write(tmp_path / "f", b"\xfc" + past, pair(b"gone", b"1"), b"\xfc" + past, rpush, b"\xfc" + future,
                 pair(b"here", b"2"), b"\xfd\x10\x00\x00\x00", pair(b"gone too", b"3"), pair(b"plain", b"4"))
    s = kevy.Store.load(path)
    assert dict(s) == {b"here": b"2", b"plain": b"4"}
    assert s.command("PEXPIRETIME", "here") == 2 ** 45 and s.ttl("plain") is None


# ---- Damaged files ---------------------------------------------------------------------------------

def small_file(server):
    ask(server, "FLUSHALL")
    ask(server, "CONFIG", "SET", "rdbcompression", "yes")
    ask(server, "SET", "text", "abc" * 40, "PX", 10 ** 9)
    ask(server, "RPUSH", "list", "a", "1", "300")
    ask(server, "SADD", "ints", 1, 2, 70000)
    ask(server, "HSET", "hash", "f", "v", "g", "-5000")
    ask(server, "ZADD", "zset", 1.5, "a", 2, "b")
    ask(server, "XADD", "stream", "5-5", "a", "b")
    ask(server, "XGROUP", "CREATE", "stream", "group", "0")
    ask(server, "XREADGROUP", "GROUP", "group", "me", "STREAMS", "stream", ">")
    return saved(server).read_bytes()


def test_a_file_cut_anywhere_is_refused(server, tmp_path):
    whole, path = small_file(server), tmp_path / "f"
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(kevy.CorruptFileError, match="offset"):
            kevy.Store.load(path)


def test_a_file_with_any_bit_flipped_is_refused(server, tmp_path):
    whole, path = bytearray(small_file(server)), tmp_path / "f"
    for n in range(len(whole)):
        bit = 1 << n % 8
        whole[n] ^= bit
        path.write_bytes(whole)
        with pytest.raises(kevy.CorruptFileError, match="offset"):
            kevy.Store.load(path)
        whole[n] ^= bit


def test_a_file_without_its_checksum_never_crashes(server, tmp_path):
    """The same where nothing but the bytes themselves can tell."""
    whole, path = bytearray(small_file(server)), tmp_path / "f"
    whole[-8:] = b"\0" * 8
    loaded = 0
    for n in range(len(whole)):
        bit = 1 << (n + 3) % 8
        whole[n] ^= bit
        path.write_bytes(whole)
        try:
            with kevy.Store.load(path, db=0, skip_modules=True) as s:
                loaded += 1
                for key in s:
                    s.command("DEL", key)
        except kevy.CorruptFileError as error:
            assert "offset" in str(error)
        whole[n] ^= bit
    assert loaded


def test_payloads_that_are_none(s):
    good = b"\0\x01v\x0a\0"
    for payload in (b"", b"x" * 9, b"x" * 30, good + b"\0" * 8):
        with pytest.raises(kevy.CommandError, match="DUMP payload version or checksum are wrong"):
            s.command("RESTORE", "k", 0, payload)
    assert len(s) == 0


# ---- Files of the past -------------------------------------------------------------------------------

KNOWN = {
    "easily_compressible_string_key.rdb": {b"a" * 200: b"Key that redis should compress easily"},
    "integer_keys.rdb": {b"125": b"Positive 8 bit integer", b"-123": b"Negative 8 bit integer",
                         b"43947": b"Positive 16 bit integer", b"-29477": b"Negative 16 bit integer",
                         b"183358245": b"Positive 32 bit integer", b"-183358245": b"Negative 32 bit integer"},
    "keys_with_expiry.rdb": {},
    "multiple_databases.rdb": {b"key_in_zeroth_database": b"zero"},
    "rdb_version_5_with_checksum.rdb": {b"abcd": b"efgh", b"foo": b"bar", b"bar": b"baz", b"abcdef": b"abcdef",
                                        b"longerstring": b"thisisalongerstring.idontknowwhatitmeans", b"abc": b"def"},
}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="there are no old files (KEVY_RDB_SAMPLES)")
def test_files_of_old_servers():
    files = sorted(SAMPLES.glob("*.rdb"))
    assert files
    for path in files:
        try:
            s = kevy.Store.load(path)
        except kevy.CorruptFileError as error:
            assert "name the database" in str(error) or "module type" in str(error), path
            s = kevy.Store.load(path, db=0, skip_modules=True)
        with s:
            if path.name in KNOWN:
                assert dict(s) == KNOWN[path.name], path
            for key in s:
                answers(lambda w: s.command_resp(*w), key)


# ---- What kevy saved -------------------------------------------------------------------------------------

SCALARS = ["text", "", "12", "2.5", b"bytes", b"12", b"\x00\xff", 0, 12, -2 ** 63, 2 ** 63 - 1, 2.5, -0.0, 1e300, 3.0,
           float("inf"), "x" * 5000, b"y" * 5000]


def contents(s):
    """Everything, with kinds."""
    found = {}
    for key, value in s.items():
        kind = s.type(key)
        if kind == "string":
            held = repr(value)
        elif kind == "list":
            held = repr(list(value))
        elif kind == "set":
            held = sorted(map(repr, value))
        elif kind == "stream":
            held = repr(list(value)), s.command_resp("XINFO", "STREAM", key, "FULL", "COUNT", "0")
        else:
            held = sorted(map(repr, value.items()))
        ttls = sorted(repr((f, s.command("HPEXPIRETIME", key, "FIELDS", 1, f))) for f in value) if kind == "hash" else None
        found[repr(key)] = kind, held, s.command("PEXPIRETIME", key), ttls
    return found


@pytest.mark.parametrize("seed", range(3))
def test_what_kevy_saved_comes_back(tmp_path, seed):
    import random
    chance = random.Random(seed)
    s = kevy.Store()
    names = [x for x in SCALARS if not isinstance(x, float)]
    for i in range(60):
        key = chance.choice([f"key:{i}", f"key:{i}".encode(), str(i)])
        many = chance.choice([1, 5, 40, 400])
        kind = chance.randrange(6)
        if kind == 0:
            s[key] = chance.choice(SCALARS)
        elif kind == 1:
            s[key] = [chance.choice(SCALARS) for _ in range(many)]
        elif kind == 2:
            s[key] = {chance.choice(names), *range(many)}
        elif kind == 3:
            s[key] = {chance.choice([n, str(n), b"f%d" % n]): chance.choice(SCALARS) for n in range(many)}
            for field in list(s[key])[:: chance.choice([1, 3, 1000])]:
                s[key].expire(field, chance.randrange(1000, 10 ** 6))
        elif kind == 4:
            s.ZSet(key).add({chance.choice([n, str(n), b"m%d" % n]): chance.choice([1, 2.5, -1e300, float("inf")])
                             for n in range(many)})
        else:
            x = s.Stream(key)
            for n in range(many):
                x.add({chance.choice(["f", b"g", 7]): chance.choice(SCALARS)}, id=f"{n // 3}-{n + 1}")
            s.command("XGROUP", "CREATE", key, "group", "0")
            s.command("XREADGROUP", "GROUP", "group", "alice", "COUNT", 3, "STREAMS", key, ">")
            s.command("XDEL", key, "0-1")
        if chance.random() < 0.3:
            s.expire(key, chance.randrange(1000, 10 ** 9))
    path = tmp_path / "saved.rdb"
    s.save(path)
    with kevy.Store.load(path) as loaded:
        assert contents(loaded) == contents(s)


def test_deadlines_come_back(tmp_path):
    s = kevy.Store()
    s["h"] = {"a": 1, "b": 2.5, 3: "c", **{f"f{i}": i for i in range(300)}}
    for i in range(0, 300, 7):
        s["h"].expire(f"f{i}", 1000 + i)
    s["small"] = {"a": 1, "b": 2}
    s["small"].expire("b", 500)
    s.set("k", 5, ttl=5000)
    s.save(tmp_path / "f")
    assert contents(kevy.Store.load(tmp_path / "f")) == contents(s)
