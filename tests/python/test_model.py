"""A Store against a model: a dict of values with deadlines, and a clock moved by hand.

Hypothesis chooses calls, keys, values, times and steps of the clock, and holds snapshots and half-read
iterators for a while; after every step the store says what the model says."""

import os

import kevy
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

KEY_LIST = ["a", "b", "é", "user:1", "user:2", "k" * 100, b"\xff", b"raw", ""]
KEYS = st.sampled_from(KEY_LIST)
INTS = st.one_of(st.integers(-5, 5), st.integers(-(1 << 63), (1 << 63) - 1))
VALUES = st.one_of(INTS, st.floats(allow_nan=False), st.text(max_size=30), st.binary(max_size=30),
                   st.sampled_from([5000, 200_000]).map(bytes), st.just(3000).map(lambda n: "é" * n))
TTLS = st.one_of(st.none(), st.integers(1, 20), st.sampled_from([0.001, 0.5, 1.25]))


def same(a, b):
    return a == b and type(a) is type(b)


class Model(RuleBasedStateMachine):
    @initialize(url=st.sampled_from(["mem://", "mem://model"]))
    def open(self, url):
        self.store = kevy.open(url)
        self.store.clear()
        self.now = 1_700_000_000_000
        self.store._debug_clock(self.now)
        self.values, self.deadlines, self.frozen = {}, {}, []

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()

    # ---- the model ----

    def expire(self):
        for key in [k for k, d in self.deadlines.items() if d <= self.now]:
            self.forget(key)

    def forget(self, key):
        self.deadlines.pop(key, None)
        return self.values.pop(key, None)

    def put(self, key, value, ttl=None, keep=False):
        self.values[key] = value
        if ttl is not None:
            self.deadlines[key] = self.now + round(ttl * 1000)
        elif not keep:
            self.deadlines.pop(key, None)

    # ---- calls ----

    @rule(key=KEYS, value=VALUES)
    def setitem(self, key, value):
        self.store[key] = value
        self.put(key, value)

    @rule(key=KEYS, value=VALUES, ttl=TTLS, nx=st.booleans(), xx=st.booleans(), keep=st.booleans(), get=st.booleans())
    def set(self, key, value, ttl, nx, xx, keep, get):
        nx, keep = nx and not xx, keep and ttl is None
        old = self.values.get(key)
        done = not (nx and key in self.values) and not (xx and key not in self.values)
        got = self.store.set(key, value, ttl, nx=nx, xx=xx, keepttl=keep, get=get)
        assert same(got, old) if get else got is done
        if done:
            self.put(key, value, ttl, keep)

    @rule(key=KEYS)
    def get(self, key):
        marker = object()
        got = self.store.get(key, marker)
        assert got is marker if key not in self.values else same(got, self.values[key])
        assert (key in self.store) is (key in self.values)

    @rule(key=KEYS, how=st.sampled_from(["del", "pop", "getdel", "delete"]))
    def remove(self, key, how):
        there, value = key in self.values, self.forget(key)
        if how == "del":
            try:
                del self.store[key]
                assert there
            except KeyError:
                assert not there
        elif how == "delete":
            assert self.store.delete(key) == there
        else:
            got = self.store.pop(key, None) if how == "pop" else self.store.getdel(key)
            assert same(got, value)

    @precondition(lambda self: self.values)
    @rule()
    def popitem(self):
        key, value = self.store.popitem()
        assert key not in self.store and same(value, self.values[key])
        self.store[key] = value  # which key it is differs from run to run, which hypothesis must not see
        if key in self.deadlines:
            self.store.expire_at(key, self.deadlines[key] / 1000)

    @rule(key=KEYS, by=st.one_of(INTS, st.sampled_from([0.5, -2.25])))
    def incr(self, key, by):
        held = self.values.get(key, 0)
        if not (type(held) is int and type(by) is int):
            return
        total = held + by
        try:
            assert self.store.incr(key, by) == total
            self.put(key, total, keep=True)
        except kevy.CounterOverflowError:
            assert not -(1 << 63) <= total < 1 << 63

    @rule(key=KEYS, tail=st.one_of(st.text(max_size=20), st.binary(max_size=20), st.just(3000).map(bytes)))
    def append(self, key, tail):
        held = self.values.get(key, type(tail)())
        if isinstance(held, (int, float)):
            return
        if type(held) is not type(tail):
            raw = [v.encode() if isinstance(v, str) else v for v in (held, tail)]
            held, tail_part = raw
        else:
            tail_part = tail
        total = held + tail_part
        size = len(total.encode() if isinstance(total, str) else total)
        assert self.store.append(key, tail) == size
        self.put(key, total, keep=True)

    @rule(data=st.dictionaries(KEYS, VALUES, max_size=5), ttl=TTLS)
    def mset(self, data, ttl):
        self.store.mset(data, ttl)
        for key, value in data.items():
            self.put(key, value, ttl)

    @rule(keys=st.lists(KEYS, max_size=6))
    def mget(self, keys):
        got = self.store.mget(keys)
        assert all(same(g, self.values.get(k)) for g, k in zip(got, keys)) and len(got) == len(keys)

    @rule(key=KEYS, to=KEYS, nx=st.booleans())
    def rename(self, key, to, nx):
        try:
            done = self.store.rename(key, to, nx=nx)
        except KeyError:
            assert key not in self.values
            return
        assert done is (to not in self.values if nx else None)
        if done is not False and key != to:
            deadline = self.deadlines.get(key)
            self.put(to, self.forget(key))
            if deadline is not None:
                self.deadlines[to] = deadline

    @rule(key=KEYS, to=KEYS, replace=st.booleans())
    def copy(self, key, to, replace):
        if key == to:
            return
        done = self.store.copy(key, to, replace=replace)
        assert done is (key in self.values and (replace or to not in self.values))
        if done:
            self.put(to, self.values[key])
            if key in self.deadlines:
                self.deadlines[to] = self.deadlines[key]

    # ---- time ----

    @rule(key=KEYS, ttl=st.integers(1, 20), condition=st.sampled_from(["", "nx", "xx", "gt", "lt"]))
    def set_ttl(self, key, ttl, condition):
        deadline, held = self.now + ttl * 1000, self.deadlines.get(key)
        allowed = {"": True, "nx": held is None, "xx": held is not None,
                   "gt": held is not None and deadline > held, "lt": held is None or deadline < held}[condition]
        done = self.store.expire(key, ttl, **({condition: True} if condition else {}))
        assert done is (key in self.values and allowed)
        if done:
            self.deadlines[key] = deadline

    @rule(key=KEYS)
    def persist(self, key):
        assert self.store.persist(key) is (self.deadlines.pop(key, None) is not None)

    @rule(seconds=st.sampled_from([0.001, 0.5, 1, 3, 10, 100]))
    def time_passes(self, seconds):
        self.now += round(seconds * 1000)
        self.store._debug_clock(self.now)
        self.expire()

    # ---- moments ----

    @rule()
    def freeze(self):
        moment = dict(self.values)
        iterator, items = iter(self.store), iter(self.store.items())
        if moment:
            first = next(iterator)
            assert first in moment
            self.frozen.append((iterator, moment, lambda it, rest=(first,): dict.fromkeys([*rest, *it])))
        self.frozen.append((items, moment, lambda it: dict(it)))
        self.frozen.append((self.store.snapshot(), moment, lambda snap: dict(snap.items())))

    @precondition(lambda self: self.frozen)
    @rule(pick=st.randoms(use_true_random=False))
    def thaw(self, pick):
        held, moment, read = self.frozen.pop(pick.randrange(len(self.frozen)))
        got = read(held)
        assert got.keys() == moment.keys()
        assert all(v is None or same(v, moment[k]) for k, v in got.items())

    @rule()
    def clear(self):
        self.store.clear()
        self.values.clear()
        self.deadlines.clear()

    # ---- what always holds ----

    @invariant()
    def the_same(self):
        if not hasattr(self, "store"):
            return
        assert dict(self.store.items()).keys() == self.values.keys()
        assert all(same(v, self.values[k]) for k, v in self.store.items())
        # A slice ends behind a large value that is due: len may count what waits for the next one.
        assert any(len(self.store) == len(self.values) for _ in range(len(KEY_LIST) + 1))
        for key in self.values:
            deadline = self.deadlines.get(key)
            assert self.store.ttl(key) == (None if deadline is None else (deadline - self.now) / 1000)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=int(os.environ.get("KEVY_MODEL_EXAMPLES", "40")), stateful_step_count=50,
                              deadline=None, print_blob=True,
                              derandomize="KEVY_MODEL_EXAMPLES" not in os.environ,
                              suppress_health_check=[HealthCheck.too_slow])
