"""The mapping: views, iteration over one moment, comparison, the methods a dict has."""

import sys
from collections import OrderedDict, UserDict
from collections.abc import ItemsView, KeysView, MutableMapping, ValuesView

import kevy
import pytest


def test_getitem_delitem(s):
    s["a"] = 1
    assert s["a"] == 1
    del s["a"]
    for wrong in (lambda: s["a"], lambda: s.__delitem__("a"), lambda: s.pop("a")):
        with pytest.raises(KeyError) as caught:
            wrong()
        assert caught.value.args == ("a",)


def test_keyerror_carries_the_key_itself(s):
    key = ("a" * 3).encode()
    with pytest.raises(KeyError) as caught:
        s[key]
    assert caught.value.args[0] is key


def test_views_are_live_and_registered(s):
    keys, values, items = s.keys(), s.values(), s.items()
    assert isinstance(keys, KeysView) and isinstance(values, ValuesView) and isinstance(items, ItemsView)
    s.update(a=1, b=2)
    assert len(keys) == len(values) == len(items) == 2
    assert sorted(keys) == ["a", "b"] and sorted(values) == [1, 2] and sorted(items) == [("a", 1), ("b", 2)]
    assert "a" in keys and 2 in values and 3 not in values
    assert ("a", 1) in items and ("a", 2) not in items and ("z", 1) not in items and "a" not in items
    assert repr(keys) == "kevy.Keys(<kevy.Store mem://, 2 keys>)"


def test_views_are_sets(s):
    s.update(a=1, b=2)
    keys, items = s.keys(), s.items()
    assert keys & {"a", "z"} == {"a"} and {"a", "z"} & keys == {"a"}
    assert keys | ["z"] == {"a", "b", "z"} and ["z"] | keys == {"a", "b", "z"}
    assert keys - {"a"} == {"b"} and {"a", "z"} - keys == {"z"}
    assert keys ^ {"a", "z"} == {"b", "z"} and {"a", "z"} ^ keys == {"b", "z"}
    assert items & {("a", 1), ("a", 2)} == {("a", 1)} and type(items - set()) is set
    assert keys == {"a", "b"} and {"a", "b"} == keys and keys != {"a"} and keys == {"a": 0, "b": 0}.keys()
    assert items == {"a": 1, "b": 2}.items()
    assert keys <= {"a", "b", "c"} and keys < {"a", "b", "c"} and keys >= {"a"} and keys > set()
    assert keys.isdisjoint(["z"]) and not keys.isdisjoint(["a"])
    assert keys != ["a", "b"] and keys != 5
    for wrong in (lambda: keys & 5, lambda: 5 & keys, lambda: hash(keys), lambda: keys < [1],
                  lambda: s.values() & set()):
        with pytest.raises(TypeError):
            wrong()


def test_iteration_sees_the_moment_it_began(s):
    before = {str(i): i for i in range(1000)}
    s.update(before)
    keys, items, values = iter(s), iter(s.items()), iter(s.values())
    seen = [next(keys)]
    for i in range(1000):
        s[str(i)] = -i
        s["new" + str(i)] = i
    s.delete(*map(str, range(500)))
    seen += keys
    assert sorted(seen) == sorted(before) and len(seen) == 1000
    assert dict(items) == before and sorted(values) == list(range(1000))
    s.clear()
    assert list(keys) == [], "an exhausted iterator stays exhausted"


def test_each_key_once_while_growing_and_shrinking(s):
    s.update({str(i): i for i in range(5000)})
    seen = []
    for k in s:
        seen.append(k)
        s.delete(k)
        s["x" + k] = 1
    assert sorted(seen) == sorted(str(i) for i in range(5000)) and len(s) == 5000


def test_comparison(s):
    with kevy.Store() as other:
        assert s == {} and s == other and s == s and not s != s
        s.update(a=1, b="x")
        for equal in ({"a": 1, "b": "x"}, OrderedDict(b="x", a=1), UserDict(a=1, b="x"), {"a": 1.0, "b": "x"}):
            assert s == equal and equal == s and not s != equal
        for unequal in ({}, {"a": 1}, {"a": 1, "b": "y"}, {"a": 1, "b": "x", "c": 1}, {"a": 1, 5: "x"},
                        [("a", 1), ("b", "x")], 5, None, other, {b"a": 1, "b": "x"}):
            assert s != unequal and unequal != s and not s == unequal
        other.update(s)
        assert s == other
        with pytest.raises(TypeError):
            s < other


