"""List: a sequence of scalars under one key, quick at both ends."""

import collections.abc
import itertools
import operator

import kevy
import pytest

SCALARS = ["a", "é" * 40, "", b"\xff\x00", b"", 0, -7, 1 << 40, -(1 << 63), 2.5, float("-inf"), "7", b"7"]


@pytest.fixture(params=[0, 3000], ids=["small", "large"])
def filled(either, request):
    """A list and what it holds."""
    data = [*SCALARS, *range(request.param)]
    view = either.List("l")
    view.extend(data)
    return view, data


def same(view, data):
    got = list(view)
    return got == data and [*map(type, got)] == [*map(type, data)] and len(view) == len(data)


def test_elements_keep_their_kinds(filled):
    view, data = filled
    assert same(view, data) and [*map(type, (view[i] for i in range(len(data))))] == [*map(type, data)]
    assert view[-1] == data[-1] and view[-len(data)] == data[0]
    for i in (len(data), -len(data) - 1, 1 << 63, -(1 << 63) - 1):
        for use in (lambda: view[i], lambda: view.__setitem__(i, 1), lambda: view.__delitem__(i), lambda: view.pop(i)):
            with pytest.raises(IndexError):
                use()
    for i in ("0", 1.0, None):
        with pytest.raises(TypeError, match="list indices must be integers or slices"):
            view[i]
    for value in (None, True, [1], object()):
        for use in (view.append, view.appendleft, lambda v: view.insert(0, v), lambda v: view.extend([1, v]),
                    lambda v: view.__setitem__(0, v), lambda v: view.__setitem__(slice(0, 1), [v])):
            with pytest.raises(TypeError):
                use(value)
    assert same(view, data)


def test_the_ends(filled):
    view, data = filled
    view.append("z"), view.appendleft(b"first"), view.extend(["x", 1.5]), view.extendleft([1, 2])
    data = [2, 1, b"first", *data, "z", "x", 1.5]
    assert same(view, data)
    assert view.pop() == 1.5 and view.popleft() == 2 and view.pop(0) == 1 and view.pop(-1) == "x"
    assert same(view, data[2:-2])
    view += ["q"]
    view.extend(view)
    assert same(view, [*data[2:-2], "q"] * 2)


def test_the_key_comes_and_goes(s):
    view = s.List("l")
    assert len(view) == 0 and not view and list(view) == [] and view == [] and "l" not in s
    for pop in (view.pop, view.popleft):
        with pytest.raises(IndexError, match="pop from empty list"):
            pop()
    view.insert(5, "a")
    assert s.type("l") == "list" and view == ["a"] and view.pop() == "a" and "l" not in s
    view[:] = [1, 2]
    view[5:] = [3]
    assert view == [1, 2, 3]
    del view[:]
    assert "l" not in s
    view.extend([])
    view.trim(0, 5), view.rotate(), view.reverse(), view.clear()
    assert "l" not in s and list(reversed(view)) == [] and view[:] == [] and view[::2] == []
    s.List(b"raw").append(1)
    assert list(s) == [b"raw"]


BOUNDS = [None, 0, 1, 3, 7, 50, -1, -4, -50]


@pytest.mark.parametrize("size", [0, 1, 8])
def test_slices(s, size):
    for start, stop, step in itertools.product(BOUNDS, BOUNDS, [None, 1, 2, 3, -1, -2, 100, -100]):
        data, cut = list(range(size)), slice(start, stop, step)
        s["l"] = data
        view = s.List("l")
        assert view[cut] == data[cut]
        fresh = [f"new {i}" for i in range(len(data[cut]))]
        view[cut] = fresh
        data[cut] = fresh
        assert view == data
        del view[cut]
        del data[cut]
        assert view == data


def test_slices_of_a_large_list(filled):
    view, data = filled
    for cut in (slice(2, -2), slice(None, None, 7), slice(-1, None, -3), slice(5, 9), slice(0, 0)):
        assert view[cut] == data[cut]
    for cut, values in ((slice(3, 6), ["x"] * 20), (slice(1, 1), b"raw"), (slice(-3, None), []), (slice(None, None, 2), None)):
        values = values if values is not None else range(len(data[cut]))
        view[cut] = values
        data[cut] = values
        assert same(view, data)
    for cut in (slice(1, None, 5), slice(4, 2), slice(None, 3), slice(None, None, -2)):
        del view[cut]
        del data[cut]
        assert same(view, data)
    view[2:4] = view
    data[2:4] = data
    assert same(view, data)
    with pytest.raises(ValueError, match="size 2 to extended slice of size"):
        view[::2] = [1, 2]
    with pytest.raises(ValueError):
        view[::0]
    with pytest.raises(TypeError):
        view[1:2] = 5


