"""Store.cached(): keys, codecs, time, methods, coroutines, and callers that meet."""

import asyncio
import datetime
import decimal
import enum
import functools
import gc
import inspect
import os
import pathlib
import re
import threading
import time
import weakref

import kevy
import pytest


def counted(function):
    """The function, which notes its calls in .calls."""

    @functools.wraps(function)
    def noted(*args, **kwargs):
        noted.calls.append((args, kwargs))
        return function(*args, **kwargs)

    noted.calls = []
    return noted


def at_once(*functions, timeout=20):
    """Runs functions in threads that begin together; their results, or exceptions."""
    results = [None] * len(functions)
    barrier = threading.Barrier(len(functions))

    def run(i):
        barrier.wait()
        try:
            results[i] = functions[i]()
        except Exception as e:
            results[i] = e

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(functions))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(timeout)
        assert not t.is_alive(), "a deadlock"
    return results


# ---- What is kept ----


@pytest.mark.parametrize("value", [
    "text", "", b"bytes", b"", 5, -(1 << 63), 1 << 63, -(1 << 200), 2.5, -0.0, float("inf"), None, True, False,
    b"\0kevy:", b"\0kevy:N", b"\0kevy:BB", "\0kevy:N", "é" * 300, b"x" * 100_000,
])
def test_scalars(s, value):
    calls = []

    @s.cached
    def f():
        calls.append(1)
        return value

    for _ in range(3):
        got = f()
        assert (type(got), got, repr(got)) == (type(value), value, repr(value))
    assert len(calls) == 1
    assert f.cache_info() == (2, 1, 0, 0, 0)


def test_nan(s):
    f = s.cached(counted(lambda: float("nan")))
    assert f() != f() and len(f.__wrapped__.calls) == 1


@pytest.mark.parametrize("value", [[1], {"a": 1}, (1, 2), object(), 1j, bytearray(b"x"), enum.IntEnum("E", "a").a])
def test_what_is_no_scalar_needs_a_codec(s, value):
    f = s.cached(lambda: value)
    with pytest.raises(TypeError, match="codec"):
        f()
    assert len(s) == 0


@pytest.mark.parametrize("codec, value, after", [
    ("bytes", bytearray(b"x"), b"x"),
    ("bytes", memoryview(b"abc")[1:], b"bc"),
    ("json", {"a": [1, 2.5, None, "é\ud800"]}, {"a": [1, 2.5, None, "é\ud800"]}),
    ("json", (1, 2), [1, 2]),
    ("json", None, None),
    ("pickle", {1: {2, 3}, "d": decimal.Decimal("1.5")}, {1: {2, 3}, "d": decimal.Decimal("1.5")}),
    ((str, int), 77, 77),
])
def test_codecs(s, codec, value, after):
    """The first call returns what later ones will, and each a value of its own."""
    f = s.cached(codec=codec)(counted(lambda: value))
    first, second = f(), f()
    assert (type(first), first) == (type(after), after) == (type(second), second)
    assert isinstance(after, (bytes, int, type(None))) or first is not second
    assert len(f.__wrapped__.calls) == 1


def test_what_a_codec_cannot_read_is_a_miss(s):
    old = s.cached(prefix="f:")(lambda: "no json")
    new = s.cached(prefix="f:", codec="json")(lambda: [1])
    assert old() == "no json" and new() == [1] and new() == [1]
    assert new.cache_info()[:2] == (1, 1)
    assert s.get(new.cache_key()) == "[1]"


def test_a_key_that_holds_a_collection(s):
    f = s.cached(prefix="f:")(lambda: 1)
    s["f:"] = [1, 2]
    with pytest.raises(kevy.WrongTypeError, match="holds a List"):
        f()


def test_exceptions_are_not_kept(s):
    @counted
    def fails():
        raise ZeroDivisionError

    f = s.cached(fails)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            f()
    assert len(fails.calls) == 2 and len(s) == 0


def test_recursion(s):
    @s.cached(ttl=60, lock=True)
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(80) == 23416728348467685
    assert fib.cache_info() == (78, 81, 0, 0, 0)


def test_no_room():
    with kevy.Store(maxmemory=200_000) as s:
        f = s.cached(counted(lambda: b"x" * 300_000))
        assert len(f()) == len(f()) == 300_000
        assert f.cache_info() == (0, 2, 0, 0, 2)


