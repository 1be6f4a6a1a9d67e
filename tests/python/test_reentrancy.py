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
    "eq": lambda s, act: s == {k: ActingValue(act) for k in s},
    "eq mapping": lambda s, act: s == ActingUserDict(act),
    "items in": lambda s, act: ("k", ActingValue(act)) in s.items(),
    "values in": lambda s, act: ActingValue(act) in s.values(),
    "and": lambda s, act: s.keys() & acting(act, ["k"]),
}
VIEW_CALLS = {
    "hash update": lambda s, act: s.Hash("h").update(ActingKeys(act)),
    "hash pairs": lambda s, act: s.Hash("h").update(acting(act, [("k", 1), ("l", 2)])),
    "hash mget": lambda s, act: s.Hash("h").mget(acting(act, ["f1", "f2"])),
    "hash eq": lambda s, act: s.Hash("h") == {f: ActingValue(act) for f in s.Hash("h")},
    "hash eq mapping": lambda s, act: s.Hash("h") == ActingUserDict(act),
    "hash expire": lambda s, act: s.Hash("h").expire("f1", acting_delta(act), nx=Truth(act)),
    "hash items in": lambda s, act: ("f1", ActingValue(act)) in s.Hash("h").items(),
    "hash values in": lambda s, act: ActingValue(act, False) in s.Hash("h").values(),
    "hash keys and": lambda s, act: s.Hash("h").keys() & acting(act, ["f1"]),
    "list extend": lambda s, act: s.List("l").extend(acting(act, range(50))),
    "list iadd": lambda s, act: s.List("l").__iadd__(acting(act, range(50))),
    "list in": lambda s, act: ActingValue(act, False) in s.List("l"),
    "list index": lambda s, act: s.List("l").index(ActingValue(act)),
    "list count": lambda s, act: s.List("l").count(ActingValue(act)),
    "list remove": lambda s, act: s.List("l").remove(ActingValue(act)),
    "list eq": lambda s, act: s.List("l") == [ActingValue(act)] * 300,
    "list item": lambda s, act: s.List("l")[Index(act)],
    "list slice": lambda s, act: s.List("l")[Index(act):Index(act, 5)],
    "list set slice": lambda s, act: s.List("l").__setitem__(slice(Index(act), Index(act, 5), 2), acting(act, [1, 2, 3])),
    "list del slice": lambda s, act: s.List("l").__delitem__(slice(Index(act), Index(act, 9), Index(act, 2))),
    "list insert": lambda s, act: s.List("l").insert(Index(act), 5),
    "list pop": lambda s, act: s.List("l").pop(Index(act)),
    "list imul": lambda s, act: s.List("l").__imul__(Index(act, 2)),
    "list rotate": lambda s, act: s.List("l").rotate(Index(act, 2)),
    "set update": lambda s, act: s.Set("m").update(acting(act, "abc")),
    "set union": lambda s, act: s.Set("m").union(acting(act, "abc")),
    "set or": lambda s, act: s.Set("m") | {ActingMember(act), ActingMember(act)},
    "set and": lambda s, act: s.Set("m").__iand__({ActingMember(act), "m1"}),
    "set sub": lambda s, act: s.Set("m").difference_update(acting(act, ["m1", "m2"])),
    "set xor": lambda s, act: s.Set("m").symmetric_difference_update(acting(act, ["m1", "x"])),
    "set eq": lambda s, act: s.Set("m") <= {ActingMember(act), ActingMember(act)},
    "zset add": lambda s, act: s.ZSet("z").add(ActingKeys(act), changed=Truth(act)),
    "zset range": lambda s, act: s.ZSet("z").range(0, -1, rev=Truth(act), withscores=Truth(act, True)),
    "zset rank": lambda s, act: s.ZSet("z").rank("m1", rev=Truth(act)),
    "zset mget": lambda s, act: s.ZSet("z").mget(acting(act, ["m1", "m2"])),
    "zset eq": lambda s, act: s.ZSet("z") == {m: ActingValue(act) for m in s.ZSet("z")},
    "stream add": lambda s, act: s.Stream("x").add(ActingMapping(act), nomkstream=Truth(act)),
    "stream range": lambda s, act: s.Stream("x").range(rev=Truth(act)),
    "stream eq": lambda s, act: s.Stream("x") == [ActingValue(act)],
    "group create": lambda s, act: s.Stream("x").group("h").create(mkstream=Truth(act, True)),
    "group claim": lambda s, act: s.Stream("x").group("g").claim("c", "1-1", force=Truth(act), min_idle=acting_delta(act)),
    "assign list": lambda s, act: s.__setitem__("k", ActingList(act)),
    "assign dict": lambda s, act: s.update(acting(act, [("k", {"a": 1}), ("h", [1])])),
}
CALLS.update(VIEW_CALLS)


