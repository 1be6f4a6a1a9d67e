"""Threads on one store; interpreters with a GIL of their own; fork."""

import os
import subprocess
import sys
import textwrap
import threading

import kevy
import pytest

THREADS = 8


def together(work):
    """Runs work(i) in eight threads at once; lets their exceptions out."""
    barrier, errors = threading.Barrier(THREADS), []

    def run(i):
        barrier.wait()
        try:
            work(i)
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(THREADS)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
    finally:
        sys.setswitchinterval(interval)
    assert not any(t.is_alive() for t in threads)
    if errors:
        raise errors[0]


def test_counters_lose_nothing(either):
    def work(i):
        for n in range(3000):
            either.incr("total")
            either.incr("mine", 1)
            either.append("log", b"x")

    together(work)
    assert either["total"] == either["mine"] == THREADS * 3000 == either.strlen("log")


def test_everybody_finds_what_he_wrote(either):
    def work(i):
        for n in range(2000):
            key, value = f"{i}:{n % 50}", f"{i}-{n}" * (1 + n % 7 * 100)
            either[key] = value
            assert either[key] == value
            assert either.mget([key, "nope"]) == [value, None]
            if n % 10 == 0:
                assert either.pop(key) == value and key not in either

    together(work)
    assert all(v.startswith(k.split(":")[0] + "-") for k, v in either.items())


def test_only_one_wins(either):
    won = []

    def work(i):
        for n in range(500):
            if either.set(f"lock:{n}", i, nx=True):
                won.append(n)

    together(work)
    assert sorted(won) == list(range(500))


def test_popitem_gives_each_key_once(either):
    either.update({str(i): i for i in range(4000)})
    got = []

    def work(i):
        while True:
            try:
                got.append(either.popitem())
            except KeyError:
                return

    together(work)
    assert sorted(v for _, v in got) == list(range(4000)) and not either


def test_iterating_while_others_write(either):
    either.update({str(i): i for i in range(500)})

    def work(i):
        for n in range(30):
            if i < 4:
                moment = list(either.items())
                assert {int(k) for k, _ in moment if int(k) < 500} == set(range(500))
            else:
                for k in range(500, 700):
                    either[str(k)] = n
                    if k % 3 == i % 3:
                        either.delete(str(k))
                either[str(n)] = n

    together(work)


def test_one_iterator_shared(either):
    either.update({str(i): i for i in range(5000)})
    it, got = iter(either), []
    together(lambda i: got.extend(it))
    assert sorted(got, key=int) == [str(i) for i in range(5000)]


def test_views_and_snapshots_are_let_go_of_anywhere(either):
    def work(i):
        for n in range(300):
            either[f"big:{i}"] = bytes([i]) * 20_000
            view, snapshot = either.view(f"big:{(i + n) % THREADS}") if n else None, either.snapshot()
            if view is not None:
                assert bytes(view) == bytes([view[0]]) * 20_000
            assert len(snapshot[f"big:{i}"]) == 20_000

    for i in range(THREADS):
        either[f"big:{i}"] = bytes([i]) * 20_000
    together(work)


def test_clearing_and_closing_while_others_work():
    for url in ("mem://", "mem://closing"):
        s = kevy.open(url)

        def work(i):
            try:
                for n in range(200):
                    s[f"{i}:{n}"] = b"x" * 60_000
                    s.get(f"{(i + 1) % THREADS}:{n}")
                    if i == 0 and n % 20 == 0:
                        s.clear()
                    if i == 1 and n == 150:
                        s.close()
            except kevy.ClosedError:
                pass

        together(work)
        assert s.closed


def test_opening_and_closing_one_name():
    def work(i):
        for n in range(300):
            with kevy.open("mem://busy") as s:
                s[str(i)] = n
                assert s[str(i)] == n

    together(work)


def interpreters():
    """Runs code in a fresh interpreter with a GIL of its own; None where there is no such thing."""
    if sys.version_info >= (3, 13):
        import _interpreters

        def run(code):
            interpreter = _interpreters.create("isolated")
            try:
                failed = _interpreters.run_string(interpreter, code)
                assert failed is None, failed
            finally:
                _interpreters.destroy(interpreter)

        return run
    import _xxsubinterpreters
    isolated = {"isolated": True} if sys.version_info >= (3, 10) else {}

    def run(code):
        interpreter = _xxsubinterpreters.create(**isolated)
        try:
            _xxsubinterpreters.run_string(interpreter, code)
        finally:
            _xxsubinterpreters.destroy(interpreter)

    return run


IN_ANOTHER = """
import sys
sys.path[:] = {path!r}
import kevy, gc
with kevy.open("mem://between") as s:
    assert s["from main"] == "hello", s["from main"]
    for i in range(3000):
        s.incr("total")
        s[str(i % 10)] = "x" * i
        s.get(str(i % 7))
    try:
        s.incr("from main")
        raise AssertionError
    except kevy.NotIntegerError as e:
        assert isinstance(e, (kevy.Error, ValueError))
    assert s.expire("from main", 1000) and s.expires_at("from main").year >= 2024
with kevy.Store() as own:
    own.update(a=1, b=2)
    assert own == {{"a": 1, "b": 2}} and own.keys() == {{"a", "b"}} and own.command("GET", "a") == b"1"
    it = iter(own)
del it, own, s
gc.collect()
"""


def test_other_interpreters():
    run = interpreters()
    with kevy.open("mem://between") as s:
        s["from main"] = "hello"
        run(IN_ANOTHER.format(path=sys.path))
        s["total"] = 0
        together(lambda i: run(IN_ANOTHER.format(path=sys.path)))
        assert s["total"] == THREADS * 3000


def script(code, **kwargs):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, **kwargs)


def test_fork():
    done = script("""
        import kevy, os, threading
        s, named = kevy.Store(), kevy.open("mem://forked")
        for store in (s, named):
            store.update({str(i): i for i in range(1000)})
        snapshot, it, view = s.snapshot(), iter(named), s.view("7")
        stop = threading.Event()
        def churn():
            while not stop.is_set():
                named["churn"] = "x" * 100
                s["churn"] = named.get("churn")
        worker = threading.Thread(target=churn)
        worker.start()
        children = []
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                for store in (s, named):
                    store["mine"] = os.getpid()
                    assert store["7"] == 7 and store["mine"] == os.getpid() and len(list(store)) >= 1001
                    store.clear()
                assert snapshot["7"] == 7 and len(list(it)) == 1000 and bytes(view) == b"7"
                s.close(), named.close()
                os._exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        stop.set(), worker.join()
        for store in (s, named):
            assert "mine" not in store and store["7"] == 7
    """)
    assert done.returncode == 0, done.stderr


def test_stores_left_open_at_exit():
    done = script("""
        import kevy, threading, time
        s, named = kevy.Store(), kevy.open("mem://left")
        s["k"] = named["k"] = b"x" * (16 << 20)
        it, snapshot, view, keys = iter(s), named.snapshot(), s.view("k"), s.keys()
        class Late:
            def __del__(self, kevy=kevy, s=s):
                assert s["k"][:1] == b"x"
                kevy.Store()["k"] = 1
        late = Late()
        late.me = late
        threading.Thread(target=lambda: [named.get("k") for _ in range(200)], daemon=True).start()
    """)
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.parametrize("code", ["import kevy", "import kevy; kevy.Store()['k'] = 1"])
def test_import_twice_in_one_process(code):
    done = script(f"""
        import sys
        for _ in range(5):
            exec({code!r})
            for name in [n for n in sys.modules if n.startswith("kevy")]:
                del sys.modules[name]
    """)
    assert done.returncode == 0, done.stderr
