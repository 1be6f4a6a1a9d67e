"""ZSet: a mapping of members to scores, in the order of (score, member)."""

import collections.abc
import math
import pickle

import kevy
import pytest
from kevy import exclusive

INF = float("inf")


@pytest.fixture(params=[0, 2000], ids=["small", "large"])
def z(either, request):
    view = either.ZSet("z")
    view.update({f"filler {i:05}": 1000 + i for i in range(request.param)})
    return view


def test_members_and_scores(z):
    z["a"], z[b"b"], z[5] = 1, 2.5, -INF
    assert z["a"] == 1.0 and type(z["a"]) is float and z[b"b"] == 2.5 and z[5] == -INF and z["5"] == -INF
    assert "a" in z and b"a" in z and 5 in z and "missing" not in z and [*map(type, z)][:3] == [int, str, bytes]
    z["a"] = -0.0
    assert z["a"] == 0 and math.copysign(1, z["a"]) == 1
    assert z.get("a") == 0 and z.get("missing") is None and z.get("missing", 3) == 3
    assert z.mget(["a", "missing", b"b"]) == [0.0, None, 2.5] and z.mget([]) == []
    with pytest.raises(KeyError):
        z["missing"]
    with pytest.raises(KeyError):
        del z["missing"]
    with pytest.raises(ValueError, match="NaN"):
        z["a"] = float("nan")
    for score in ("1", None, True, [1]):
        with pytest.raises(TypeError, match="a score is"):
            z["a"] = score
    for member in (None, 2.5, True):
        for use in (z.__getitem__, z.get, z.rank, z.__contains__, z.__delitem__, z.incr, lambda m: z.__setitem__(m, 1)):
            with pytest.raises(TypeError, match="member"):
                use(member)
    with pytest.raises(OverflowError):
        z["a"] = 10**400
    assert z["a"] == 0


def test_the_key_comes_and_goes(s):
    z = s.ZSet("z")
    assert len(z) == 0 and not z and z == {} and list(z) == [] == list(reversed(z)) and z.range() == [] and z.count() == 0
    assert z.rank("a") is None and z.pop_min(3) == [] and z.remove_range() == 0 and z.random() is None and "z" not in s
    for pop in (z.pop_min, z.pop_max, z.popitem):
        with pytest.raises(KeyError):
            pop()
    assert z.add({"a": 1}) == 1 and s.type("z") == "zset"
    del z["a"]
    assert "z" not in s and z.add({}) == 0
    s.ZSet(b"raw")["m"] = 1
    assert list(s) == [b"raw"]


def test_order(z):
    n = len(z)
    z.update(c=3, a=1, b=2, aa=1, Z=1)
    order = ["Z", "a", "aa", "b", "c"]
    assert list(z)[:5] == order and list(reversed(z))[-5:] == order[::-1] and list(z.items())[:2] == [("Z", 1.0), ("a", 1.0)]
    assert list(z.values())[:5] == [1, 1, 1, 2, 3] and [z.rank(m) for m in order] == [0, 1, 2, 3, 4]
    assert z.rank("c", rev=True) == n and z.rank("c", True) == n and z.rank("missing") is None
    z["Z"] = 2.5
    assert list(z)[:5] == ["a", "aa", "b", "Z", "c"] and len(z) == n + 5


def test_mapping_methods(z):
    n = len(z)
    z.update({"a": 1, b"b": 2}, c=3)
    z.update([("d", 4)])
    z.update(z)
    assert len(z) == n + 4 and z.setdefault("a", 9) == 1.0 and z.setdefault("e", 9) == 9.0
    assert z.pop("a") == 1.0 and z.pop("a", None) is None and z.popitem() == (b"b", 2.0)
    with pytest.raises(KeyError):
        z.pop("a")
    with pytest.raises(TypeError):
        z.update(x=1, y="2")
    assert "x" not in z, "all of them or none"
    assert z.items() >= {("c", 3.0)} and ("c", 4.0) not in z.items() and "c" in z.keys() and 3.0 in z.values()
    assert isinstance(z, collections.abc.MutableMapping) and z == dict(z) == z.copy() and z != {}
    z.clear()
    assert z == {}


def test_add(z):
    assert z.add({"a": 1, "b": 2}) == 2 and z.add({"a": 5, "c": 3}) == 1 and z["a"] == 5
    assert z.add({"a": 6, "d": 1}, nx=True) == 1 and z["a"] == 5 and z.add({"a": 7, "e": 1}, xx=True) == 0 and "e" not in z
    assert z.add({"a": 8, "b": 1}, gt=True, changed=True) == 1 and z["b"] == 2
    assert z.add([("a", 3), ("b", 9)], lt=True, changed=True) == 1 and z["a"] == 3
    for conditions in ({"nx": True, "xx": True}, {"nx": True, "gt": True}, {"gt": True, "lt": True}):
        with pytest.raises(ValueError):
            z.add({"a": 1}, **conditions)
    with pytest.raises(TypeError):
        z.add(5)


def test_incr(z):
    assert z.incr("a") == 1.0 and z.incr("a", 2.5) == 3.5 and z.incr("a", by=-4) == -0.5 and z["a"] == -0.5
    z["i"] = INF
    with pytest.raises(kevy.CounterOverflowError):
        z.incr("i", -INF)
    with pytest.raises(ValueError):
        z.incr("a", float("nan"))
    for by in ("1", True, None):
        with pytest.raises(TypeError):
            z.incr("a", by)


