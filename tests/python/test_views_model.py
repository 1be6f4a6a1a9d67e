"""Views against models: a dict, a list, a set, and a dict that is sorted by score.

Hypothesis chooses calls on both, at sizes on either side of where a collection changes its form, and holds
snapshots and half-read iterators for a while; after every step the view says what the model says."""

import collections
import os

import kevy
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

INTS = st.one_of(st.integers(-5, 5), st.integers(-(1 << 63), (1 << 63) - 1))
VALUES = st.one_of(INTS, st.floats(allow_nan=False), st.text(max_size=20), st.binary(max_size=20),
                   st.sampled_from([70, 700, 5000]).map(bytes))
NAMES = st.one_of(st.integers(0, 9), st.sampled_from(["a", "b", "é", "", "field", "x" * 100]), st.binary(max_size=2).map(lambda b: b"\xff" + b))
BULK = st.sampled_from([0, 1, 3, 100, 300, 1000])
SCORES = st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=False).map(lambda f: f + 0.0))


def same(a, b):
    return a == b and type(a) is type(b)


class Machine(RuleBasedStateMachine):
    """A view, a model of it, and moments of both."""

    name = model_type = None

    @initialize(url=st.sampled_from(["mem://", "mem://views-model"]))
    def open(self, url):
        self.store = kevy.open(url)
        self.store.clear()
        self.view = getattr(self.store, self.name)("k")
        self.model = self.model_type()
        self.frozen = []

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()

    def content(self, view):
        return self.model_type(view)

    @rule()
    def freeze(self):
        moment = self.content(self.model)
        self.frozen.append((getattr(self.store.snapshot(), self.name)("k"), moment))

    @precondition(lambda self: self.frozen)
    @rule(pick=st.randoms(use_true_random=False))
    def thaw(self, pick):
        view, moment = self.frozen.pop(pick.randrange(len(self.frozen)))
        assert self.content(view) == moment and len(view) == len(moment)

    @rule()
    def clear(self):
        self.view.clear()
        self.model.clear()

    @rule()
    def copy(self):
        self.store["copy"] = self.view
        self.view.clear()
        self.store["k"] = getattr(self.store, self.name)("copy")
        self.store.delete("copy")

    @invariant()
    def agree(self):
        if hasattr(self, "store"):
            assert self.content(self.view) == self.model and len(self.view) == len(self.model)
            assert ("k" in self.store) is bool(self.model) and self.view == self.model


class HashModel(Machine):
    name, model_type = "Hash", dict

    @rule(field=NAMES, value=VALUES)
    def set(self, field, value):
        self.view[field] = value
        self.model[field] = value

    @rule(n=BULK, value=VALUES)
    def update(self, n, value):
        fields = {f"bulk {i}": value for i in range(n)}
        self.view.update(fields)
        self.model.update(fields)

    @rule(n=BULK)
    def remove_bulk(self, n):
        for i in range(n):
            assert same(self.view.pop(f"bulk {i}", None), self.model.pop(f"bulk {i}", None))

    @rule(field=NAMES)
    def get(self, field):
        assert same(self.view.get(field, "no"), self.model.get(field, "no")) and (field in self.view) is (field in self.model)

    @rule(field=NAMES, how=st.sampled_from(["del", "pop"]))
    def remove(self, field, how):
        if how == "pop":
            assert same(self.view.pop(field, None), self.model.pop(field, None))
            return
        try:
            del self.view[field]
            assert field in self.model
            del self.model[field]
        except KeyError:
            assert field not in self.model

    @rule(field=NAMES, value=VALUES)
    def setdefault(self, field, value):
        assert same(self.view.setdefault(field, value), self.model.setdefault(field, value))

    @precondition(lambda self: self.model)
    @rule()
    def popitem(self):
        field, value = self.view.popitem()
        assert same(value, self.model[field])
        self.view[field] = value  # which field it is differs from run to run, which hypothesis must not see

    @rule(field=NAMES, by=INTS)
    def incr(self, field, by):
        held = self.model.get(field, 0)
        if type(held) is int and -(1 << 63) <= held + by < 1 << 63:
            assert self.view.incr(field, by) == held + by
            self.model[field] = held + by

    @rule(fields=st.lists(NAMES, max_size=5))
    def mget(self, fields):
        assert all(same(a, b) for a, b in zip(self.view.mget(fields), map(self.model.get, fields)))

    @rule(fields=st.dictionaries(NAMES, VALUES, max_size=4))
    def replace(self, fields):
        self.store["k"] = fields
        self.model = dict(fields)


