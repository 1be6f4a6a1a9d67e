"""What the views of collections have in common, and what a Store does with collections."""

import collections
import copy
import doctest
import gc
import pickle
import weakref

import kevy
import pytest

TYPES = {"Hash": {"a": 1, b"b": "x"}, "List": [1, "a", 2.5], "Set": {"a", 5}, "ZSet": {"a": 1.0, "b": 2.5}}
ALL = [*TYPES, "Stream"]


def fill(s, name, key="k"):
    view = getattr(s, name)(key)
    if name == "Stream":
        view.add({"f": 1}, "1-1")
    elif name == "List":
        view.extend(TYPES[name])
    else:
        view.update(TYPES[name])
    return view


def contents(name):
    return [("1-1", {"f": 1})] if name == "Stream" else TYPES[name]


@pytest.mark.parametrize("name", ALL)
def test_a_view_is_a_key_of_a_store(s, name):
    view = getattr(s, name)("k")
    assert view.key == "k" and getattr(s, name)(bytearray(b"k")).key == b"k" and isinstance(view, getattr(kevy, name))
    fill(s, name)
    assert len(view) == len(contents(name)) and s.type("k") == name.lower() and view == contents(name)
    assert getattr(s, name)(b"k") == view and view == view and not view != view
    s.rename("k", "l")
    assert len(view) == 0 and len(getattr(s, name)("l")) == len(contents(name))
    for key in (5, None, 2.5, ["k"]):
        with pytest.raises(TypeError):
            getattr(s, name)(key)
    with pytest.raises(TypeError):
        getattr(kevy, name)()
    with pytest.raises(TypeError):
        type("Sub", (getattr(kevy, name),), {})


@pytest.mark.parametrize("name", ALL)
def test_repr(s, name):
    view = getattr(s, name)("k")
    assert repr(view).startswith(f"<kevy.{name} 'k', 0 ")
    fill(s, name)
    n = len(view)
    assert repr(view) == f"<kevy.{name} 'k', {n} {repr(view).rpartition(' ')[2]}"
    s["k"] = 5
    assert repr(view) == f"<kevy.{name} 'k', which holds another type>"
    s.close()
    assert repr(view) == f"<kevy.{name} 'k', closed>"


@pytest.mark.parametrize("name", ALL)
def test_views_are_not_pickled_or_hashed(s, name):
    view = fill(s, name)
    for refuse in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            refuse(view)
    with pytest.raises(TypeError, match="unhashable"):
        hash(view)
    with pytest.raises(AttributeError):
        view.attribute = 1
    with pytest.raises(AttributeError):
        view.key = "l"
    assert weakref.ref(view)() is view


@pytest.mark.parametrize("name", ALL)
def test_help_shows_what_happens(s, name):
    shown = doctest.DocTestFinder(recurse=False).find(getattr(kevy, name), name, globs={"s": s, "kevy": kevy})
    if name == "ZSet":
        shown += doctest.DocTestFinder().find(kevy.ZSet.range, "range", module=False, globs={"z": s.ZSet("z"), "s": s, "kevy": kevy})
    runner = doctest.DocTestRunner()
    for test in shown:
        assert test.examples and runner.run(test).failed == 0, test.name


