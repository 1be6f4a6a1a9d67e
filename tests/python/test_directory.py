"""kevy.Store("dir/"): the data is there when it is opened again, here and in a real redis-server."""

import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import kevy
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402
from test_save import assert_same, fill, needs_redis  # noqa: E402


@pytest.fixture
def home(tmp_path):
    return tmp_path / "data"


def plain(value):
    """A held value as a detached one, kinds and all."""
    return value if isinstance(value, (str, bytes, int, float)) else repr(value)


def test_reopen(home):
    with kevy.Store(home) as s:
        assert (s.mode, s.durability) == ("directory", "everysec")
        s["text"], s[b"bytes"], s["int"], s["float"] = "a", b"b", 3, 2.5
        s["hash"] = {"name": "alice", "age": 30}
        s["list"] = ["a", b"b", 1, 2.5]
        s.set("later", 1, ttl=100)
        s.Hash("hash").expire("age", 50)
        s.List("list").insert(2, "in the middle")
        del s.List("list")[0]
        s.rewrite()
        s["after"] = "the rewrite"
    with kevy.Store(str(home), fsync="always") as s:
        assert s.durability == "always"
        assert (s["text"], s[b"bytes"], s["int"], s["float"], s["after"]) == ("a", b"b", 3, 2.5, "the rewrite")
        assert dict(s["hash"]) == {"name": "alice", "age": 30}
        assert list(s["list"]) == [b"b", "in the middle", 1, 2.5]
        assert 0 < s.ttl("later") <= 100 and 0 < s.Hash("hash").ttl("age") <= 50
        assert s.recovery == "1 records done again"
        s.sync()


def test_memory_stores_have_no_directory(s):
    assert (s.mode, s.durability, s.recovery) == ("memory", "none", "")
    s.sync()
    with pytest.raises(ValueError):
        s.rewrite()
    with s.snapshot() as frozen:
        assert frozen.mode == "snapshot"


def test_options(home, tmp_path):
    with pytest.raises(ValueError, match="always everysec no"):
        kevy.Store(home, fsync="sometimes")
    with pytest.raises(TypeError, match="fsync is a str"):
        kevy.Store(home, fsync=1)
    with kevy.open(f"file://{home}", fsync="no", log_queue="1mb", rewrite_at=10_000, fail_fast=True, maxmemory="10mb") as s:
        assert s.durability == "no"
        with pytest.raises(kevy.DurabilityError, match="has"):
            kevy.Store(home)
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(kevy.DurabilityError):
        kevy.Store(tmp_path / "file")


def test_a_second_process_is_told(home):
    with kevy.Store(home) as s:
        s["k"] = 1
        code = f"import kevy; kevy.Store({str(home)!r})"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert "DurabilityError" in other.stderr and "open" in other.stderr


def test_fork(home):
    with kevy.Store(home) as s:
        s["k"] = 1
        child = os.fork()
        if child == 0:
            try:
                s["k"]
            except kevy.ClosedError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        s["k"] = 2
    with kevy.Store(home) as s:
        assert s["k"] == 2


CODE = "#!lua name={0}\nredis.register_function('f_{0}', function(keys, args) return '{1}' .. args[1] end)"


def functions_of(store):
    return {row[b"library_name"]: row[b"library_code"] for row in store.command("FUNCTION", "LIST", "WITHCODE")}