def test_range_by_rank(z):
    z.clear()
    z.update({f"m{i}": i for i in range(10)})
    names = [f"m{i}" for i in range(10)]
    assert z.range() == names and z.range(2, 4) == names[2:5] and z.range(-3, -1) == names[-3:] and z.range(5, 2) == []
    assert z.range(0, 2, rev=True) == names[::-1][:3] and z.range(None, 1) == names[:2] and z.range(20, 30) == []
    assert z.range(0, 1, withscores=True) == [("m0", 0.0), ("m1", 1.0)] and type(z.range(0, 0, withscores=True)[0][1]) is float
    with pytest.raises(TypeError):
        z.range(1.5)
    with pytest.raises(TypeError):
        z.range(exclusive(1))
    with pytest.raises(ValueError):
        z.range(0, 5, count=2)
    with pytest.raises(ValueError, match="'rank', 'score' or 'lex'"):
        z.range(by="age")


def test_range_by_score(z):
    z.clear()
    z.update({f"m{i}": i / 2 for i in range(10)})
    assert z.range(1, 2, by="score") == ["m2", "m3", "m4"] == z.range(1, 2, "score")
    assert z.range(exclusive(1), exclusive(2), by="score") == ["m3"] and z.range(exclusive(1), 1, by="score") == []
    assert z.range(4, by="score") == ["m8", "m9"] and z.range(None, 0.5, by="score") == ["m0", "m1"]
    assert z.range(2, 1, by="score", rev=True) == ["m4", "m3", "m2"] and z.range(None, 4, by="score", rev=True) == ["m9", "m8"]
    assert z.range(by="score", offset=2, count=3) == ["m2", "m3", "m4"] and z.range(by="score", offset=8) == ["m8", "m9"]
    assert z.range(-INF, INF, by="score", count=1, withscores=True) == [("m0", 0.0)] and z.range(by="score", count=0) == []
    assert z.count() == 10 and z.count(1, 2) == 3 and z.count(exclusive(1), 2) == 2 and z.count(hi_only(2)) == 6 and z.count(1) == 8
    for bound in ("1", True, [1]):
        with pytest.raises(TypeError, match="a score is"):
            z.range(bound, by="score")
    with pytest.raises(ValueError, match="NaN"):
        z.count(float("nan"))
    with pytest.raises(ValueError):
        z.range(by="score", count=-1)


def hi_only(lo):
    return lo


def test_range_by_lex(z):
    z.clear()
    z.update(dict.fromkeys(["a", "aa", "b", b"c", 5], 0))
    assert z.range(by="lex") == [5, "a", "aa", "b", b"c"] and z.range("a", "b", by="lex") == ["a", "aa", "b"]
    assert z.range(exclusive("a"), exclusive(b"b"), by="lex") == ["aa"] and z.range("b", by="lex") == ["b", b"c"]
    assert z.range(None, 5, by="lex") == [5] and z.range("b", "a", by="lex", rev=True) == ["b", "aa", "a"]
    assert z.range(by="lex", offset=1, count=2) == ["a", "aa"] and z.count("a", "b", by="lex") == 3
    with pytest.raises(ValueError):
        z.range(by="lex", withscores=True)
    with pytest.raises(TypeError):
        z.range(1.5, by="lex")
    with pytest.raises(ValueError):
        z.count(by="rank")
    assert z.remove_range("aa", exclusive("c"), by="lex") == 2 and list(z) == [5, "a", b"c"]


def test_removing(z):
    z.clear()
    z.update({f"m{i}": i for i in range(10)})
    assert z.pop_min() == ("m0", 0.0) and z.pop_max() == ("m9", 9.0) and z.pop_min(2) == [("m1", 1.0), ("m2", 2.0)]
    assert z.pop_max(2) == [("m8", 8.0), ("m7", 7.0)] and z.pop_min(0) == [] and len(z) == 4
    assert z.remove_range(0, 0) == 1 and z.remove_range(exclusive(4), 5, by="score") == 1 and list(z) == ["m4", "m6"]
    assert z.pop_min(100) == [("m4", 4.0), ("m6", 6.0)] and not z
    with pytest.raises(ValueError):
        z.pop_min(-1)
    with pytest.raises(TypeError):
        z.pop_max("1")


def test_random(z):
    z.update(a=1, b=2)
    assert z.random() in z and len(z.random(2)) == 2 and len(z.random(-7)) == 7


def test_iterating_sees_the_moment(z):
    z.update(a=1, b=2)
    before, forward, backward, items = list(z), iter(z), reversed(z), iter(z.items())
    scores = dict(z)
    z.clear()
    z["new"] = 1
    assert list(forward) == before and list(backward) == before[::-1] and dict(items) == scores


def test_exclusive():
    e = exclusive(5)
    assert e.value == 5 and repr(e) == "kevy.exclusive(5)" and e == exclusive(5) and e != exclusive(6) and e != 5
    assert hash(e) == hash(exclusive(5)) and pickle.loads(pickle.dumps(e)) == e and len({e, exclusive(5)}) == 1
    with pytest.raises(TypeError):
        exclusive()
    with pytest.raises(AttributeError):
        e.value = 6
