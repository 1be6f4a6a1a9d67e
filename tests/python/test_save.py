"""s.save(path): every file is loaded by a real redis-server and compared with the store, key by key."""

import concurrent.futures
import errno
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import kevy
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
import oracle  # noqa: E402

needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")

UNORDERED = {"hash": 2, "set": 1}  # elements belong together by so many


def parse(reply, at=0):
    """A RESP2 reply as lists and bytes."""
    end = reply.index(b"\r\n", at)
    mark, rest, at = reply[at:at + 1], reply[at + 1:end], end + 2
    if mark == b"$":
        n = int(rest)
        return (None, at) if n < 0 else (reply[at:at + n], at + n + 2)
    if mark == b"*":
        items = []
        for _ in range(int(rest)):
            item, at = parse(reply, at)
            items.append(item)
        return items, at
    return rest, at


QUESTIONS = {
    "string": "GET KEY",
    "hash": "HGETALL KEY",
    "list": "LRANGE KEY 0 -1",
    "set": "SMEMBERS KEY",
    "zset": "ZRANGE KEY 0 -1 WITHSCORES",
    "stream": "XRANGE KEY - +",
}


def ask(execute, kind, key):
    """All there is to know of a key's value."""
    reply = parse(execute([key if word == "KEY" else word.encode() for word in QUESTIONS[kind].split()]))[0]
    if kind in UNORDERED:
        n = UNORDERED[kind]
        return sorted(reply[i:i + n] for i in range(0, len(reply), n))
    if kind == "zset":
        return [float(x) if i % 2 else x for i, x in enumerate(reply)]
    return [reply, ask_groups(execute, key)] if kind == "stream" else reply


def ask_groups(execute, key):
    """Groups, their consumers, and pending entries without the time that has passed."""
    answers = parse(execute([b"XINFO", b"GROUPS", key]))[0]
    for name in [group[1] for group in answers]:
        pending = parse(execute([b"XPENDING", key, name, b"-", b"+", b"100000"]))[0]
        answers.append([p[:2] + p[3:] for p in pending])
        answers.append([c[:4] for c in parse(execute([b"XINFO", b"CONSUMERS", key, name]))[0]])
    return answers


def assert_same(store, redis):
    def kevy_execute(arguments):
        return store.command_resp(*arguments)

    keys = [k.encode() if isinstance(k, str) else k for k in store]
    assert parse(redis.execute([b"DBSIZE"]))[0] == b"%d" % len(keys)
    for key in keys:
        kind = store.type(key)
        assert parse(redis.execute([b"TYPE", key]))[0] == kind.encode(), key
        assert redis.execute([b"PEXPIRETIME", key]) == store.command_resp("PEXPIRETIME", key), key
        assert ask(redis.execute, kind, key) == ask(kevy_execute, kind, key), key