USES = {
    "Hash": [len, list, lambda v: v["a"], lambda v: "a" in v, lambda v: v.update(a=1), lambda v: v.__setitem__("a", 1),
             lambda v: v.pop("a"), lambda v: v.popitem(), lambda v: v.incr("a"), lambda v: v.ttl("a"), lambda v: v.mget(["a"]), lambda v: v.expires_at("a"),
             lambda v: v.expire("a", 5), lambda v: v.setdefault("a", 1), lambda v: v == {}, lambda v: v.random(),
             lambda v: list(v.items()), lambda v: v.clear(), lambda v: v.copy(), lambda v: v.get("a"), lambda v: v.__delitem__("a"),
             lambda v: v.persist("a"), lambda v: v.update({})],
    "List": [len, list, lambda v: v[0], lambda v: 1 in v, lambda v: v.append(1), lambda v: v.pop(), lambda v: v.pop(3),
             lambda v: v.popleft(), lambda v: v.appendleft(1), lambda v: v[1:2], lambda v: v[::2], lambda v: v.__setitem__(0, 1),
             lambda v: v.__setitem__(slice(0, 1), [1]), lambda v: v.__delitem__(slice(None, None, 2)), lambda v: v.insert(0, 1),
             lambda v: v.remove(1), lambda v: v.index(1), lambda v: v.count(1), lambda v: v.reverse(), lambda v: v.rotate(),
             lambda v: v.trim(0, 1), lambda v: v + [1], lambda v: v * 2, lambda v: v == [], lambda v: list(reversed(v)),
             lambda v: v.extend([1]), lambda v: v.extend([]), lambda v: v.clear(), lambda v: v.copy(), lambda v: v < [1]],
    "Set": [len, list, lambda v: "a" in v, lambda v: v.add("a"), lambda v: v.discard("a"), lambda v: v.remove("a"),
            lambda v: v.pop(), lambda v: v | {1}, lambda v: {1} & v, lambda v: v == set(), lambda v: v.update("ab"),
            lambda v: v.__ior__({1}), lambda v: v.random(), lambda v: v.random(2), lambda v: v.clear(), lambda v: v.copy(),
            lambda v: v.isdisjoint([1]), lambda v: v.difference_update([1]), lambda v: v | v],
    "ZSet": [len, list, lambda v: v["a"], lambda v: "a" in v, lambda v: v.__setitem__("a", 1), lambda v: v.__setitem__("a", 1.5),
             lambda v: v.add({"a": 1}), lambda v: v.incr("a"), lambda v: v.rank("a"), lambda v: v.range(), lambda v: v.count(),
             lambda v: v.pop_min(), lambda v: v.pop_max(2), lambda v: v.remove_range(), lambda v: v == {}, lambda v: v.mget(["a"]),
             lambda v: list(reversed(v)), lambda v: v.pop("a"), lambda v: v.setdefault("a", 1), lambda v: v.clear(),
             lambda v: v.copy(), lambda v: v.random(), lambda v: v.range(by="score", withscores=True), lambda v: v.popitem()],
    "Stream": [len, list, lambda v: v["1-1"], lambda v: "1-1" in v, lambda v: v.add({"a": 1}), lambda v: v.range(),
               lambda v: v.read(), lambda v: v.trim(1), lambda v: v.delete("1-1"), lambda v: v.info(), lambda v: v.groups(),
               lambda v: v.group("g").create(), lambda v: v == [], lambda v: v.clear(), lambda v: v.copy(),
               lambda v: v.group("g").read("c"), lambda v: v.add({"a": 1}, maxlen=5)],
}


@pytest.mark.parametrize("name", ALL)
def test_another_type_under_the_key(either, name):
    view = getattr(either, name)("k")
    for held in (5, "text", *(TYPES[n] for n in ("Hash", "List", "Set") if n != name)):
        either["k"] = held
        for i, use in enumerate(USES[name]):
            with pytest.raises(kevy.WrongTypeError) as caught:
                use(view)
            assert isinstance(caught.value, TypeError), i
        assert either["k"] == held
    del either["k"]
    assert len(view) == 0


@pytest.mark.parametrize("name", ALL)
def test_a_closed_store_says_so(either, name):
    view = fill(either, name)
    either.close()
    for use in USES[name]:
        with pytest.raises(kevy.ClosedError):
            use(view)


@pytest.mark.parametrize("name", ALL)
def test_snapshots_are_read_only(s, name):
    view = fill(s, name)
    with s.snapshot() as moment:
        frozen = getattr(moment, name)("k")
        view.clear()
        assert frozen == contents(name) and len(frozen) == len(contents(name)) and list(frozen) and moment["k"] == frozen
        write_one = {"Hash": lambda: frozen.popitem(), "Stream": lambda: frozen.add({"a": 1}), "ZSet": lambda: frozen.pop_min()}
        for write in (frozen.clear, write_one.get(name, lambda: frozen.pop())):
            with pytest.raises(kevy.Error, match="read.only"):
                write()
        with pytest.raises(kevy.Error, match="read.only"):
            moment["k"] = [1]
        assert frozen == contents(name)
        s["back"] = frozen if name != "Stream" else [1]
        assert s["back"] == (contents(name) if name != "Stream" else [1])


@pytest.mark.parametrize("name", ALL)
def test_views_keep_the_store_alive(name):
    view = fill(kevy.Store(), name)
    gc.collect()
    assert len(view) == len(contents(name))


def test_expiry(s, clock):
    for name in ALL:
        view = fill(s, name)
        s.expire("k", 5)
        clock.advance(4)
        assert len(view) and s.ttl("k") == 1.0
        clock.advance(2)
        assert len(view) == 0 and "k" not in s


# ---- The Store -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPES)
def test_a_store_gives_live_views(s, name):
    data = TYPES[name]
    fill(s, name)
    for view in (s["k"], s.get("k"), next(iter(s.values())), next(iter(s.items()))[1], s.setdefault("k", 5)):
        assert isinstance(view, getattr(kevy, name)) and view == data and view.key == "k"
    view = s["k"]
    view.clear()
    assert s.get("k") is None and "k" not in s
    fill(s, name)
    taken = s.pop("k")
    assert taken == data and type(taken) is (dict if name in ("Hash", "ZSet") else list if name == "List" else set)
    assert "k" not in s and s.pop("k", None) is None
    fill(s, name)
    assert s.popitem() == ("k", data) and not s