def test_comparison_lets_errors_through(s):
    class Bad:
        def __eq__(self, other):
            raise ZeroDivisionError

    s["a"] = 1
    with pytest.raises(ZeroDivisionError):
        s == {"a": Bad()}


def test_pop_popitem_setdefault(s):
    s.update(a=1)
    assert s.pop("a") == 1 and s.pop("a", None) is None and s.pop("a", 7) == 7
    with pytest.raises(KeyError, match="empty"):
        s.popitem()
    expected = {str(i): i for i in range(300)}
    expected[b"raw"] = b"x"
    s.update(expected)
    got = {}
    while s:
        k, v = s.popitem()
        got[k] = v
    assert got == expected
    assert s.setdefault("a", 5) == 5 and s.setdefault("a", 6) == 5 and s["a"] == 5
    assert s.setdefault("a") == 5, "the default is looked at only when it is needed"
    with pytest.raises(TypeError):
        s.setdefault("b")
    assert "b" not in s


def test_update_takes_what_a_dict_takes(s):
    class HasKeys:
        def keys(self):
            return ["a", "b"]

        def __getitem__(self, key):
            return key * 2

    s.update(HasKeys())
    assert s == {"a": "aa", "b": "bb"}
    s.update([("a", 1), ["b", 2]], c=3)
    s.update(iter([("d", 4)]))
    assert s == {"a": 1, "b": 2, "c": 3, "d": 4}
    s.update({b"raw": 5})
    with kevy.Store() as other:
        other.update(s)
        assert other == s
    s.update(s)
    s.update()
    assert len(s) == 5
    s.clear()
    s.update(self=1, other=2)
    assert s == {"self": 1, "other": 2}


@pytest.mark.parametrize("wrong, error", [
    (5, TypeError), ([5], TypeError), ([("a",)], ValueError), ([("a", 1, 2)], ValueError), (["abc"], ValueError),
    ([(5, 1)], TypeError), ([("a", None)], TypeError)])
def test_update_refuses(s, wrong, error):
    with pytest.raises(error):
        s.update(wrong)
    assert len(s) == 0


def test_update_applies_what_came_before_an_error(s):
    with pytest.raises(TypeError):
        s.update([("a", 1), ("b", None), ("c", 3)])
    assert s == {"a": 1}


def test_truth_and_len(s):
    assert not s and len(s) == 0
    s["a"] = 1
    assert s and len(s) == 1


def test_iterators(s):
    s["a"] = 1
    it = iter(s)
    assert iter(it) is it and next(it) == "a"
    with pytest.raises(StopIteration):
        next(it)
    with pytest.raises(StopIteration):
        next(it)


def test_mapping_in_a_match_statement(s):
    if sys.version_info < (3, 10):
        assert isinstance(s, MutableMapping)  # match statements look for this from 3.10 on
        return
    s.update(a=1, b=2)
    scope = {"s": s}
    exec("match s:\n  case {'a': x}: pass\n  case _: x = None", scope)
    assert scope["x"] == 1


def test_arity(s):
    for wrong in (lambda: s.keys(1), lambda: s.pop(), lambda: s.pop("a", 1, 2), lambda: s.popitem(1),
                  lambda: s.setdefault(), lambda: s.setdefault("a", 1, 2), lambda: s.update({}, {}),
                  lambda: s.clear(1), lambda: s.get(), lambda: s.get("a", 1, 2), lambda: s.get(key="a"),
                  lambda: s.get("a", 1, default=2), lambda: s.get("a", nope=1)):
        with pytest.raises(TypeError):
            wrong()


def test_get(s):
    s["a"] = 1
    marker = object()
    assert s.get("a") == 1 and s.get("a", marker) == 1 and s.get("z") is None
    assert s.get("z", marker) is marker and s.get("z", default=marker) is marker
