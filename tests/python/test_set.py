"""Set: a set of str, bytes and int under one key; operators with its like and with sets of Python's."""

import collections
import collections.abc
import itertools
import operator

import kevy
import pytest

OPS = [operator.and_, operator.or_, operator.sub, operator.xor]
IN_PLACE = [operator.iand, operator.ior, operator.isub, operator.ixor]
COMPARE = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.fixture(params=[0, 2000], ids=["small", "large"])
def filled(either, request):
    view = either.Set("m")
    data = {"a", b"raw", "é", 5, -1, *(f"filler {i}" for i in range(request.param)), *range(100, 100 + request.param)}
    view.update(data)
    return view, data


def same(view, data):
    got = list(view)
    return len(view) == len(data) == len(got) and set(got) == data and {*map(type, got)} == {*map(type, data)}


def test_members_keep_their_kinds(filled):
    view, data = filled
    assert same(view, data) and all(m in view for m in data) and view == data
    view.add(5), view.add("5"), view.add(b"a")
    assert same(view, data), "5 and '5', 'a' and b'a' are one member"
    assert "5" in view and b"5" in view and b"a" in view and bytearray(b"raw") in view and "missing" not in view
    for member in (None, 2.5, True, ("a",), [1]):
        for use in (view.add, view.discard, view.remove, view.__contains__, lambda m: view.update(["x", m])):
            with pytest.raises(TypeError, match="member"):
                use(member)
    with pytest.raises(OverflowError):
        view.add(1 << 63)
    assert "x" not in view


def test_changing(filled):
    view, data = filled
    assert view.add("new") is None and view.discard("new") is None and view.discard("new") is None
    view.remove("a")
    data.discard("a")
    with pytest.raises(KeyError) as caught:
        view.remove("a")
    assert caught.value.args == ("a",)
    taken = {view.pop() for _ in range(3)}
    assert len(taken) == 3 and taken <= data and same(view, data - taken)
    view.clear()
    assert view == set() and not view
    with pytest.raises(KeyError, match="pop from an empty set"):
        view.pop()


def test_the_key_comes_and_goes(s):
    view = s.Set("m")
    assert len(view) == 0 and list(view) == [] and view == set() and "m" not in s and view.random() is None
    view.add("x")
    assert s.type("m") == "set" and view.pop() == "x" and "m" not in s
    view.update(), view.update([], ()), view.intersection_update([1]), view.difference_update([1])
    assert "m" not in s
    s.Set(b"raw").add(1)
    assert list(s) == [b"raw"]


SMALL = [set(), {"a"}, {"a", "b", 3}, {"b", 3, b"x"}, {"z"}]


@pytest.mark.parametrize("left,right", itertools.product(range(len(SMALL)), repeat=2))
def test_operators(s, left, right):
    a, b = SMALL[left], SMALL[right]
    with kevy.Store() as other:
        s["a"], s["b"], other["b"] = a, b, b
        view = s.Set("a")
        for second in (s.Set("b"), other.Set("b"), set(b), frozenset(b), dict.fromkeys(b).keys()):
            for op in OPS:
                assert op(view, second) == op(a, b) and type(op(view, second)) is set
                assert op(second, view) == op(b, a)
            for op in COMPARE:
                assert op(view, second) is op(a, b) and op(second, view) is op(b, a)
            assert view.isdisjoint(second) is a.isdisjoint(b)
        for second in (list(b), iter(b), s.Set("b"), collections.deque(b)):
            second = list(second)
            assert view.union(second) == a | b and view.intersection(second) == a & b and view.difference(second) == a - b
            assert view.symmetric_difference(second) == a ^ b and view.issubset(second) is (a <= b)
            assert view.issuperset(second) is (a >= b) and view.isdisjoint(second) is a.isdisjoint(b)
        for op in IN_PLACE:
            for second in (s.Set("b"), other.Set("b"), set(b), frozenset(b)):
                s["a"] = a
                changed = op(s.Set("a"), second)
                assert isinstance(changed, kevy.Set) and changed == op(set(a), b)
                s["c"] = a
                mirror = set(a)
                mirror = op(mirror, second)
                assert mirror == op(set(a), b) and type(mirror) is set


def test_operators_with_what_is_no_set(s):
    view = s.Set("a")
    view.update(["a", 1])
    for other in ([1], (1,), "a", 5, None, {1: 2}):
        for op in OPS + IN_PLACE + COMPARE[2:]:
            with pytest.raises(TypeError):
                op(view, other)
        assert view != other
    assert view & {1.5, None, ("x",)} == set() and view - {None} == {"a", 1} and view | {None} == {"a", 1, None}
    assert view == {"a", 1} and view.isdisjoint([None, 2.5]) and not view >= {None}
    view -= {None, 2.5, "a"}
    view &= {1, None}
    assert view == {1}
    with pytest.raises(TypeError):
        view |= {None}
    with pytest.raises(TypeError):
        view.update(5)
    with pytest.raises(TypeError):
        view & [1]


def test_operands_are_one_by_their_bytes(s):
    view = s.Set("a")
    view.update([5, "x"])
    assert view & {"5", b"x"} == {5, "x"} and view == {b"5", b"x"} and view - {"5"} == {"x"} and view | {"5"} == {5, "x"}
    view ^= {"5", "y"}
    assert view == {"x", "y"}


def test_with_itself(s):
    view = s.Set("a")
    view.update("abc")
    assert view | view == view & view == set("abc") and view - view == view ^ view == set() and view == s.Set("a")
    view |= view
    view &= view
    assert view == set("abc")
    view ^= view
    assert view == set() and "a" not in s
    view.update("abc")
    view -= view
    assert view == set()


def test_in_place_keeps_the_time_to_live(s):
    s["a"] = {"x", "y"}
    s.expire("a", 100)
    view = s.Set("a")
    view |= {"z"}
    view &= {"x", "z", "w"}
    view -= {"w"}
    view ^= {"x", "q"}
    assert view == {"z", "q"} and s.ttl("a")


def test_random(filled):
    view, data = filled
    assert view.random() in data and set(view.random(3)) <= data and len(set(view.random(3))) == 3
    assert len(view.random(-2 * len(data))) == 2 * len(data) and sorted(map(str, view.random(1 << 30))) == sorted(map(str, data))
    assert view.random(0) == [] and view.random(n=1)[0] in data
    seen = collections.Counter(view.random() for _ in range(40 * len(data) if len(data) < 10 else 0))
    assert not seen or seen.keys() == data
    for n in ("1", 2.0, True):
        with pytest.raises(TypeError):
            view.random(n)


def test_iterating_sees_the_moment(filled):
    view, data = filled
    members = iter(view)
    first = next(members)
    view.clear()
    view.add("new")
    assert {first, *members} == data
    for member in view:
        view.add(f"{member}+")
    assert view == {"new", "new+"} and isinstance(view, collections.abc.MutableSet) and view.copy() == {"new", "new+"}