@pytest.mark.parametrize("big", [False, True])
def test_assigning_replaces_whole(either, big):
    s, n = either, 3000 if big else 3
    for data, name in (({f"f{i}": i for i in range(n)}, "Hash"), ([*range(n)], "List"), (tuple(map(str, range(n))), "List"),
                       ({*range(n)}, "Set"), (frozenset(map(str, range(n))), "Set"),
                       (collections.OrderedDict(a=1, b=b"x"), "Hash"), (collections.defaultdict(int, a=1), "Hash")):
        s.set("k", "text", ttl=100)
        s["k"] = data
        expected = list(data) if name == "List" else data
        assert s["k"] == expected and isinstance(s["k"], getattr(kevy, name)) and s.ttl("k") is None
        s["copy"] = s["k"]
        s["k"].clear()
        assert s["copy"] == expected and "k" not in s
        s["k"] = type(data)()
        assert "k" not in s, "an empty one deletes"
        s["copy"] = type(data)()
        assert "copy" not in s


def test_assigning_views(s):
    with kevy.Store() as other:
        for name, data in TYPES.items():
            view = fill(s, name, "a")
            s.expire("a", 100)
            s["b"], other["b"] = view, view
            assert s["b"] == other["b"] == data and s.ttl("b") is None and isinstance(s["b"], getattr(kevy, name))
            view.clear()
            assert s["b"] == data
            s["b"], other["b"] = view, view
            assert "b" not in s and "b" not in other, "a view of nothing deletes"
            view = fill(s, name, "a")
            s.expire("a", 100)
            s["a"] = view
            assert view == data and s.ttl("a"), "to itself: nothing changes"
            s["a"] = 5
            with pytest.raises(kevy.WrongTypeError):
                s["c"] = view
            with pytest.raises(kevy.WrongTypeError):
                other["c"] = view
            s["a"] = view if False else 6
            del s["a"]


def test_what_cannot_be_assigned(s):
    s["k"] = "before"
    for value in ({"a": None}, {"a": [1]}, [None], [[1]], {None}, {2.5}, {("a",)}, {2.5: 1}, s, None, object(), iter([1]),
                  collections.deque([1]), {1: 1}.keys(), range(3)):
        with pytest.raises(TypeError):
            s["k"] = value
    with pytest.raises(OverflowError):
        s["k"] = [1 << 64]
    with pytest.raises(ValueError):
        s["k"] = [float("nan")]
    assert s["k"] == "before"


def test_setdefault(s):
    s.setdefault("h", {})["f"] = 1
    s.setdefault("l", []).append(1)
    s.setdefault("m", set()).add("x")
    assert s["h"] == {"f": 1} and s["l"] == [1] and s["m"] == {"x"}
    assert s.setdefault("h", {"g": 2}) == {"f": 1} and s.setdefault("new", {"g": 2}) == {"g": 2}
    assert s.setdefault("n", (1, 2)) == [1, 2] and s.setdefault("copy", s["n"]) == [1, 2]
    with pytest.raises(TypeError):
        s.setdefault("bad", [None])
    assert "bad" not in s


def test_update_and_comparing(s):
    s.update(h={"f": 1}, l=[1], m={"x"}, n=5)
    assert s == {"h": {"f": 1}, "l": [1], "m": {"x"}, "n": 5} and s != {"h": {"f": 2}, "l": [1], "m": {"x"}, "n": 5}
    with kevy.Store() as other:
        other.update(s)
        assert other == s
        other["h"]["f"] = 2
        assert other != s
    assert ("l", [1]) in s.items() and ("l", [2]) not in s.items() and [1] in s.values()
    assert {k: v.copy() if hasattr(v, "copy") else v for k, v in s.items()} == {"h": {"f": 1}, "l": [1], "m": {"x"}, "n": 5}


def test_strings_are_not_collections(s):
    s["h"] = {"f": 1}
    for use in (lambda: s.incr("h"), lambda: s.append("h", "x"), lambda: s.getdel("h"), lambda: s.view("h"), lambda: s.strlen("h"),
                lambda: s.set("h", 1, get=True)):
        with pytest.raises(kevy.WrongTypeError):
            use()
    assert s.mget(["h"]) == [None] and s["h"] == {"f": 1}
    for value in ({"a": 1}, [1], {1}):
        with pytest.raises(TypeError):
            s.set("h", value)
        with pytest.raises(TypeError):
            s.mset({"h": value})
    s["h"] = 5
    assert s["h"] == 5


def test_commands_see_what_views_write(s):
    s.Hash("h").update(a=1, b="x")
    s.List("l").extend([1, "a"])
    assert s.command("HGET", "h", "a") == b"1" and s.command("LRANGE", "l", 0, -1) == [b"1", b"a"]
    s.command("HSET", "h", "c", "2")
    s.command("RPUSH", "l", "3")
    assert s.Hash("h")[b"c"] == b"2" and s.List("l")[2] == b"3" and list(s.Hash("h"))[-1:] and b"c" in list(s.Hash("h"))