@needs_redis
def test_functions(home, tmp_path):
    with kevy.Store(home, fsync="no") as s:
        for name, answer in (("one", "1:"), ("two", "2:"), ("three", "3:")):
            s.command("FUNCTION", "LOAD", CODE.format(name, answer))
        s.command("FUNCTION", "DELETE", "two")
        s.command("FUNCTION", "LOAD", "REPLACE", CODE.format("three", "4:"))
        with pytest.raises(kevy.CommandError):
            s.command("FUNCTION", "LOAD", CODE.format("three", "5:"))
        s["k"] = 1
        frozen = s.snapshot()
        held = functions_of(s)
        assert set(held) == {b"one", b"three"}
    with kevy.Store(home) as s:
        assert functions_of(s) == held and s.command("FCALL", "f_three", 0, "x") == b"4:x"
        s.rewrite()
    with kevy.Store(home) as s:
        assert s.command("FCALL", "f_one", 0, "x") == b"1:x" and functions_of(s) == held
        s.command("FUNCTION", "FLUSH")
        s.command("FUNCTION", "LOAD", CODE.format("late", "6:"))
        assert set(functions_of(frozen)) == {b"one", b"three"}
        s.save(tmp_path / "dump.rdb")
        s.sync()
        shutil.copytree(home, tmp_path / "copy")
    with oracle.Redis(home=tmp_path / "copy") as redis:
        assert redis.execute([b"FCALL", b"f_late", b"0", b"x"]) == b"$3\r\n6:x\r\n"
        redis.execute([b"FUNCTION", b"LOAD", CODE.format("theirs", "7:").encode()])
        redis.execute([b"CONFIG", b"SET", b"appendfsync", b"always"])
        redis.execute([b"SET", b"k", b"2"])
        shutil.copytree(tmp_path / "copy", tmp_path / "again")
    with kevy.Store(tmp_path / "again") as s:
        assert s["k"] == b"2" and s.command("FCALL", "f_theirs", 0, "x") == b"7:x" and len(functions_of(s)) == 2
    with kevy.Store.load(tmp_path / "dump.rdb") as s:
        assert set(functions_of(s)) == {b"late"} and s.command("FCALL", "f_late", 0, "x") == b"6:x"
    frozen.close()


def test_options_while_it_is_open(home, s):
    with kevy.Store(home, fsync="no") as d:
        for policy in ("always", "everysec", "no", "always"):
            d.fsync = policy
            d.incr("n")
            assert (d.fsync, d.durability) == (policy, policy)
            assert d.command("CONFIG", "GET", "appendfsync") == {b"appendfsync": policy.encode()}
        assert d.command("CONFIG", "SET", "appendfsync", "no", "auto-aof-rewrite-min-size", "1kb", "auto-aof-rewrite-percentage", 0) == "OK"
        assert d.fsync == "no"
        with pytest.raises(kevy.CommandError):  # all of it or nothing
            d.command("CONFIG", "SET", "appendfsync", "always", "auto-aof-rewrite-percentage", 7, "appendonly", "no")
        found = d.command("CONFIG", "GET", "appendfsync", "auto-aof*")
        assert found == {b"appendfsync": b"no", b"auto-aof-rewrite-percentage": b"0", b"auto-aof-rewrite-min-size": b"1024"}
        log, base = home / "appendonlydir" / "appendonly.aof.1.incr.aof", home / "appendonlydir" / "appendonly.aof.1.base.rdb"
        d["k"] = "x" * 5000
        d.sync()
        d.tick()
        assert d.command("INFO", "persistence").count(b"aof_rewrite_in_progress:0") == 1 and log.exists()
        d.command("CONFIG", "SET", "auto-aof-rewrite-percentage", 1)
        while not base.exists() or log.exists():
            d.tick()
            time.sleep(0.001)
        for wrong, error in (("sometimes", ValueError), (1, TypeError)):
            with pytest.raises(error):
                d.fsync = wrong
        with pytest.raises(AttributeError):
            del d.fsync
    with kevy.Store(home) as d:
        assert d["n"] == 4
    assert s.fsync == "none"
    with pytest.raises(ValueError):
        s.fsync = "no"


def test_progress(home):
    with kevy.Store(home, fsync="no") as s:
        s.update({i: "x" * 1000 for i in map(str, range(2000))})
        s.rewrite()
        s.update({i: "y" * 1000 for i in map(str, range(1000, 3000))})
    told = []

    def progress(*figures):
        told.append(figures)
        with kevy.open("mem://beside") as other, kevy.Store(home.parent / "other") as directory:
            other["k"] = directory["k"] = 1

    with kevy.open(f"file://{home}", progress=progress) as s:
        assert len(s) == 3000
    done, total, keys = zip(*told)
    assert len(told) >= 4 and list(done) == sorted(done) and set(total) == {done[-1]} and keys[-1] == 3000
    for stop in range(len(told)):
        calls = iter(range(stop))
        with pytest.raises(StopIteration):
            kevy.Store(home, progress=lambda *_, calls=calls: next(calls))
    with pytest.raises(TypeError, match="progress is called"):
        kevy.Store(home, progress=1)
    with kevy.Store(home, progress=None) as s:
        assert len(s) == 3000