# ---- Keys ----


def module_level(x, y=2, *rest, z=3, **more):
    return repr((x, y, rest, z, more))


def test_calls_that_mean_the_same(s):
    g = s.cached(module_level)
    assert g(1) == g(x=1) == g(1, 2) == g(1, y=2, z=3)
    assert g.cache_info().misses == 1
    assert g(1, a=1, b=2) == g(1, b=2, a=1)
    assert g.cache_info().misses == 2
    assert len({g(1), g(1.0), g(True), g("1"), g(b"1"), g(None), g((1,)), g([1]), g({1}), g({1: 1})}) == 10
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        g()


def test_keys_are_the_same_in_every_process(s):
    f = s.cached(module_level)
    assert f.cache_key("a", decimal.Decimal(1)) == __name__ + ".module_level:'a',Decimal('1'),t(),3,d()"
    assert f.cache_key({"b", "a"}, {2: 1, 1: 2}) == __name__ + ".module_level:s('a','b'),d(1:2,2:1),t(),3,d()"
    assert f.cache_key(datetime.date(2020, 1, 2)).count("datetime.date(2020, 1, 2)") == 1
    assert f.cache_key(decimal.Decimal).count("decimal.Decimal,") == 1
    long = f.cache_key("x" * 10_000)
    assert len(long) < 100 and long != f.cache_key("x" * 10_001)


def test_functions_of_one_name_are_apart(s):
    fs = [s.cached(lambda x, k=k: x * k) for k in (2, 3)]
    assert [f(5) for f in fs] == [10, 15]

    def make(k):
        @s.cached
        def f(x):
            return x * k

        return f

    assert make(2)(5) == 10 and make(3)(5) == 15


def test_key_and_prefix(s):
    f = s.cached(key=lambda user, **_: user["id"], prefix="user:")(counted(lambda user, **_: user["name"]))
    assert f({"id": 7, "name": "bob"}) == f({"id": 7, "name": "other"}, more=1) == s["user:7"] == "bob"
    assert f.cache_key({"id": b"\xff"}) == b"user:\xff" and f.cache_key({"id": "x"}) == "user:x"
    assert f.cache_key({"id": (1, "2")}) == "user:t(1,'2')"
    s["user:7"] = "carol"
    assert f({"id": 7, "name": "bob"}) == "carol"


def test_what_names_no_call(s):
    f = s.cached(lambda x: 1)
    with pytest.raises(TypeError, match="give key="):
        f(object())
    with pytest.raises(TypeError, match="give key="):
        f([object()])


@pytest.mark.parametrize("wrong, error", [
    (dict(ttl=0), ValueError), (dict(ttl=-1), ValueError), (dict(ttl="5"), TypeError), (dict(ttl=True), TypeError),
    (dict(ttl=float("nan")), ValueError), (dict(stale=5), ValueError), (dict(ttl=1, stale=0), ValueError),
    (dict(key="x"), TypeError), (dict(prefix=""), ValueError), (dict(prefix=b"x"), ValueError), (dict(codec="xml"), ValueError),
    (dict(codec=(1, 2)), ValueError), (dict(lock=0.0), ValueError), (dict(lock="yes"), TypeError), (dict(what=1), TypeError),
])
def test_misuse(s, wrong, error):
    with pytest.raises(error):
        s.cached(**wrong)


def test_what_cannot_be_decorated(s):
    def numbers():
        yield 1

    async def later():
        yield 1

    for what in (numbers, later, 5, staticmethod(len), classmethod(len)):
        with pytest.raises(TypeError):
            s.cached(what)
    with pytest.raises(TypeError):
        s.cached(len, len)


def test_it_looks_like_its_function(s):
    f = s.cached(ttl=datetime.timedelta(minutes=1))(module_level)
    assert f.__name__ == "module_level" and f.__wrapped__ is module_level and f.__module__ == __name__
    assert inspect.signature(f) == inspect.signature(module_level)
    assert "module_level" in repr(f)


# ---- Time ----


def test_ttl(s, clock):
    f = s.cached(ttl=60)(counted(lambda: 1))
    f()
    assert s.ttl(f.cache_key()) == 60
    clock.advance(59.9)
    f()
    assert len(f.__wrapped__.calls) == 1
    clock.advance(0.2)
    f()
    assert len(f.__wrapped__.calls) == 2


