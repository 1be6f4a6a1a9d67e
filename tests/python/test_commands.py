"""command() and command_resp()."""

import kevy
import pytest


def test_replies_as_python_values(either):
    s = either
    assert s.command("SET", "k", "v") == "OK" and s.command(b"get", b"k") == b"v"
    assert s.command("GET", "nope") is None and s.command("EXISTS", "k", "k") == 2
    assert s.command("MGET", "k", "nope") == [b"v", None] and s.command("INCR", "n") == 1
    assert s.command("PING") == "PONG" and s.command("ECHO", memoryview(b"x")) == b"x"
    assert s.command("KEYS", "k*") == [b"k"]


def test_commands_see_the_byte_form(s):
    s.update(text="é", n=42, whole=3.0, half=2.5)
    assert s.command("MGET", "text", "n", "whole", "half") == ["é".encode(), b"42", b"3", b"2.5"]
    assert s.command("SET", "k", 7) == "OK" and s["k"] == b"7"
    assert s.command("SET", "k", 2.5) == "OK" and s["k"] == b"2.5"
    assert s.command("INCRBY", "n", 8) == 50 and s["n"] == 50
    assert s.command("INCRBYFLOAT", "n", 0.5) == b"50.5" and s["n"] == b"50.5"


def test_errors(s):
    for args, text in [(("NOPE",), "ERR unknown command"), (("GET",), "ERR wrong number of arguments for 'get' command"),
                       (("SET", "k", "v", "EX", "0"), "ERR invalid expire time in 'set' command"),
                       (("SET", "k", "v", "WHAT"), "ERR syntax error")]:
        with pytest.raises(kevy.CommandError) as caught:
            s.command(*args)
        assert str(caught.value).startswith(text) and isinstance(caught.value, kevy.Error)
        resp = s.command_resp(*args)
        assert resp.startswith(b"-" + text.encode()) and resp.endswith(b"\r\n")


def test_resp(either):
    s = either
    assert s.command_resp("SET", "k", b"\0\r\n") == b"+OK\r\n"
    assert s.command_resp("GET", "k") == b"$3\r\n\0\r\n\r\n" and s.command_resp("GET", "nope") == b"$-1\r\n"
    assert s.command_resp("MGET", "k", "nope") == b"*2\r\n$3\r\n\0\r\n\r\n$-1\r\n"
    assert s.command_resp("INCR", "n") == b":1\r\n"


def test_deep_replies(s):
    rows = s.command("COMMAND")
    get = next(row for row in rows if row[0] == b"get")
    assert get[1] == 2 and "readonly" in get[2]
    assert s.command_resp("COMMAND", "INFO", "get").startswith(b"*1\r\n*")
    docs = s.command("COMMAND", "DOCS", "get")
    assert isinstance(docs, dict) and b"summary" in docs[b"get"]


@pytest.mark.parametrize("args", [(), (None,), ("SET", "k", None), ("SET", "k", True), ("SET", "k", []),
                                  ("SET", ("k",), 1)])
def test_arguments_of_another_type(s, args):
    for run in (s.command, s.command_resp):
        with pytest.raises(TypeError):
            run(*args)
    with pytest.raises(OverflowError):
        s.command("SET", "k", 1 << 64)
    with pytest.raises(ValueError):
        s.command("SET", "k", float("nan"))


def test_a_big_reply(s):
    s.update({str(i): "x" * i for i in range(3000)})
    keys = s.command("KEYS", "*")
    assert sorted(map(int, keys)) == list(range(3000))
    values = s.command("MGET", *keys)
    assert [len(v) for v in values] == [int(k) for k in keys]
