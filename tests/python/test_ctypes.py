"""The ctypes door: the same engine, the same kinds, and no use of borrowed memory whatever runs in between."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import kevy
import pytest
from kevy import _abi, ctypes_door


@pytest.fixture
def s():
    with ctypes_door.open() as store:
        yield store


# ---- The library ----------------------------------------------------------------------------


def test_the_abi_is_checked_at_load():
    assert ctypes_door.load().kevy_abi() == _abi.KEVY_ABI
    assert ctypes_door.load().kevy_version().decode() == _abi.KEVY_VERSION == kevy.__version__


def test_a_library_with_another_abi_is_refused(tmp_path):
    source = tmp_path / "other.c"
    source.write_text("int kevy_abi(void) { return 999; }\n" + "".join(
        f"void {name}(void) {{}}\n" for name, _, _ in _abi.PROTOTYPES if name != "kevy_abi"))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "other.so", source], check=True)
    with pytest.raises(ImportError, match="ABI 999"):
        ctypes_door.load(str(tmp_path / "other.so"))


def test_a_library_without_a_function_is_refused(tmp_path):
    source = tmp_path / "empty.c"
    source.write_text("int kevy_abi(void) { return 1; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "empty.so", source], check=True)
    with pytest.raises(AttributeError, match="kevy_version"):
        ctypes_door.load(str(tmp_path / "empty.so"))


def test_one_engine_per_process():
    """A named store is the same store through the extension and through ctypes."""
    with kevy.open("mem://test_ctypes") as native, ctypes_door.open("mem://test_ctypes") as s:
        native["n"] = 42
        assert s["n"] == 42
        s["name"] = "alice"
        assert native["name"] == "alice"


# ---- Values ---------------------------------------------------------------------------------

SCALARS = ["alice", "", "ålice\0", b"\x00\xff", b"", 0, -1, 2**63 - 1, -2**63, 2.5, -0.0, 3.0, float("inf"),
           "x" * 255, "x" * 256, "x" * 257, b"y" * 1_000_000]


@pytest.mark.parametrize("value", SCALARS, ids=lambda v: repr(v)[:20])
def test_what_goes_in_comes_out(s, value):
    s["k"] = value
    assert s["k"] == value and type(s["k"]) is type(value)
    assert repr(s.get("k")) == repr(value)


def test_other_bytes_like_values(s):
    s["a"], s["b"] = bytearray(b"ab"), memoryview(b"cd")
    assert (s["a"], s["b"]) == (b"ab", b"cd")


@pytest.mark.parametrize("value", [True, None, [], {}, object(), 1j])
def test_other_types_are_refused(s, value):
    with pytest.raises(TypeError, match="must be str, bytes, bytearray, memoryview, int or float"):
        s["k"] = value
    with pytest.raises(TypeError, match="a key must be"):
        s[value]
    assert len(s) == 0


def test_numbers_out_of_range(s):
    for value in (2**63, -2**63 - 1):
        with pytest.raises(OverflowError):
            s["k"] = value
        with pytest.raises(OverflowError):
            s.incr("k", value)
    with pytest.raises(ValueError):
        s["k"] = float("nan")


def test_a_key_is_its_bytes(s):
    s["å"] = 1
    assert s["å".encode()] == 1
    assert list(s) == ["å"]
    s[b"b"] = 2
    assert sorted(map(str, s)) == ["b'b'", "å"]


# ---- Operations -----------------------------------------------------------------------------


def test_mapping(s):
    s["a"] = 1
    assert "a" in s and "b" not in s and len(s) == 1
    with pytest.raises(KeyError):
        s["b"]
    with pytest.raises(KeyError):
        del s["b"]
    del s["a"]
    assert s.get("a") is None and s.get("a", 7) == 7


def test_set_conditions(s):
    assert s.set("k", 1, nx=True) is True
    assert s.set("k", 2, nx=True) is False
    assert s.set("missing", 2, xx=True) is False
    assert s.set("k", 3, xx=True) is True
    assert s["k"] == 3
    with pytest.raises(ValueError):
        s.set("k", 1, nx=True, xx=True)


def test_time(s):
    s.debug_clock(1_000_000)
    s.set("k", "v", ttl=1.5)
    assert s.ttl("k") == 1.5
    s.set("k", "w", keepttl=True)
    assert s.ttl("k") == 1.5
    assert s.expire("k", 1, gt=True) is False
    assert s.expire("k", 2, gt=True) is True
    assert s.persist("k") is True and s.persist("k") is False
    assert s.ttl("k") is None
    assert s.expire("k", 0.0001) is True
    assert s.ttl("k") == 0.001
    s.debug_clock(1_000_001)
    assert "k" not in s
    with pytest.raises(KeyError):
        s.ttl("k")
    assert s.expire("k", 1) is False
    for ttl in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError):
            s.set("k", 1, ttl)
    s.debug_clock(None)
    s.set("k", 1, 1000)
    assert 999 < s.ttl("k") <= 1000


def test_counters(s):
    assert s.incr("n") == 1 and s.incr("n", 41) == 42
    assert s.incr("n", 0.5) == 42.5 and s["n"] == 42.5
    s["t"] = "text"
    with pytest.raises(kevy.NotIntegerError):
        s.incr("t")
    s["n"] = 2**63 - 1
    with pytest.raises(kevy.CounterOverflowError):
        s.incr("n")
    with pytest.raises(TypeError):
        s.incr("n", True)


def test_several_keys(s):
    s["a"], s["b"] = 1, "x" * 1000
    assert s.mget(["a", "missing", "b"]) == [1, None, "x" * 1000]
    assert s.mget([]) == []
    assert s.exists("a", "b", "c") == 2
    assert s.type("a") == "string" and s.type("c") is None
    assert s.delete("a", "b", "c") == 2
    s["a"] = 1
    s.clear()
    assert len(s) == 0


def test_iteration_is_of_one_moment(s):
    for i in range(300):
        s[f"key:{i}"] = i
    seen = {}
    for key, value in s.items():
        del s[key]
        s[f"new:{key}"] = value
        seen[key] = value
    assert seen == {f"key:{i}": i for i in range(300)}
    assert sorted(s.scan(match="new:key:29?")) == [f"new:key:29{i}" for i in range(10)]
    assert list(s.scan(type="hash")) == []
    with pytest.raises(ValueError, match="unknown type"):
        s.scan(type="nonesuch")


def test_snapshot(s):
    s["k"] = "x" * 1000
    moment = s.snapshot()
    s["k"] = 2
    assert moment["k"] == "x" * 1000 and list(moment) == ["k"] and moment.mget(["k"]) == ["x" * 1000]
    assert moment.command_resp("STRLEN", "k") == b":1000\r\n"
    with pytest.raises(kevy.Error):
        moment["k"] = 3
    s.close()
    assert moment["k"] == "x" * 1000
    moment.close()


def test_commands(s):
    assert s.command("SET", "k", 41) == "OK"
    assert s.command("INCR", "k") == 42
    assert s.command("MGET", "k", "missing") == [b"42", None]
    assert s.command_resp("GET", "k") == b"$2\r\n42\r\n"
    assert s.command_resp("NONESUCH").startswith(b"-ERR unknown command")
    with pytest.raises(kevy.CommandError, match="^ERR wrong number of arguments for 'get' command$"):
        s.command("GET")
    with pytest.raises(ValueError):
        s.command()
    s["big"] = b"z" * 100_000
    assert s.command("GET", "big") == b"z" * 100_000


def test_open_options():
    for url in ("nonesuch://", "shm://x"):
        with pytest.raises(ValueError, match="mem://"):
            ctypes_door.open(url)
    with pytest.raises(ValueError):
        ctypes_door.open(policy="nonesuch")
    with ctypes_door.open(maxmemory=1 << 20) as s:
        with pytest.raises(kevy.OutOfMemoryError):
            s["k"] = b"x" * (2 << 20)
        s["k"] = "still works"
        assert 0 < s.used_memory <= 1 << 20


def test_closed_stores(s):
    s["k"] = 1
    keys = s.scan()
    s.close()
    s.close()
    for use in (lambda: s["k"], lambda: s.set("k", 1), lambda: len(s), lambda: s.command("GET", "k"),
                lambda: s.snapshot(), lambda: s.scan(), lambda: s.__enter__()):
        with pytest.raises(kevy.ClosedError):
            use()
    assert list(keys) == ["k"]


# ---- Threads, finalizers --------------------------------------------------------------------


def run_threads(*bodies):
    errors = []

    def guarded(body):
        try:
            body()
        except BaseException as e:
            errors.append(e)
    threads = [threading.Thread(target=guarded, args=(b,)) for b in bodies]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not any(t.is_alive() for t in threads)
    if errors:
        raise errors[0]


def test_readers_never_see_torn_values(s):
    """Values of one letter, of sizes on both sides of every threshold, rewritten while others read."""
    done = threading.Event()

    def write():
        try:
            for i in range(6000):
                s["k"] = "abcdefgh"[i % 8] * (1 << i % 16)
                if i % 7 == 0:
                    s.delete("k")
        finally:
            done.set()

    def read():
        while not done.is_set():
            value = s.get("k", "")
            assert len(set(value)) <= 1
            assert all(v is None or len(set(v)) == 1 for v in s.mget(["k", "k"]))
            reply = s.command_resp("GET", "k")
            assert reply == b"$-1\r\n" or len(set(reply.split(b"\r\n")[1])) == 1
    run_threads(write, read, read)


def test_both_doors_of_one_store_from_many_threads():
    """Neither door holds the store's lock while it waits for the GIL."""
    with kevy.open("mem://test_ctypes_threads") as native, \
            ctypes_door.open("mem://test_ctypes_threads") as s:
        def by_ctypes():
            for i in range(2000):
                s.incr("n")
                s.set("k", "x" * (i % 700))
                s.get("k")

        def by_extension():
            for i in range(20000):
                native.incr("n")
                native.set("k", "y" * (i % 700))
                native.get("k")
        run_threads(by_ctypes, by_extension, by_ctypes, by_extension)
        assert s["n"] == native["n"] == 44000