def test_no_ttl(s, clock):
    f = s.cached(counted(lambda: 1))
    f()
    clock.advance(1e9)
    assert f() == 1 and s.ttl(f.cache_key()) is None and len(f.__wrapped__.calls) == 1


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_stale(s, clock):
    go = threading.Event()
    go.set()
    values = iter(range(9))

    @s.cached(ttl=60, stale=30)
    def f():
        go.wait(20)
        return next(values)

    assert f() == f() == 0
    go.clear()
    clock.advance(61)
    assert [f() for _ in range(5)] == [0] * 5
    assert len(f._running) == 1
    go.set()
    until(lambda: not f._running)
    assert f() == 1
    clock.advance(91)
    assert f() == 2
    assert f.cache_info() == (7, 3, 5, 0, 0)


def test_a_renewal_that_fails_leaves_the_old_result(s, clock, monkeypatch):
    told = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_type))
    fail = False

    @s.cached(ttl=60, stale=30)
    def f():
        if fail:
            raise ZeroDivisionError
        return 1

    f()
    fail = True
    clock.advance(61)
    assert f() == 1
    until(lambda: told == [ZeroDivisionError])
    assert f() == 1
    clock.advance(30)
    with pytest.raises(ZeroDivisionError):
        f()


# ---- Forgetting ----


def test_invalidate(s):
    f = s.cached(counted(lambda x: x))
    f(1), f(2)
    assert f.invalidate(1) is True and f.invalidate(x=1) is False
    assert f.cache_key(2) in s
    f(1)
    assert len(f.__wrapped__.calls) == 3


def test_clear(s):
    f, g = s.cached(prefix="f[*]:")(lambda x: x), s.cached(prefix="f[*]")(lambda x: x)
    s["f*:1"] = s["fx:1"] = 1
    for i in range(1200):
        f(i)
    g(1)
    assert f.cache_clear() == 1200 and f.cache_clear() == 0
    assert len(s) == 3 and g.cache_clear() == 1


@pytest.mark.parametrize("forget", ["invalidate", "cache_clear"])
@pytest.mark.parametrize("lock", [False, True])
def test_what_was_computed_before_is_not_kept(s, forget, lock):
    """It was told to forget while the function ran: the result may be of the time before."""
    began, go = threading.Event(), threading.Event()

    @s.cached(lock=lock)
    def f():
        began.set()
        go.wait(20)
        return 1

    t = threading.Thread(target=f)
    t.start()
    began.wait(20)
    getattr(f, forget)()
    go.set()
    t.join()
    assert len(s) == 0
    assert f() == 1 and len(s) == 1


# ---- Methods ----


def make_class(s, **options):
    class Users:
        def __init__(self, name):
            self.name = name
            self.calls = 0

        @s.cached(**options)
        def greet(self, word="hi"):
            self.calls += 1
            return f"{word} {self.name}"

        @property
        @s.cached(**options)
        def shout(self):
            self.calls += 1
            return self.name.upper()

        @classmethod
        @s.cached(**options)
        def kind(cls, n):
            return cls.__name__ * n

        @staticmethod
        @s.cached(**options)
        def twice(x):
            return x * 2

        @s.cached(**options)
        async def later(self, n):
            self.calls += 1
            return n

    return Users


def test_methods(s):
    Users = make_class(s)
    a, b = Users("ann"), Users("bob")
    for _ in range(2):
        assert a.greet() == a.greet("hi") == Users.greet(a) == "hi ann"
        assert b.greet(word="yo") == "yo bob"
        assert (a.shout, b.shout) == ("ANN", "BOB")
        assert Users.kind(2) == a.kind(2) == "UsersUsers"
        assert Users.twice(4) == a.twice(4) == 8
        assert asyncio.run(a.later(3)) == 3
    assert (a.calls, b.calls) == (3, 2)
    assert a.greet == a.greet and a.greet != b.greet and len({a.greet, a.greet}) == 1
    assert inspect.iscoroutinefunction(Users.later) or not hasattr(inspect, "markcoroutinefunction")
    assert a.greet.cache_key() == Users.greet.cache_key(a) != b.greet.cache_key()
    assert a.greet.invalidate() and not Users.greet.invalidate(a)
    assert a.greet.__name__ == "greet" and a.greet.cache_info().misses == 2
    a.greet()
    assert a.calls == 4


