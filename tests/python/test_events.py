"""on_expire and on_evict: what is told, when, and what may be done about it."""

import gc
import sys
import threading
import weakref

import kevy
import pytest


@pytest.fixture
def told(s, clock):
    events = []
    s.on_expire(lambda *what: events.append(what))
    return events


def test_what_expires_is_told_by_the_next_call(s, clock, told):
    s.set("a", 1, ttl=1)
    s.set(b"b", 2, ttl=2)
    s.Hash("h")["f"] = 1
    s.expire("h", 1)
    s["stays"] = 1
    clock.advance(1)
    assert s.get("a") is None and s.tick() in (0, 1)
    assert sorted(told) == [("a", "string"), ("h", "hash")]
    told.clear()
    clock.advance(1)
    s.set("b", 3)  # what takes its place came after it went
    s.delete("stays")
    assert told == [(b"b", "string")] or told == []
    s.tick()
    assert told == [(b"b", "string")]


def test_what_is_deleted_is_not_told(s, clock, told):
    for ttl in (None, 5):
        s.set("a", 1, ttl=ttl)
        s.delete("a")
        s.set("a", 1, ttl=ttl)
        s.set("a", 2)
        s.rename("a", "b")
        s.command("EXPIRE", "b", -1)
        s.set("a", 1, ttl=ttl)
        s.clear()
    clock.advance(10)
    s.tick()
    assert told == []


@pytest.mark.parametrize("value", ["text", b"bytes", "", 5, -(1 << 63), 2.5, "x" * 65536], ids=lambda v: repr(v)[:20])
def test_values(s, clock, value):
    events = []
    s.on_expire(lambda *what: events.append(what), value=True)
    s.set("k", value, ttl=1)
    clock.advance(1)
    s.tick()
    assert events == [("k", "string", value)] and type(events[0][2]) is type(value)


def test_values_that_are_not_told(s, clock):
    events = []
    s.on_expire(lambda *what: events.append(what), value=True)
    s.set("long", "x" * 65537, ttl=1)
    s["list"] = [1, 2]
    s.expire("list", 1)
    clock.advance(1)
    s.tick()
    assert sorted(events) == [("list", "list", None), ("long", "string", None)]


def test_listeners_come_and_go(s, clock, told):
    @s.on_expire
    def second(key, type):
        told.append("second")

    s.set("a", 1, ttl=1)
    clock.advance(1)
    s.tick()
    assert told == ["second"]
    assert s.on_expire(None) is None
    s.set("a", 1, ttl=1)
    clock.advance(1)
    s.tick()
    assert told == ["second"]
    for wrong in (5, "x"):
        with pytest.raises(TypeError):
            s.on_expire(wrong)
    with s.snapshot() as moment, pytest.raises(kevy.Error):
        moment.on_expire(print)
    with s.transaction(), pytest.raises(kevy.TransactionError):
        s.on_evict(print)


def expire_some(s, clock, n=3):
    for i in range(n):
        s.set(f"k{i}", i, ttl=1)
    clock.advance(1)
    s.tick()


def test_a_listener_that_raises(s, clock, monkeypatch):
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: raised.append(what.exc_type))
    s.on_expire(lambda key, type: 1 / 0)
    expire_some(s, clock)
    assert raised == [ZeroDivisionError] * 3
    s.on_expire(lambda: None)
    expire_some(s, clock)
    assert raised[3:] == [TypeError] * 3


def test_a_listener_that_writes(s, clock):
    seen = []

    def again(key, type):
        seen.append(key)
        s.set(key, "again", ttl=1)
        s.set("other", s.get("other", 0) + 1)
        assert s.tick() == 0

    s.on_expire(again)
    expire_some(s, clock)
    assert sorted(seen) == ["k0", "k1", "k2"] and s["other"] == 3 and s["k0"] == "again"
    clock.advance(1)
    s.tick()
    assert len(seen) == 6


def test_a_listener_that_closes(s, clock):
    s.on_expire(lambda key, type: s.close())
    for i in range(3):
        s.set(f"k{i}", i, ttl=1)
    clock.advance(1)
    assert s.tick() >= 0
    with pytest.raises(kevy.ClosedError):
        s.tick()