def test_inside(filled):
    view, data = filled
    for i in (0, 5, -1, -3, 10_000, -10_000, 1 << 70, -(1 << 70)):
        view.insert(i, f"at {i}")
        data.insert(max(min(i, 1 << 62), -(1 << 62)), f"at {i}")
    view[3], data[3] = "set", "set"
    del view[4], data[4]
    assert view.pop(6) == data.pop(6) and view.pop(-4) == data.pop(-4)
    view.reverse()
    data.reverse()
    assert same(view, data) and list(reversed(view)) == data[::-1]


def test_rotate_and_trim(filled):
    view, data = filled
    for n in (1, -1, 5, -7, 0, len(data), 2 * len(data) + 3, -len(data) - 1):
        view.rotate(n)
        mirror = collections.deque(data)
        mirror.rotate(n)
        data = list(mirror)
        assert same(view, data)
    view.trim(1, -2)
    assert same(view, data[1:-1])
    view.trim(0, 2)
    assert same(view, data[1:4])
    view.trim(5, 9)
    assert view == []


def test_searching(filled):
    view, data = filled
    view.append("7")
    data.append("7")
    for value in (*SCALARS, 1.0, 0.0, "missing", None, object(), [1], 2.5, "\ud800"):
        assert (value in view) == (value in data) and view.count(value) == data.count(value)
        if value in data:
            assert view.index(value) == data.index(value)
        else:
            for use in (view.index, view.remove):
                with pytest.raises(ValueError):
                    use(value)
    assert view.index("7", 3) == data.index("7", 3) and view.index("7", -1) == len(data) - 1
    with pytest.raises(ValueError):
        view.index("7", 0, 2)
    with pytest.raises(TypeError):
        view.index("7", "0")
    view.remove("7")
    data.remove("7")
    view.remove(7 if 7 in data else -7)
    data.remove(7 if 7 in data else -7)
    assert same(view, data)


def test_operators(s):
    a, b = s.List("a"), s.List("b")
    a.extend([1, "x"]), b.extend([2.5])
    assert a + b == [1, "x", 2.5] and a + [3] == [1, "x", 3] and [3] + a == [3, 1, "x"] and a * 2 == [1, "x"] * 2 == 2 * a
    assert type(a + b) is list and type(a * 2) is list
    for bad in (5, "x", (1,), None):
        with pytest.raises(TypeError):
            a + bad
    with pytest.raises(TypeError):
        a * "x"
    a *= 3
    assert isinstance(a, kevy.List) and a == [1, "x"] * 3
    a *= 0
    assert a == [] and "a" not in s
    s["a"] = [1]
    s["a"] += [2]
    assert s["a"] == [1, 2]
    a += a
    assert a == [1, 2, 1, 2]
    with pytest.raises(TypeError):
        a += 5


def test_comparing(s):
    a, b = s.List("a"), s.List("b")
    s.update(a=[1, 2], b=[1, 3])
    assert a != b and a < b and b > a and a <= [1, 2] and [1, 2] == a and a >= [1] and not a < [1, 2]
    assert a != (1, 2) and a != 5 and a == a and not a != a and [0] < a
    with pytest.raises(TypeError):
        a < (1, 2)  # noqa: B015
    assert operator.length_hint(a) == 2 and sorted(b, reverse=True) == [3, 1] and isinstance(a, collections.abc.MutableSequence)


def test_iterating_sees_the_moment(filled):
    view, data = filled
    forward, backward = iter(view), reversed(view)
    assert next(forward) == data[0] and next(backward) == data[-1]
    view.clear()
    view.append("new")
    assert list(forward) == data[1:] and list(backward) == data[-2::-1]
    for element in view:
        view.append(element)
    assert view == ["new", "new"]
