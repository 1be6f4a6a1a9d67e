"""Keys and values: what is accepted, and that what goes in comes out."""

import array
import ctypes
import enum
import sys

import kevy
import pytest

INT64 = 1 << 63


class Text(str):
    pass


class Number(enum.IntEnum):
    FIVE = 5


@pytest.mark.parametrize("value", [
    "", "alice", "é", "日本", "\U0001f600", "a\0b", "x" * 10_000, "é" * 10_000, b"", b"\0\xff", b"x" * 100_000,
    0, 1, -1, INT64 - 1, -INT64, 0.0, 2.5, -1e300, 5e-324, float("inf"), float("-inf"), "5", b"5", "2.5"])
def test_round_trip(either, value):
    either["k"] = value
    for got in (either["k"], either.get("k"), either.mget(["k"])[0], next(iter(either.values())),
                either.snapshot()["k"], either.set("k", "new", get=True)):
        assert got == value and type(got) is type(value)


@pytest.mark.parametrize("length", range(70))
def test_every_short_length(s, length):
    """Objects of some lengths are made by the word: they are what any other object of these bytes is."""
    text = "".join(chr(33 + i) for i in range(length))
    mixed = [text[:i] + "é" + text[i + 1:] for i in range(length)]  # not ASCII at any place
    for value in (text, text.encode(), *mixed):
        s["k"] = value
        got = s["k"]
        assert got == value and type(got) is type(value) and len(got) == len(value)
        assert hash(got) == hash(value) and {value: 1}[got] == 1 and got + got == value + value
        if value.isascii():
            assert sys.getsizeof(got) == sys.getsizeof(value)
            assert ctypes.string_at(id(got) + sys.getsizeof(got) - 1, 1) == b"\0"


def test_negative_zero(s):
    s["k"] = -0.0
    assert str(s["k"]) == "-0.0"


@pytest.mark.parametrize("value, read", [
    (bytearray(b"ab"), b"ab"), (memoryview(b"ab"), b"ab"), (memoryview(b"abcdef")[::2], b"ace"),
    (memoryview(array.array("H", [1, 2])), array.array("H", [1, 2]).tobytes()), (bytearray(), b""),
    (Text("a"), "a"), (Number.FIVE, 5)])
def test_read_back_as_the_plain_kind(s, value, read):
    s["k"] = value
    assert s["k"] == read and type(s["k"]) is type(read)


SCALARS_ONLY = [lambda s, v: s.set("k", v), lambda s, v: s.append("k", v), lambda s, v: s.mset({"k": v})]
ANY_VALUE = [
    lambda s, v: s.__setitem__("k", v), lambda s, v: s.update({"k": v}), lambda s, v: s.setdefault("k", v),
    lambda s, v: s.update([("k", v)]), lambda s, v: s.update(k=v)]


@pytest.mark.parametrize("value", [None, True, False, object(), 1j, array.array("b"), Number])
@pytest.mark.parametrize("put", SCALARS_ONLY + ANY_VALUE)
def test_other_values_say_what_is_accepted(s, value, put):
    with pytest.raises(TypeError, match="str, bytes, bytearray, memoryview, int or float, not"):
        put(s, value)
    assert len(s) == 0


@pytest.mark.parametrize("value", [[], [1], (), {}, {"a": 1}, set()])
@pytest.mark.parametrize("put", SCALARS_ONLY)
def test_methods_of_strings_take_no_collections(s, value, put):
    with pytest.raises(TypeError, match="str, bytes, bytearray, memoryview, int or float, not"):
        put(s, value)
    assert len(s) == 0


@pytest.mark.parametrize("value", [INT64, -INT64 - 1, 1 << 200])
def test_ints_beyond_64_bits(s, value):
    with pytest.raises(OverflowError, match="64 bits"):
        s["k"] = value
    with pytest.raises(OverflowError):
        s.incr("k", value)


def test_nan(s):
    with pytest.raises(ValueError, match="NaN"):
        s["k"] = float("nan")