def test_a_fork_while_it_is_read(home):
    """The child's opening fails, and the parent's lock goes with the parent."""
    with kevy.Store(home) as s:
        s["k"] = 1
    children = []

    def progress(*_):
        ends = os.pipe()
        child = os.fork()
        children.append((child, ends))

    try:
        with kevy.Store(home, progress=progress) as s:
            assert s["k"] == 1
    except kevy.Error:
        os.close(children[0][1][1])  # at the latest when the parent ends, the read does
        os.read(children[0][1][0], 1)
        os._exit(0)
    [(child, ends)] = children
    assert child != 0
    with kevy.Store(home) as s:  # the child is there, and holds no lock
        s["k"] = 2
    os.write(ends[1], b".")
    assert os.waitpid(child, 0)[1] == 0


@pytest.fixture
def as_nobody():
    """Runs a function in a child that may not write what others own; the child's exit status."""

    def run(f):
        child = os.fork()
        if child == 0:
            try:
                if os.getuid() == 0:
                    os.setgroups([])
                    os.setgid(65534)
                    os.setuid(65534)
                f()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        return os.waitpid(child, 0)[1]

    return run


def test_a_directory_without_the_right_to_write(as_nobody):
    """It is read, by several at once; writes are refused, and no file of it changes."""
    with tempfile.TemporaryDirectory() as base:
        home = Path(base, "data")
        os.chmod(base, 0o755)
        with kevy.Store(home) as s:
            s.update(a=1, b={"f": "v"})

            def while_it_is_written():
                with pytest.raises(kevy.DurabilityError, match="has"):
                    kevy.Store(home)

            if os.getuid() == 0:
                assert as_nobody(while_it_is_written) == 0
        files = sorted(home.rglob("*"))
        before = [f.read_bytes() for f in files if f.is_file()]
        for f in [*files, home]:
            f.chmod(0o555 if f.is_dir() else 0o444)

        def look():
            with kevy.Store(home) as s, kevy.Store(home) as t:
                assert (s.mode, s["a"], dict(t["b"]), s.recovery) == ("readonly", 1, {"f": "v"}, "3 records done again")
                assert s.durability == "refused: the directory may only be read: Permission denied"
                for write in (lambda: s.set("c", 1), lambda: s["b"].clear(), lambda: s.clear(), s.rewrite, lambda: s.delete("a")):
                    with pytest.raises(kevy.DurabilityError, match="may only be read"):
                        write()
                assert s.command_resp("SET", "c", 1).startswith(b"-READONLY")
                s.sync()
                assert len(s) == 2

        assert as_nobody(look) == 0
        home.chmod(0o755)
        assert [f.read_bytes() for f in sorted(home.rglob("*")) if f.is_file()] == before


def test_a_read_only_file_system(home):
    with kevy.Store(home) as s:
        s["a"] = 1
    look = f"import kevy; s = kevy.Store({str(home)!r}); print(s.mode, s['a'], s.durability)"
    mount = f"mount --bind {home} {home} && mount -o remount,ro,bind {home} && exec {sys.executable} -c {shlex.quote(look)}"
    found = subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", mount], capture_output=True, text=True, timeout=60)
    if "readonly" not in found.stdout and "Error" not in found.stderr:
        pytest.skip("no mounts may be made here")
    assert found.stdout == "readonly 1 refused: the directory may only be read: Read-only file system\n"


def test_torn_and_corrupt(home):
    with kevy.Store(home, fsync="no") as s:
        for i in range(10):
            s[f"k{i}"] = "value"
    log = home / "appendonlydir" / "appendonly.aof.1.incr.aof"
    whole = log.read_bytes()
    log.write_bytes(whole[:-3])
    with kevy.Store(home) as s:
        assert len(s) == 9 and "cut off" in s.recovery and s.info()["log_bytes_cut"] > 0
    assert len(list(log.parent.glob("*.torn-*"))) == 1
    broken = bytearray(whole)
    broken[whole.index(b"k5") - 3] = ord("x")
    log.write_bytes(broken)
    with pytest.raises(kevy.CorruptFileError, match="offset"):
        kevy.Store(home)
    with kevy.Store(home, salvage=True) as s:
        assert len(s) == 5