class ListModel(Machine):
    name, model_type = "List", list
    where = st.one_of(st.integers(-5, 5), st.integers(-400, 400))
    bound = st.one_of(st.none(), where)

    @rule(value=VALUES, left=st.booleans())
    def push(self, value, left):
        (self.view.appendleft if left else self.view.append)(value)
        self.model.insert(0 if left else len(self.model), value)

    @rule(values=st.lists(VALUES, max_size=4), n=BULK, left=st.booleans())
    def extend(self, values, n, left):
        values = values + [*range(n)]
        (self.view.extendleft if left else self.view.extend)(values)
        self.model[0 if left else len(self.model):0 if left else len(self.model)] = values[::-1] if left else values

    @rule(where=where, how=st.sampled_from(["get", "pop", "del", "left"]))
    def one(self, where, how):
        where = 0 if how == "left" else where
        calls = {"get": lambda v: v[where], "pop": lambda v: v.pop(where), "del": lambda v: v.__delitem__(where),
                 "left": lambda v: v.popleft() if v is self.view else v.pop(0)}
        try:
            expected = calls[how](self.model)
        except IndexError:
            expected = IndexError
        try:
            assert same(calls[how](self.view), expected)
        except IndexError:
            assert expected is IndexError

    @rule(where=where, value=VALUES)
    def insert(self, where, value):
        self.view.insert(where, value)
        self.model.insert(where, value)

    @rule(where=where, value=VALUES)
    def set(self, where, value):
        if -len(self.model) <= where < len(self.model):
            self.view[where] = value
            self.model[where] = value

    @rule(start=bound, stop=bound, step=st.sampled_from([None, 1, 2, 7, -1, -3]))
    def slice(self, start, stop, step):
        assert self.view[start:stop:step] == self.model[start:stop:step]

    @rule(start=bound, stop=bound, values=st.lists(VALUES, max_size=4), n=BULK)
    def set_slice(self, start, stop, values, n):
        values = values + [*range(n)]
        self.view[start:stop] = values
        self.model[start:stop] = values

    @rule(start=bound, stop=bound, step=st.sampled_from([2, 7, -1, -3]), value=VALUES)
    def set_extended(self, start, stop, step, value):
        values = [value] * len(self.model[start:stop:step])
        self.view[start:stop:step] = values
        self.model[start:stop:step] = values

    @rule(start=bound, stop=bound, step=st.sampled_from([None, 1, 2, 7, -1, -3]))
    def del_slice(self, start, stop, step):
        del self.view[start:stop:step]
        del self.model[start:stop:step]

    @rule(value=VALUES)
    def find(self, value):
        assert self.view.count(value) == self.model.count(value) and (value in self.view) is (value in self.model)
        if value in self.model:
            assert self.view.index(value) == self.model.index(value)
            self.view.remove(value)
            self.model.remove(value)

    @rule(n=st.integers(-500, 500))
    def rotate(self, n):
        mirror = collections.deque(self.model)
        mirror.rotate(n)
        self.view.rotate(n)
        self.model = list(mirror)

    @rule(first=where, last=where)
    def trim(self, first, last):
        n = len(self.model)
        low, high = (max(first + n, 0) if first < 0 else first), (last + n if last < 0 else last)
        self.view.trim(first, last)
        self.model = self.model[low:max(high + 1, 0)]

    @rule()
    def reverse(self):
        self.view.reverse()
        self.model.reverse()
        assert list(reversed(self.view)) == self.model[::-1]


class SetModel(Machine):
    name, model_type = "Set", set
    members = st.sets(NAMES, max_size=4)

    @rule(member=NAMES)
    def add(self, member):
        self.view.add(member)
        self.model.add(member)
        assert member in self.view

    @rule(member=NAMES)
    def discard(self, member):
        assert (member in self.view) is (member in self.model)
        self.view.discard(member)
        self.model.discard(member)

    @rule(members=members, n=BULK, op=st.sampled_from(["|", "&", "-", "^"]))
    def change(self, members, n, op):
        members = members | {*range(10, 10 + n)}
        view = self.view
        if op == "|":
            view |= members
            self.model |= members
        elif op == "&":
            view &= members
            self.model &= members
        elif op == "-":
            view -= members
            self.model -= members
        else:
            view ^= members
            self.model ^= members

    @rule(members=members, n=BULK)
    def combine(self, members, n):
        members = members | {*range(10, 10 + n)}
        self.store["other"] = members
        for other in (members, self.store.Set("other")):
            assert self.view & other == self.model & members and self.view | other == self.model | members
            assert self.view - other == self.model - members and self.view ^ other == self.model ^ members
            assert (self.view <= other) is (self.model <= members) and (self.view > other) is (self.model > members)
        self.store.delete("other")

    @precondition(lambda self: self.model)
    @rule()
    def pop(self):
        member = self.view.pop()
        assert member in self.model
        self.view.add(member)
        assert self.view.random() in self.model