def test_close_while_others_are_inside():
    for _ in range(50):
        s = ctypes_door.open()
        s["k"] = "v" * 1000

        def use(s=s):
            with pytest.raises(kevy.ClosedError):
                while True:
                    assert s.get("k") == "v" * 1000
        run_threads(use, use, s.close)


def test_a_finalizer_may_call_back(s):
    s["k"] = "v" * 5000
    runs = []

    class Trap:
        def __init__(self):
            self.me = self

        def __del__(self):
            runs.append(s.get("k"))
            s["k"] = "w" * 5000
    thresholds = gc.get_threshold()
    gc.set_threshold(10)
    try:
        for _ in range(2000):
            Trap()
            assert s.get("k") in ("v" * 5000, "w" * 5000)
            assert s.mget(["k"])[0] in ("v" * 5000, "w" * 5000)
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert len(runs) == 2000


def test_handles_are_released(s):
    """What snapshots, iterators and replies held comes back."""
    s["k"] = "v" * 100
    before = s.used_memory
    for _ in range(1000):
        s.snapshot()
        next(iter(s))
        s.command("GET", "k")
        s["k"] = "w" * 100
    gc.collect()
    assert s.tick(1_000_000) is True
    assert s.used_memory == before


def test_without_the_extension_kevy_lib_names_the_library(tmp_path):
    """The door finds a library by KEVY_LIB where the package has no extension of its own."""
    package = tmp_path / "kevy"
    package.mkdir()
    source = Path(ctypes_door.__file__).parent
    (package / "__init__.py").write_text("class ClosedError(Exception): pass\n")
    for name in ("_abi.py", "ctypes_door.py"):
        (package / name).write_text((source / name).read_text())
    script = "from kevy import ctypes_door\n" \
             "with ctypes_door.open() as s:\n    s['k'] = 5\n    print(s.command('INCR', 'k'))\n"
    environment = dict(os.environ, PYTHONPATH=str(tmp_path), KEVY_LIB=ctypes_door.load()._name)
    out = subprocess.run([sys.executable, "-S", "-c", script], env=environment, capture_output=True,
                         text=True)
    assert (out.stdout, out.stderr) == ("6\n", "")