def assert_loads(store, path):
    """The file at path is whole, and redis-server reads in it what the store holds."""
    checked = subprocess.run(["redis-check-rdb", path], capture_output=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
    with oracle.Redis(file=path) as redis:
        assert_same(store, redis)


def fill(s, rng=random.Random(4)):
    """Every type, small and large, in every form that a file has for it."""
    numbers = [0, 1, -1, 127, 128, -128, -129, 4095, 4096, -4096, -4097, 32767, 32768, -32769, 8388607, 8388608, -8388609,
               2**31 - 1, 2**31, -2**31 - 1, 2**63 - 1, -2**63]
    for n in numbers:
        s[f"int:{n}"] = n
        s[b"digits:%d" % n] = b"%d" % n
    for length in (0, 1, 11, 12, 20, 63, 64, 127, 128, 4095, 4096, 16383, 16384, 70_000, 300_000, 3_000_000):
        s[f"len:{length}"] = b"x" * length
        s.List(f"list:len:{length}").append(b"y" * length)
        s.Stream(f"stream:len:{length}").add({"f": b"z" * length})
        s.Hash(f"hash:len:{length}").update({"f": b"v" * length, b"n" * length: 1})
        s.Set(f"set:len:{length}").add(b"m" * length)
        s.ZSet(f"zset:len:{length}").add({b"m" * length: length})
    s[b""] = b"empty key"
    s["k" * 300] = "long key"
    s["float"], s["inf"], s["tiny"], s["third"] = 2.5, float("inf"), 5e-324, 1 / 3
    s["12345"] = "key of digits"
    for size in (1, 2, 127, 128, 129, 512, 513, 1000, 5000):
        s[f"hash:{size}"] = {f"field:{i}": i if i % 3 else f"value {i}" for i in range(size)}
        s[f"list:{size}"] = [i if i % 2 else f"item {i}" for i in range(size)]
        s[f"list:words:{size}"] = ["word"] * size
        s[f"set:{size}"] = {f"member:{i}" for i in range(size)}
        s[f"set:ints:{size}"] = {rng.randrange(-10**(1 + i % 18), 10**(1 + i % 18)) for i in range(size)}
        s.ZSet(f"zset:{size}").add({f"m{i}": rng.choice([i, -i, i / 7, 10**15 * i]) for i in range(size)})
    s.ZSet("zset:inf").add({"low": float("-inf"), "high": float("inf"), "1": 1.5})
    s["list:long"] = [b"a" * rng.choice([1, 100, 3000, 8180, 8192, 20_000]) for _ in range(60)]
    s.Set("set:mixed").update([5, -70000, "five"])
    for i in range(2000):
        s.Stream("stream:2000").add({"n": i, "text": f"entry {i}"} if i % 5 else {"other": i}, id=f"{1 + i // 3}-{i}")
    s.command("XDEL", "stream:2000", "1-1", "34-100")
    s.Stream("stream:empty").add({"a": 1}, id="5-0")
    s.command("XDEL", "stream:empty", "5-0")
    s.command("XGROUP", "CREATE", "stream:2000", "readers", "0")
    s.command("XGROUP", "CREATE", "stream:2000", "others", "$")
    s.command("XREADGROUP", "GROUP", "readers", "alice", "COUNT", 300, "STREAMS", "stream:2000", ">")
    s.command("XREADGROUP", "GROUP", "readers", "bob", "COUNT", 7, "STREAMS", "stream:2000", ">")
    s.command("XGROUP", "CREATECONSUMER", "stream:2000", "readers", "idle")
    for key in list(s)[::4]:
        s.expire(key, 100_000 + rng.random() * 1000)


@needs_redis
def test_every_form_is_read_by_redis(s, tmp_path):
    fill(s)
    path = tmp_path / "dump.rdb"
    assert s.save(path) is None
    assert_loads(s, path)
    assert os.listdir(tmp_path) == ["dump.rdb"]


@needs_redis
def test_random_stores(tmp_path):
    for seed in range(3):
        rng = random.Random(seed)
        words = [b"", b"a", "text", 7, -70000, "7", b"3.5", 3.5, "x" * 70, b"\x00\xff" * 40, 2**40, "long " * 700]
        with kevy.Store() as s:
            for i in range(300):
                key, n = rng.choice([f"k{i}", b"k%d" % i]), rng.choice([1, 3, 40, 140])
                names = [w for w in words if not isinstance(w, float)]
                kind = rng.randrange(6)
                if kind == 0: s[key] = rng.choice(words)
                elif kind == 1: s.List(key).extend(rng.choice(words) for _ in range(n))
                elif kind == 2: s.Set(key).update(rng.choice(names) if j % 2 else j for j in range(n))
                elif kind == 3: s.Hash(key).update({rng.choice(names) if j % 4 == 0 else f"f{j}": rng.choice(words) for j in range(n)})
                elif kind == 4: s.ZSet(key).add({rng.choice(names) if j % 4 == 0 else j: rng.gauss(0, 1e6) for j in range(n)})
                else:
                    for j in range(n): s.Stream(key).add({rng.choice(["a", b"b", 3]): rng.choice(words)}, id=f"{j + 1}-1")
                if rng.random() < 0.3: s.expire(key, rng.uniform(1000, 2000))
            s.save(tmp_path / "dump.rdb")
            assert_loads(s, tmp_path / "dump.rdb")


def exactly(value):
    """A value with its kind: 5 and 5.0 and "5" and b"5" differ."""
    if isinstance(value, tuple):
        return tuple(map(exactly, value))
    if isinstance(value, dict):
        return [(exactly(k), exactly(v)) for k, v in value.items()]
    return type(value), value


def everything(s):
    """What a store holds, with every kind and deadline; order only where a type has one."""
    found = {}
    for key in s:
        kind = s.type(key)
        value = s[key]
        if kind == "string": held = exactly(value)
        elif kind == "list": held = [exactly(x) for x in value]
        elif kind == "set": held = {exactly(x) for x in value}
        elif kind == "hash": held = {exactly(k): (exactly(v), value.ttl(k)) for k, v in value.items()}
        elif kind == "zset": held = [(exactly(m), score) for m, score in value.items()]
        else: held = ([exactly(e) for e in value.range()], s.command("XINFO", "STREAM", key, "FULL"))
        found[exactly(key)] = kind, s.expires_at(key), held
    return found


def comes_back(s, clock, path):
    s.save(path)  # with deadlines of today: loading leaves out what has expired
    with kevy.Store.load(path) as t:
        t._debug_clock(clock.now)
        assert everything(t) == everything(s)


def test_kinds_and_deadlines_come_back(s, clock, tmp_path):
    clock.set(int(time.time() * 1000))
    fill(s)
    for size in (1, 3, 128, 129, 5000):
        h = s.Hash(f"timed:{size}")
        h.update({f"f{i}": i / 2 if i % 2 else i for i in range(size)})
        for i in range(0, size, 3):
            h.expire(f"f{i}", 1000 + i * 37 % 500)
    comes_back(s, clock, tmp_path / "dump.rdb")


def test_mixed_kinds_come_back(s, clock, tmp_path):
    """Equal bytes of different kinds, side by side in one value and from key to key."""
    rng = random.Random(6)
    scalars = ["text", b"bytes", "12", b"12", 12, -12, "-12", 2.5, "2.5", b"2.5", 3.0, "3", 3, "", b"", float("inf"), "inf",
               -0.0, "-0", 1e300, 5e-324, "1e+300", 2**63 - 1, float(2**60), "nan", "é", "x" * 3000, b"y" * 3000]
    names = [x for x in scalars if not isinstance(x, float)]
    for i, x in enumerate(scalars * 3):
        s[f"k{i}" if i % 3 else b"k%d" % i] = x
        s[str(i) if i % 2 else b"%d" % (i + 1000)] = x
    for size in (2, 20, 200, 3000):
        s[f"list{size}"] = [rng.choice(scalars) for _ in range(size)]
        s[f"list runs {size}"] = [b"b"] * size + ["t"] * size + [3] * size + [b"3"] * size
        s[f"hash{size}"] = {f"{i}" if i % 2 else i + 10**6: rng.choice(scalars) for i in range(size)}
        s[f"set{size}"] = {rng.choice([i, f"m{i}", b"n%d" % i]) for i in range(size)} | set(names)
        s.ZSet(f"zset{size}").update({rng.choice([i, f"m{i}", b"n%d" % i]): rng.random() for i in range(size)})
        for i in range(size // 10):
            s.Stream(f"stream{size}").add({rng.choice(names[:6]): rng.choice(scalars), "same": rng.choice(scalars)})
    comes_back(s, clock, tmp_path / "dump.rdb")


@needs_redis
def test_an_empty_store_and_a_full_one_over_it(s, tmp_path):
    path = tmp_path / "dump.rdb"
    s.save(path)
    assert_loads(s, path)
    s["a"] = 1
    s.save(str(path))
    s.save(os.fsencode(path))
    assert_loads(s, path)


def test_expired_keys_and_fields_stay_out(s, clock, tmp_path):
    s["stays"] = 1
    s.set("goes", 1, ttl=5)
    s["hash"] = {"stays": 1, "goes": 2}
    s.Hash("hash").expire("goes", 5)
    s["all goes"] = {"f": 1}
    s.Hash("all goes").expire("f", 5)
    clock.advance(10)
    s.save(tmp_path / "dump.rdb")
    data = (tmp_path / "dump.rdb").read_bytes()
    assert b"goes" not in data and data.count(b"stays") == 2


def test_kinds_take_no_room_where_everything_is_bytes(s, tmp_path):
    for i in range(100):
        s[b"key:%d" % i] = b"value"
    s.command("RPUSH", b"list", "1", "2.5", "c")
    s.save(tmp_path / "dump.rdb")
    assert b"kevy" not in (tmp_path / "dump.rdb").read_bytes()
    for i in range(100):
        s[f"text:{i}"] = i if i % 2 else f"text {i}"
    s["hash"] = {"name": "n", "age": 3, "score": 2.5}
    s.save(tmp_path / "dump.rdb")
    assert (tmp_path / "dump.rdb").read_bytes().count(b"kevy") <= 210  # keys alternate between text and bytes at worst


@needs_redis
def test_a_snapshot_is_saved_as_it_was(s, tmp_path):
    s["a"] = "before"
    then = s.snapshot()
    s["a"] = "after"
    s["b"] = 1
    then.save(tmp_path / "then.rdb")
    assert_loads(then, tmp_path / "then.rdb")


@needs_redis
def test_background(s, tmp_path):
    for i in range(20_000):
        s[f"key:{i}"] = i
    moment = s.snapshot()
    future = s.save(tmp_path / "dump.rdb", background=True)
    for i in range(20_000):
        s[f"key:{i}"] = "changed"
    s.clear()
    assert isinstance(future, concurrent.futures.Future)
    assert future.result(60) is None
    assert_loads(moment, tmp_path / "dump.rdb")


def test_background_outlives_the_store(tmp_path):
    s = kevy.Store()
    s["a"] = 1
    future = s.save(tmp_path / "dump.rdb", background=True)
    s.close()
    future.result(60)
    assert (tmp_path / "dump.rdb").exists()


def test_threads_save_one_store_at_once(either, tmp_path):
    for i in range(3000):
        either[f"k{i}"] = i
    threads = [threading.Thread(target=either.save, args=(tmp_path / f"{i % 2}.rdb",)) for i in range(6)]
    for t in threads:
        t.start()
    for i in range(1000):
        either[f"n{i}"] = i
    for t in threads:
        t.join()
    assert sorted(os.listdir(tmp_path)) == ["0.rdb", "1.rdb"]


def test_failures(s, tmp_path):
    s["a"] = 1
    missing = tmp_path / "missing" / "dump.rdb"
    with pytest.raises(kevy.DurabilityError, match="cannot create: No such file") as e:
        s.save(missing)
    assert e.value.errno == errno.ENOENT and isinstance(e.value, OSError)
    assert e.value.filename == str(missing)
    with pytest.raises(kevy.DurabilityError):
        s.save(missing, background=True).result(60)
    (tmp_path / "directory").mkdir()
    with pytest.raises(kevy.DurabilityError, match="cannot rename"):
        s.save(tmp_path / "directory")
    assert os.listdir(tmp_path) == ["directory"]
    if os.path.exists("/dev/full"):
        os.symlink("/dev/full", tmp_path / "full")  # is replaced, not followed
        s.save(tmp_path / "full")
        assert (tmp_path / "full").is_file() and not (tmp_path / "full").is_symlink()


def test_misuse(s, tmp_path):
    for wrong in ("", b""):
        with pytest.raises(ValueError):
            s.save(wrong)
    with pytest.raises(ValueError):
        s.save("a\0b")
    for wrong in (None, 3, ["x"]):
        with pytest.raises(TypeError):
            s.save(wrong)
    with pytest.raises(TypeError):
        s.save(tmp_path / "x", True)
    s.close()
    for background in (False, True):
        with pytest.raises(kevy.ClosedError):
            s.save(tmp_path / "x", background=background)
    assert os.listdir(tmp_path) == []


@needs_redis
def test_dump_is_restored_by_redis(s):
    fill(s)
    with oracle.Redis() as redis:
        for key in s:
            key = key.encode() if isinstance(key, str) else key
            ttl = s.ttl(key)
            payload = s.command("DUMP", key)
            assert redis.execute([b"RESTORE", key, b"0", payload]) == b"+OK\r\n", key
            if ttl is not None:
                redis.execute([b"PEXPIREAT", key, b"%d" % s.command("PEXPIRETIME", key)])
        assert_same(s, redis)