class ZSetModel(Machine):
    name, model_type = "ZSet", dict

    def content(self, view):
        return dict(view.items())

    def order(self):
        return sorted(self.model.items(), key=lambda p: (p[1], p[0] if isinstance(p[0], bytes) else str(p[0]).encode()))

    @rule(member=NAMES, score=SCORES)
    def set(self, member, score):
        self.view[member] = score
        self.model[member] = score

    @rule(n=BULK, score=SCORES, how=st.sampled_from(["nx", "xx", "gt", "lt", "changed"]))
    def add(self, n, score, how):
        members = {f"bulk {i}": float(i % 7) if how == "nx" else score for i in range(n)}
        expected = 0
        for member, new in members.items():
            old = self.model.get(member)
            if how == "nx" and old is not None or how == "xx" and old is None:
                continue
            if old is not None and (how == "gt" and new <= old or how == "lt" and new >= old):
                continue
            expected += old is None or how == "changed" and new != old
            self.model[member] = new
        assert self.view.add(members, **{how: True}) == expected

    @rule(n=BULK)
    def remove_bulk(self, n):
        for i in range(n):
            assert self.view.pop(f"bulk {i}", None) == self.model.pop(f"bulk {i}", None)

    @rule(member=NAMES)
    def get(self, member):
        assert self.view.get(member) == self.model.get(member) and (member in self.view) is (member in self.model)
        ranks = [m for m, _ in self.order()]
        rank = ranks.index(member) if member in self.model else None
        assert self.view.rank(member) == rank
        assert self.view.rank(member, rev=True) == (None if rank is None else len(ranks) - 1 - rank)

    @rule(member=NAMES, by=st.integers(-3, 3))
    def incr(self, member, by):
        total = self.model.get(member, 0.0) + by
        assert self.view.incr(member, by) == total
        self.model[member] = total

    @rule(start=st.integers(-400, 400), stop=st.integers(-400, 400), remove=st.booleans())
    def ranks(self, start, stop, remove):
        order, n = self.order(), len(self.model)
        low, high = max(start + n if start < 0 else start, 0), (stop + n if stop < 0 else stop)
        expected = order[low:max(high + 1, 0)]
        assert self.view.range(start, stop, withscores=True) == expected
        assert self.view.range(start, stop, rev=True) == [m for m, _ in order[::-1][low:max(high + 1, 0)]]
        if remove:
            assert self.view.remove_range(start, stop) == len(expected)
            for member, _ in expected:
                del self.model[member]

    @rule(lo=SCORES, hi=SCORES, offset=st.integers(0, 3), count=st.one_of(st.none(), st.integers(0, 5)), remove=st.booleans())
    def scores(self, lo, hi, offset, count, remove):
        inside = [p for p in self.order() if lo <= p[1] <= hi]
        between = [p for p in self.order() if lo < p[1] < hi]
        end = None if count is None else offset + count
        assert self.view.range(lo, hi, by="score", offset=offset, count=count, withscores=True) == inside[offset:end]
        assert self.view.range(hi, lo, by="score", rev=True) == [m for m, _ in inside[::-1]]
        assert self.view.count(lo, hi) == len(inside)
        assert self.view.count(kevy.exclusive(lo), kevy.exclusive(hi)) == len(between)
        if remove:
            assert self.view.remove_range(kevy.exclusive(lo), kevy.exclusive(hi), by="score") == len(between)
            for member, _ in between:
                del self.model[member]

    @rule(n=st.integers(0, 5), top=st.booleans())
    def pop(self, n, top):
        order = self.order()[::-1] if top else self.order()
        assert (self.view.pop_max if top else self.view.pop_min)(n) == order[:n]
        for member, _ in order[:n]:
            del self.model[member]

    @invariant()
    def ordered(self):
        if hasattr(self, "store"):
            order = self.order()
            assert list(self.view.items()) == order and list(reversed(self.view)) == [m for m, _ in order[::-1]]


TestHash, TestList, TestSet, TestZSet = HashModel.TestCase, ListModel.TestCase, SetModel.TestCase, ZSetModel.TestCase
for case in (TestHash, TestList, TestSet, TestZSet):
    case.settings = settings(max_examples=int(os.environ.get("KEVY_MODEL_EXAMPLES", "40")) // 2, stateful_step_count=50,
                             deadline=None, print_blob=True,
                             derandomize="KEVY_MODEL_EXAMPLES" not in os.environ,
                             suppress_health_check=[HealthCheck.too_slow])
