"""The exceptions, and the face that help() shows."""

import inspect
import pydoc
import sys

import kevy
import pytest

CLASSES = {
    "WrongTypeError": TypeError, "NotIntegerError": ValueError, "NotFloatError": ValueError,
    "OutOfMemoryError": MemoryError, "CounterOverflowError": OverflowError, "ClosedError": None,
    "CorruptFileError": None, "DurabilityError": OSError, "TransactionError": None, "CommandError": None}


@pytest.mark.parametrize("name", CLASSES)
def test_hierarchy(name):
    error = getattr(kevy, name)
    assert issubclass(error, kevy.Error) and error.__module__ == "kevy" and error.__doc__
    if CLASSES[name]:
        assert issubclass(error, CLASSES[name])
    with pytest.raises(kevy.Error):
        raise error("text")


def test_no_others():
    assert {n for n, c in vars(kevy).items() if isinstance(c, type) and issubclass(c, kevy.Error)} == {
        "Error", *CLASSES}
    assert issubclass(kevy.Error, Exception)
    assert set(kevy.__all__) <= set(vars(kevy))


def methods():
    return [n for n, m in vars(kevy.Store).items() if inspect.ismethoddescriptor(m) and not n.startswith("__")]


def test_every_method_teaches():
    for name in methods():
        method = getattr(kevy.Store, name)
        assert method.__doc__ and len(method.__doc__) > 20, name
        if type(vars(kevy.Store)[name]).__name__ != "classmethod_descriptor":
            assert list(inspect.signature(method).parameters)[0] == "self", name
    assert str(inspect.signature(kevy.Store.set)) == (
        "(self, key, value, /, ttl=None, *, nx=False, xx=False, keepttl=False, get=False)")
    for word in ["str", "bytes", "int", "float", "timedelta", "TypeError", "ValueError", "OverflowError", "OutOfMemoryError", "SET"]:
        assert word in kevy.Store.set.__doc__, word
    assert "policy" in str(inspect.signature(kevy.open))
    if sys.version_info >= (3, 10):  # 3.9 drops the signature of a type
        assert "maxmemory" in str(inspect.signature(kevy.Store))
    assert "keepttl" in pydoc.plain(pydoc.render_doc(kevy.Store.set))


def test_signatures_are_what_the_calls_take():
    """Every keyword of a signature is a keyword of the call."""
    with kevy.Store() as s:
        for name in methods():
            parameters = inspect.signature(getattr(s, name)).parameters.values()
            needed = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_ONLY]
            for p in parameters:
                if p.kind not in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD):
                    continue
                try:
                    getattr(s, name)(*["k"] * len(needed), **{p.name: None})
                except (kevy.Error, ValueError, KeyError):
                    pass
                except TypeError as e:
                    assert "keyword" not in str(e), (name, p.name)


@pytest.mark.parametrize("call, text", [
    (lambda s: s.set("k", 1, nx=True, xx=True), "NX and XX exclude each other"),
    (lambda s: s.set("k", 1, ttl=5, keepttl=True), "a ttl and KEEPTTL exclude each other"),
    (lambda s: s.expire("k", 5, nx=True, gt=True), "NX excludes GT and LT"),
    (lambda s: s.expire("k", 5, gt=True, lt=True), "GT and LT exclude each other"),
    (lambda s: s.Hash("h").expire("f", 5, gt=True, lt=True), "GT and LT exclude each other"),
    (lambda s: s.ZSet("z").add({"a": 1}, nx=True, lt=True), "NX excludes GT and LT"),
])
def test_what_excludes_each_other_is_said(call, text):
    s = kevy.Store()
    s["k"], s["h"] = 0, {"f": 1}
    with pytest.raises(ValueError, match=text):
        call(s)
    assert s["k"] == 0 and "z" not in s and s.ttl("k") is None


def test_a_limit_that_holds_nothing_is_said():
    with pytest.raises(kevy.OutOfMemoryError, match="maxmemory is too small"):
        kevy.Store(maxmemory=1)