def test_the_call_goes_on_after_it(s, clock, told):
    """A call that begins with telling finds what the listener left."""
    s.on_expire(lambda key, type: s.set("new", key))
    s.set("a", 1, ttl=1)
    clock.advance(1)
    assert s.get("a") is None
    assert s.get("new") == "a"
    s.set("b", 1, ttl=1)
    clock.advance(1)
    assert s.get("b") is None
    s.on_expire(lambda key, type: s.close())
    with pytest.raises(kevy.ClosedError):
        s.set("c", 1, ttl=1)
        clock.advance(1)
        s.get("c"), s.get("c")


def test_transactions(s, clock, told):
    s.set("a", 1, ttl=1)
    s.set("b", 1, ttl=1)
    clock.advance(1)
    with pytest.raises(ZeroDivisionError), s.transaction():
        assert s.get("a") is None
        s.set("b", 2)
        s.get("x")
        assert told == []
        raise ZeroDivisionError
    s.tick()
    assert sorted(told) == [("a", "string"), ("b", "string")]
    told.clear()
    s.set("c", 1, ttl=1)
    clock.advance(1)
    with s.transaction():
        s.set("c", 2)
        s.get("x")
        assert told == []
    s.get("x")
    assert told == [("c", "string")]


def test_many_are_told_in_batches(s, clock, told):
    for i in range(2000):
        s.set(f"k{i}", i, ttl=1)
    clock.advance(1)
    while s.tick(1.0) or len(told) < 2000:
        assert s.events_missed == 0
    assert sorted(told) == sorted((f"k{i}", "string") for i in range(2000))


def test_what_finds_no_room_is_missed(s, clock):
    s.on_expire(lambda key, type: None)
    for i in range(300):
        s.set(f"{i:0>5000}", 1, ttl=1)
    clock.advance(1)
    with s.transaction():  # nothing is told meanwhile
        for i in range(300):
            s.set(f"{i:0>5000}", 1)
        assert 60 < s.events_missed < 120
    assert s.events_missed > 0
    s.on_expire(None)
    assert s.events_missed == 0


def test_what_is_evicted_is_told():
    with kevy.Store(maxmemory=500_000, policy="allkeys-random") as s:
        told = []
        s.on_evict(lambda *what: told.append(what), value=True)
        for i in range(5000):
            s.set(f"k{i}", f"{i:0>100}")
        evicted = s.stats()["evicted"]
        while len(told) + s.events_missed < evicted:
            s.tick()
        assert evicted == len(told) > 100
        assert all(what == (what[0], "string", f"{what[0][1:]:0>100}") for what in told)
        assert sorted({key for key, _, _ in told} | set(s)) == sorted(f"k{i}" for i in range(5000))
        assert len(s) + len(told) == 5000


def test_what_is_evicted_may_be_put_back():
    """A listener that writes evicts others: that is told later, and ends when it stops."""
    with kevy.Store(maxmemory=300_000, policy="allkeys-lru") as s:
        again = []

        def listener(key, type, value):
            if len(again) < 300:
                again.append(key)
                s.set("again:" + key, value)

        s.on_evict(listener, value=True)
        for i in range(3000):
            s.set(f"k{i}", "x" * 100)
        for _ in range(50):
            s.tick()
        assert len(again) == 300 and s.used_memory <= 300_000


def test_threads(clock, either):
    s, told = either, []
    s.on_expire(lambda key, type: told.append(key))

    def work(n):
        for i in range(200):
            s.set(f"{n}:{i}", 1, ttl=0.05)
            s.get("x")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    s._debug_clock(1 << 42)
    while len(told) < 600:
        s.tick(1.0)
    assert len(set(told)) == len(told) == 600


def test_a_listener_in_a_cycle_is_collected():
    s = kevy.Store()

    class Owner:
        pass

    owner = Owner()
    owner.s = s
    s.on_expire(lambda key, type: owner)
    gone = weakref.ref(owner)
    del s, owner
    gc.collect()
    assert gone() is None


def test_tick(s, clock):
    for i in range(500):
        s.set(f"k{i}", 1, ttl=1)
    clock.advance(1)
    n = 0
    while len(s):
        n += s.tick(0.01)
    assert n <= 500
    for wrong, error in ((0, ValueError), (-1, ValueError), (float("nan"), ValueError), ("x", TypeError)):
        with pytest.raises(error):
            s.tick(wrong)