def test_subclasses_and_unhashable_objects(s):
    class Odd(make_class(s)):
        __hash__ = None

        def __eq__(self, other):
            return True

    a, b = Odd("a"), Odd("b")
    assert (a.greet(), b.greet(), Odd.kind(1)) == ("hi a", "hi b", "Odd")


def test_an_object_is_not_kept_alive(s):
    Users = make_class(s, lock=True)
    a = Users("ann")
    a.greet(), a.shout
    gone = weakref.ref(a)
    del a
    gc.collect()
    assert gone() is None
    assert Users("bob").greet() == "hi bob"  # perhaps at the same address


def test_an_object_without_weak_references(s):
    class Slotted:
        __slots__ = ("n",)

        @s.cached
        def f(self):
            return 1

        @s.cached(key=lambda self: self.n, prefix="g:")
        def g(self):
            return 2

    a = Slotted()
    a.n = 7
    with pytest.raises(TypeError, match="give key="):
        a.f()
    assert a.g() == s["g:7"] == 2


# ---- Stores ----


def test_closed(s):
    f = s.cached(lambda: 1)
    f()
    s.close()
    with pytest.raises(kevy.ClosedError):
        f()
    with pytest.raises(kevy.ClosedError):
        s.cached(lambda: 1)


def test_snapshot(s):
    f = s.cached(prefix="f:")(lambda x: x)
    f(1)
    with s.snapshot() as moment:
        g = moment.cached(prefix="f:", lock=True)(counted(lambda x: x))
        assert [g(1), g(2), g(2)] == [1, 2, 2]
        assert g.cache_info() == (1, 2, 0, 0, 0) and len(moment) == 1


def test_transaction(either):
    s = either
    f = s.cached(lock=True)(counted(lambda: 1))
    with pytest.raises(ZeroDivisionError), s.transaction():
        assert s.in_transaction
        f(), f()
        raise ZeroDivisionError
    assert not s.in_transaction
    assert f() == 1 and len(f.__wrapped__.calls) == 2


def test_nobody_waits_within_a_transaction(either):
    """Who is waited for could not write before the transaction's end."""
    s = either
    began, inside, go = threading.Event(), threading.Event(), threading.Event()

    @s.cached(lock=True)
    def f():
        began.set()
        inside.wait(20)
        return 1

    t = threading.Thread(target=f)
    t.start()
    began.wait(20)
    with s.transaction():
        inside.set()
        assert f() == 1
    t.join(20)
    assert not t.is_alive()


# ---- Callers that meet ----


def test_one_computes_for_all(either):
    f = either.cached(lock=True)(counted(lambda x: (time.sleep(0.05), x)[1]))
    assert at_once(*[lambda: f(5)] * 8) == [5] * 8
    assert len(f.__wrapped__.calls) == 1
    info = f.cache_info()
    assert info.misses == 1 and info.hits + info.shared == 7
    assert not f._flights and not f._running


def test_each_gets_a_value_of_its_own(s):
    f = s.cached(lock=True, codec="json")(lambda: time.sleep(0.05) or [1])
    results = at_once(*[f] * 4)
    assert results == [[1]] * 4 and len(set(map(id, results))) == 4


def test_the_exception_is_shared(s):
    @counted
    def fails():
        time.sleep(0.1)
        raise ZeroDivisionError

    f = s.cached(lock=True)(fails)
    results = at_once(*[f] * 4)
    assert {type(r) for r in results} == {ZeroDivisionError} and len(fails.calls) < 4
    assert not f._flights


def test_crossed_calls(s):
    """Each computes what the other waits for."""
    meet = threading.Barrier(2)
    first = threading.local()

    @s.cached(lock=True)
    def f(x):
        if not hasattr(first, "met"):
            first.met = meet.wait(20)
            return f(1 - x) + 1
        return 0

    for _ in range(5):
        assert {type(r) for r in at_once(lambda: f(0), lambda: f(1))} == {int}
        f.cache_clear()


def test_recursion_on_itself(s):
    deep = []

    @s.cached(lock=True)
    def f():
        deep.append(1)
        return 7 if len(deep) == 3 else f()

    assert f() == 7