def assert_redis_reads(home, store):
    """redis-check-aof finds nothing wrong, and redis-server reads what the store holds; the store is closed meanwhile."""
    manifest = home / "appendonlydir" / "appendonly.aof.manifest"
    checked = subprocess.run(["redis-check-aof", str(manifest)], capture_output=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
    with oracle.Redis(home=home) as redis:
        assert_same(store, redis)


@needs_redis
def test_redis_reads_our_directory(home):
    with kevy.Store(home, fsync="no") as s:
        fill(s)
        copy = s.snapshot()
        s.sync()
        shutil.copytree(home, home.parent / "copy")
        assert_redis_reads(home.parent / "copy", copy)
        copy.close()
        s.rewrite()
        s.command("XADD", "more", "1-1", "f", "v")
        s.command("XGROUP", "CREATE", "more", "g", "0")
        s.command("XREADGROUP", "GROUP", "g", "c", "STREAMS", "more", ">")
        s.command("SPOP", "set:small", 2)
        s.List("list").extend(range(10))
        s.List("list")[4:6] = ["x", "y", "z"]
        s.incr("float", 0.1)
        copy = s.snapshot()
    assert_redis_reads(home, copy)


@needs_redis
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_we_read_the_directory_of_redis(home, preamble):
    home.mkdir()
    with oracle.Redis(home=home, options=["--aof-use-rdb-preamble", preamble, "--aof-timestamp-enabled", "yes"]) as redis:
        rng = random.Random(5)

        def write():
            for i in range(300):
                n = rng.randrange(20)
                redis.execute(rng.choice([
                    [b"SET", b"s%d" % n, b"v%d" % i, b"EX", b"1000"], [b"HSET", b"h%d" % n, b"f%d" % i, b"%d" % i],
                    [b"RPUSH", b"l%d" % n, b"%d" % i, b"x"], [b"SADD", b"e%d" % n, b"m%d" % i, b"7"], [b"SPOP", b"e%d" % n],
                    [b"ZADD", b"z%d" % n, b"%d.5" % i, b"m"], [b"XADD", b"x%d" % n, b"*", b"f", b"v"], [b"DEL", b"s%d" % n],
                    [b"INCRBYFLOAT", b"n", b"0.1"], [b"LMOVE", b"l%d" % n, b"l1", b"LEFT", b"RIGHT"]]))
            redis.execute([b"MULTI"])
            redis.execute([b"SET", b"in", b"one"])
            redis.execute([b"SET", b"go", b"two"])
            redis.execute([b"EXEC"])

        write()
        redis.execute([b"BGREWRITEAOF"])
        while b"aof_rewrite_in_progress:1" in redis.execute([b"INFO", b"persistence"]):
            time.sleep(0.02)
        write()
        time.sleep(1.1)
        shutil.copytree(home, home.parent / "copy")
        with kevy.Store(home.parent / "copy") as s:
            assert_same(s, redis)


def test_threads_wait_together(home):
    """A write that waits for the disk releases the GIL, and others write meanwhile."""
    with kevy.Store(home, fsync="always") as s:

        def write(name):
            for i in range(20):
                s[f"{name}:{i}"] = i
                s.command("HSET", name, i, i)

        threads = [threading.Thread(target=write, args=(f"t{k}",)) for k in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        s.sync()
        s.rewrite()
        writes = len(s)
    with kevy.Store(home) as s:
        assert len(s) == writes == 8 * 20 + 8


def test_close_while_others_wait(home):
    """What returned is there; the others hear that the store is closed."""
    for seed in range(3):
        done = []
        s = kevy.Store(home, fsync="always")

        def write(name, s=s, done=done):
            try:
                for i in range(1000):
                    s[f"{name}:{i}"] = i
                    done.append(f"{name}:{i}")
            except kevy.ClosedError:
                return

        threads = [threading.Thread(target=write, args=(f"{seed}:{k}",)) for k in range(4)]
        for t in threads:
            t.start()
        while len(done) < 10:
            time.sleep(0.001)
        s.close()
        for t in threads:
            t.join()
        with kevy.Store(home) as again:
            assert all(key in again for key in done)