def test_lone_surrogates(s):
    for call in (lambda: s.set("k", "\ud800"), lambda: s.get("\ud800"), lambda: "\ud800" in s):
        with pytest.raises(UnicodeEncodeError):
            call()


@pytest.mark.parametrize("key", ["", b"", "k", "é", b"\0\xff", "x" * 5_000])
def test_keys_come_back_as_they_were_written(s, key):
    s[key] = 1
    assert s[key] == 1 and key in s and list(s) == [key] == list(s.scan())
    assert type(next(iter(s))) is type(key)


def test_text_and_bytes_are_one_key(s):
    s["é"] = 1
    assert s["é".encode()] == 1 and "é".encode() in s and bytearray("é".encode()) in s
    s["é".encode()] = 2
    assert len(s) == 1 and s["é"] == 2
    assert list(s) == ["é"], "the kind it was first written in"
    assert memoryview("é".encode()) in s
    del s[bytearray("é".encode())]
    s["é".encode()] = 3
    assert list(s) == ["é".encode()]


@pytest.mark.parametrize("key", [None, 5, 2.5, True, (), ("a",), [], object()])
@pytest.mark.parametrize("use", [
    lambda s, k: s[k], lambda s, k: s.__setitem__(k, 1), lambda s, k: s.__delitem__(k), lambda s, k: k in s,
    lambda s, k: s.get(k), lambda s, k: s.set(k, 1), lambda s, k: s.delete("a", k), lambda s, k: s.incr(k),
    lambda s, k: s.mget(["a", k]), lambda s, k: s.mset({"a": 1, k: 2} if k.__hash__ else {k: 2}),
    lambda s, k: s.ttl(k), lambda s, k: s.rename("a", k), lambda s, k: s.rename(k, "a"),
    lambda s, k: s.view(k), lambda s, k: s.pop(k), lambda s, k: s.pop(k, None),
    lambda s, k: s.setrange("a", 0, k)])
def test_other_keys_say_what_is_accepted(s, key, use):
    with pytest.raises(TypeError):
        use(s, key)
    with pytest.raises(TypeError, match="str, bytes, bytearray or memoryview, not"):
        s.get(key)
    assert len(s) == 0


def test_a_value_past_the_limit(s):
    with pytest.raises(ValueError, match="512MB"):
        s.setrange("k", 512 << 20, b"x")
    assert "k" not in s


def test_text_that_is_not_utf8_is_an_error_not_a_crash(s):
    s["k"] = "é"
    s.setrange("k", 1, b"x")
    assert s["k"] == b"\xc3x", "setrange makes bytes"


@pytest.mark.parametrize("size", range(40))
def test_text_of_every_length_with_an_odd_character_anywhere(s, size):
    ascii = "".join(chr(33 + i) for i in range(size))
    for text in [ascii, *(ascii[:i] + "é" + ascii[i + 1:] for i in range(size)), "\0" * size, "\x7f" * size]:
        s["k"], s.Hash("h")["f"] = text, text
        assert s["k"] == s.get("k") == s.Hash("h")["f"] == text
        assert s["k"].isascii() == text.isascii() and hash(s["k"]) == hash(text)


@pytest.mark.parametrize("bits", [0, 14, 15, 16, 29, 30, 31, 59, 60, 61, 62, 63])
def test_ints_about_the_sizes_of_digits(s, bits):
    for i in (2**bits - 1, 2**bits, 2**bits + 1, -(2**bits) - 1, -(2**bits), 1 - 2**bits):
        if -(2**63) <= i < 2**63:
            s["n"], s.Hash("h")[i], s["l"] = i, i, [i]
            assert (s["n"], s.Hash("h")[str(i)], list(s["l"])) == (i, i, [i])
            assert i in s.Hash("h")
        else:
            with pytest.raises(OverflowError):
                s["n"] = i
        if abs(i) > 1:
            with pytest.raises(IndexError):
                s.List("l")[i]