class ActingKeys:
    """A mapping that is no dict."""

    def __init__(self, act):
        self.act = act

    def keys(self):
        return acting(self.act, "kl")

    def __getitem__(self, key):
        self.act()
        return 1


class Index:
    def __init__(self, act, index=0):
        self.act, self.index = act, index

    def __index__(self):
        self.act()
        return self.index


class ActingMember:
    """Something that a set of Python's may hold, and no set of kevy's."""

    def __init__(self, act):
        self.act, self.ready = act, False

    def __hash__(self):
        if self.ready:
            self.act()
        self.ready = True
        return 5

    def __eq__(self, other):
        return self is other


class ActingList(list):
    def __init__(self, act):
        super().__init__([1, 2])
        self.act = act

    def __iter__(self):
        return acting(self.act, [1, 2])


def fill(s):
    """A key of every type, beside what the calls on strings use."""
    s.update(k="v", big=b"x" * 100_000, h={f"f{i}": "v" * 20 for i in range(300)}, l=[*range(300)], m={f"m{i}" for i in range(300)})
    s.delete("z", "x")
    s.ZSet("z").update({f"m{i}": i for i in range(300)})
    s.Stream("x").add({"a": 1}, "1-1")
    s.Stream("x").group("g").create(0)


def acting_delta(act):
    return type("Acting", (Delta,), {"act": staticmethod(act)})(seconds=5)


def acting(act, things):
    for thing in things:
        act()
        yield thing


class ActingValue:
    def __init__(self, act, equal=True):
        self.act, self.equal = act, equal

    def __eq__(self, other):
        self.act()
        return self.equal

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
        fill(s)
        try:
            CALLS[name](s, s.close)
        except kevy.ClosedError:
            pass
        assert s.closed


@pytest.mark.parametrize("name", CALLS)
def test_changing_in_the_middle(name):
    for s in stores():
        fill(s)
        turns = iter(range(10))

        def act():
            if next(turns, None) is None:
                return
            s.clear()
            s.update({str(i): "y" * 200 for i in range(300)})
            s.update(k="w", big="z" * 50_000, h={"f1": 1}, l=[5], m={"m1"})
            s.Stream("x").add({"b": 1})
            s.get("k"), s.command("GET", "big"), list(s.items())

        try:
            CALLS[name](s, act)
        except (LookupError, ValueError, kevy.CommandError):
            pass
        assert len(s) >= 300
        s.close()


@pytest.mark.parametrize("name", CALLS)
def test_exceptions_in_the_middle(name):
    def act():
        raise ZeroDivisionError

    for s in stores():
        fill(s)
        with pytest.raises(ZeroDivisionError):
            CALLS[name](s, act)
        assert s["k"] == "v" and s.ttl("k") is None and len(s["h"]) == len(s["l"]) == len(s["m"]) == len(s["z"]) == 300
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
            if s.type("l") == "list":
                s.List("l").append("f"), s.List("l")[:5]
            Finalizer.ran += 1


def use_views(s):
    """What makes containers of Python's, during which garbage is collected."""
    fill(s)
    h, l, m, z, x = s.Hash("h"), s.List("l"), s.Set("m"), s.ZSet("z"), s.Stream("x")
    dict(h.items()), h.mget(["f1", "f2"]), h.popitem(), h.update(a=1), h == {"a": 1}, list(h.values())
    list(l), l[::3], l.__setitem__(slice(0, 9, 2), [1] * 5), l.rotate(5), l.reverse(), l + [1], l.count(5), l.pop(7), l.__delitem__(slice(0, 9, 2))
    set(m), m & {"m1"}, m | m, m.__ixor__({"m1", "x"}), m.pop(), m.random(5)
    dict(z), z.range(withscores=True), z.pop_min(3), z.mget(["m9"]), list(reversed(z)), z.add({"x": 1})
    list(x), x.info(), x.group("g").read("c"), x.group("g").pending(), x.add({"a": 1})
    s.pop("h"), s.pop("l"), s.pop("m"), s.pop("z"), s.pop("x")


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
                if i % 10 == 0:
                    use_views(s)
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
                        lambda s: s.popitem(), lambda s: s["missing"], lambda s: s.command("NOPE"), use_views):
                for _ in range(3):
                    s = make()
                    s.update({str(i): i for i in range(50)}, k="v")
                    Closer(s)
                    try:
                        use(s)
                    except (kevy.ClosedError, kevy.CommandError, LookupError):
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