def test_finalizers(s):
    """The collector runs at every allocation, and finds objects whose finalizers call the function."""

    @s.cached(lock=True)
    def f(x):
        return x

    class Cycle:
        def __init__(self, x):
            self.me, self.x = self, x

        def __del__(self):
            f(self.x % 3)
            f.invalidate(self.x % 3)

    before = gc.get_threshold()
    gc.set_threshold(1)
    try:

        def storm():
            for i in range(60):
                Cycle(i)
                assert f(i % 3) == i % 3
                f.invalidate(i % 3)

        assert at_once(storm, storm) == [None, None]
    finally:
        gc.set_threshold(*before)


def test_patience(s):
    began, go = threading.Event(), threading.Event()

    @s.cached(lock=0.05)
    def f():
        if not began.is_set():
            began.set()
            go.wait(20)
        return 1

    t = threading.Thread(target=f)
    t.start()
    began.wait(20)
    assert f() == 1
    go.set()
    t.join()


def test_fork(s):
    began, go = threading.Event(), threading.Event()

    @s.cached(lock=True)
    def f():
        if not began.is_set():
            began.set()
            go.wait(20)
        return 1

    t = threading.Thread(target=f)
    t.start()
    began.wait(20)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if f() == 1 else 1)
    go.set()
    t.join()
    assert os.waitpid(pid, 0)[1] == 0


# ---- Coroutines ----


def test_coroutines(s):
    calls = []

    @s.cached(ttl=60)
    async def f(x, y=2):
        calls.append(x)
        await asyncio.sleep(0)
        return x + y

    async def main():
        assert asyncio.iscoroutinefunction(f)
        return [await f(1), await f(x=1), await f(2)]

    assert asyncio.run(main()) == [3, 3, 4]
    assert calls == [1, 2] and f.cache_info()[:2] == (1, 2)
    assert f.invalidate(1) and f.cache_clear() == 1


def test_one_task_computes_for_all(s):
    calls = []

    @s.cached(lock=True)
    async def f(x):
        calls.append(x)
        await asyncio.sleep(0.01)
        return x

    async def main():
        return await asyncio.gather(*(f(i % 2) for i in range(10)))

    assert asyncio.run(main()) == [0, 1] * 5
    assert sorted(calls) == [0, 1] and f.cache_info().shared == 8
    f.cache_clear()
    calls.clear()
    results = at_once(*[lambda: asyncio.run(main())] * 3)
    assert results == [[0, 1] * 5] * 3
    assert not f._flights and not f._running


def test_a_task_that_is_cancelled_leaves_the_others(s):
    calls = []

    @s.cached(lock=True)
    async def f():
        calls.append(1)
        await asyncio.sleep(60 if len(calls) == 1 else 0)
        return 1

    async def main():
        tasks = [asyncio.ensure_future(f()) for _ in range(3)]
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())
    assert isinstance(results[0], asyncio.CancelledError) and results[1:] == [1, 1] and len(calls) == 2


def test_crossed_tasks(s):
    @s.cached(lock=True)
    async def f(x, depth=0):
        await asyncio.sleep(0.005)
        return await g(x) if s.incr("depth") < 3 else 0

    @s.cached(lock=True)
    async def g(x):
        await asyncio.sleep(0.005)
        return await f(x) if s.incr("depth") < 3 else 0

    async def main():
        return await asyncio.wait_for(asyncio.gather(f(1), g(1)), 20)

    assert asyncio.run(main()) == [0, 0]


def test_a_task_renews(s, clock):
    values = iter(range(9))
    told = []

    @s.cached(ttl=60, stale=30)
    async def f():
        await asyncio.sleep(0.001)
        value = next(values)
        return value if value < 2 else 1 / 0

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(type(context["exception"])))
        assert await f() == 0
        clock.advance(61)
        assert [await f(), await f()] == [0, 0]
        while f._running or await f() == 0:
            await asyncio.sleep(0.001)
        assert await f() == 1
        clock.advance(61)
        assert await f() == 1
        while not told:
            await asyncio.sleep(0.001)
        assert await f() == 1

    asyncio.run(main())
    assert told[0] is ZeroDivisionError


def test_document(capsys):
    """What docs/caching.md promises behind its lines is printed; "/" stands between lines."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "caching.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    namespace = {"__name__": "document"}
    for block in blocks:
        exec(block, namespace)
        promised = [line.split() for said in re.findall(r" # (.*)", block) for line in said.split(" / ")]
        assert [line.split() for line in capsys.readouterr().out.splitlines()] == promised
    namespace["s"].close()
