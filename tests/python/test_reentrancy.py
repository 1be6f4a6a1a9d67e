"""Code of the user that runs in the middle of a call: it may use the store, change it, or close it."""

import collections
import datetime
import gc
import random
import threading

import kevy
import pytest


class Truth:
    """A flag whose truth is asked for during the call."""

    def __init__(self, act, truth=False):
        self.act, self.truth = act, truth

    def __bool__(self):
        self.act()
        return self.truth


class Delta(datetime.timedelta):
    act = None

    @property
    def days(self):
        type(self).act()
        return super().days


CALLS = {
    "set": lambda s, act: s.set("k", "v", nx=Truth(act)),
    "set_get": lambda s, act: s.set("k", "v", get=Truth(act, True)),
    "ttl": lambda s, act: s.set("k", "v", ttl=acting_delta(act)),
    "expire": lambda s, act: s.expire("k", 5, gt=Truth(act)),
    "expire delta": lambda s, act: s.expire("k", acting_delta(act)),
    "rename": lambda s, act: s.rename("k", "l", nx=Truth(act)),
    "copy": lambda s, act: s.copy("k", "l", replace=Truth(act)),
    "mget": lambda s, act: s.mget(acting(act, ["k", "big", "nope"])),
    "update pairs": lambda s, act: s.update(acting(act, [("k", 1), ("l", 2)])),
    "update keys": lambda s, act: s.update(ActingMapping(act)),
    "mset": lambda s, act: s.mset(ActingMapping(act)),
    "eq": lambda s, act: s == {"k": ActingValue(act), "big": ActingValue(act)},
    "eq mapping": lambda s, act: s == ActingUserDict(act),
    "items in": lambda s, act: ("k", ActingValue(act)) in s.items(),
    "values in": lambda s, act: ActingValue(act) in s.values(),
    "and": lambda s, act: s.keys() & acting(act, ["k"]),
}


def acting_delta(act):
    return type("Acting", (Delta,), {"act": staticmethod(act)})(seconds=5)


def acting(act, things):
    for thing in things:
        act()
        yield thing


class ActingValue:
    def __init__(self, act):
        self.act = act

    def __eq__(self, other):
        self.act()
        return True

    __hash__ = object.__hash__


class ActingMapping(dict):
    def __init__(self, act):
        super().__init__(k=1, l=2)
        self.act = act

    def keys(self):
        return acting(self.act, super().keys())

    def items(self):
        return acting(self.act, super().items())


class ActingUserDict(collections.UserDict):
    def __init__(self, act):
        super().__init__(k=1, l=2)
        self.act = act

    def items(self):
        return acting(self.act, super().items())


def stores():
    return kevy.Store(), kevy.open("mem://reentrant")


@pytest.mark.parametrize("name", CALLS)
def test_closing_in_the_middle(name):
    for s in stores():
        s.update(k="v", big=b"x" * 100_000)
        try:
            CALLS[name](s, s.close)
        except kevy.ClosedError:
            pass
        assert s.closed


@pytest.mark.parametrize("name", CALLS)
def test_changing_in_the_middle(name):
    for s in stores():
        s.update(k="v", big=b"x" * 100_000)

        def act():
            s.clear()
            s.update({str(i): "y" * 200 for i in range(300)})
            s.update(k="w", big="z" * 50_000)
            s.get("k"), s.command("GET", "big"), list(s.items())

        try:
            CALLS[name](s, act)
        except KeyError:
            pass
        assert len(s) >= 300
        s.close()


@pytest.mark.parametrize("name", CALLS)
def test_exceptions_in_the_middle(name):
    def act():
        raise ZeroDivisionError

    for s in stores():
        s.update(k="v", big=b"x" * 100_000)
        with pytest.raises(ZeroDivisionError):
            CALLS[name](s, act)
        assert s["k"] == "v" and s.ttl("k") is None
        s.close()


def test_the_argument_that_is_resized():
    """A bytearray that is in use cannot be resized under the call."""
    with kevy.Store() as s:
        value = bytearray(b"x" * 1000)

        def act():
            value.extend(b"y" * 100_000)

        s.set("k", value, nx=Truth(act))
        assert s["k"] == bytes(value)
        s.mget([bytearray(b"k")] * 100)
        value.clear()
        released = memoryview(b"abc")
        released.release()
        with pytest.raises(ValueError):
            s["k"] = released
        with pytest.raises(ValueError):
            s.get(released)


class Finalizer:
    """Garbage whose finalizer uses the store."""

    ran = 0

    def __init__(self, s):
        self.s, self.me = s, self

    def __del__(self):
        s = self.s
        if not s.closed:
            s.set("finalizer", "x" * random.randrange(300))
            s.get("k"), s.delete("other"), s.command("MGET", "k", "big"), list(s.keys())
            Finalizer.ran += 1


def test_finalizers_that_call_back():
    for s in stores():
        Finalizer.ran = 0
        s.update(k="v", big=b"x" * 100_000)
        thresholds = gc.get_threshold()
        gc.set_threshold(1)
        try:
            for i in range(300):
                Finalizer(s)
                s.mget(["k", "big", "finalizer"])
                list(s.items()), s.info(), s.stats()
                s.command("MGET", "k", "big", "finalizer"), s.command("COMMAND", "DOCS", "get")
                with pytest.raises(KeyError):
                    s["missing"]
                with pytest.raises(kevy.NotIntegerError):
                    s.incr("k")
                s.set(memoryview(b"other"), memoryview(b"abcdef")[::2], get=True)
                s.mset({"a": 1, "b": bytearray(b"y")})
                s.popitem(), s.snapshot(), s.view("k") if "k" in s else None
                s.update(k="v", big=b"x" * 100_000)
            gc.collect()
        finally:
            gc.set_threshold(*thresholds)
        assert Finalizer.ran >= 300
        s.close()


def test_finalizers_that_close():
    class Closer:
        def __init__(self, s):
            self.s, self.me = s, self

        def __del__(self):
            self.s.close()

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for make in (kevy.Store, lambda: kevy.open("mem://closer")):
            for use in (lambda s: list(s.items()), lambda s: s.mget(["k"] * 50), lambda s: s.command("KEYS", "*"),
                        lambda s: s.info(), lambda s: s == {"k": 1}, lambda s: s.snapshot().get("k"),
                        lambda s: bytes(s.view("k")), lambda s: s.update({"a": 1}), lambda s: s.keys() | {"z"},
                        lambda s: s.popitem(), lambda s: s["missing"], lambda s: s.command("NOPE")):
                for _ in range(3):
                    s = make()
                    s.update({str(i): i for i in range(50)}, k="v")
                    Closer(s)
                    try:
                        use(s)
                    except (kevy.ClosedError, kevy.CommandError, KeyError):
                        pass
                    del s
                    gc.collect()
    finally:
        gc.set_threshold(*thresholds)


def test_a_lock_held_by_another_thread_does_not_hold_the_gil_hostage():
    """Threads that use one named store while the others' finalizers use it too: nobody waits for ever."""
    s = kevy.open("mem://hostage")
    s.update(k="v", big=b"x" * 100_000)

    def work():
        for _ in range(200):
            Finalizer(s)
            s.mget(["k", "big"]), s.command("MGET", "k", "big"), list(s)
            gc.collect(0)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not any(t.is_alive() for t in threads)
    s.close()
