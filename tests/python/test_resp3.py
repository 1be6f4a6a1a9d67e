"""RESP3: what a session answers after HELLO 3, byte by byte; and every conformance case once more, by a session and a real
redis-server side by side."""

import shutil
import sys
from pathlib import Path

import kevy
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
import conformance  # noqa: E402
import oracle  # noqa: E402


@pytest.fixture
def session():
    with kevy.Store() as store, store.session() as session:
        session.command("HELLO", 3)
        yield session


def answers(session, command, reply):
    assert session.command_resp(*command.split()) == reply, command


@pytest.mark.parametrize("steps", [
    [("GET missing", b"_\r\n"), ("LPOP missing 1", b"_\r\n"), ("BLPOP missing 0", b"_\r\n"),
     ("MGET missing", b"*1\r\n_\r\n")],
    [("HSET h f 1", b":1\r\n"), ("HGETALL h", b"%1\r\n$1\r\nf\r\n$1\r\n1\r\n"), ("HGETALL missing", b"%0\r\n"),
     ("HRANDFIELD h 1 WITHVALUES", b"*1\r\n*2\r\n$1\r\nf\r\n$1\r\n1\r\n"), ("HRANDFIELD h -1", b"*1\r\n$1\r\nf\r\n"),
     ("HINCRBYFLOAT h f 0.5", b"$3\r\n1.5\r\n")],
    [("SADD s 7", b":1\r\n"), ("SMEMBERS s", b"~1\r\n$1\r\n7\r\n"), ("SMEMBERS missing", b"~0\r\n"),
     ("SISMEMBER s 7", b":1\r\n"), ("SRANDMEMBER s 1", b"*1\r\n$1\r\n7\r\n"), ("SPOP s 1", b"~1\r\n$1\r\n7\r\n")],
    [("ZADD z 2.5 m", b":1\r\n"), ("ZSCORE z m", b",2.5\r\n"), ("ZINCRBY z inf m", b",inf\r\n"),
     ("ZSCORE z other", b"_\r\n"), ("ZADD z INCR -inf n", b",-inf\r\n")],
    [("ZADD z 1 m", b":1\r\n"), ("ZRANGE z 0 -1 WITHSCORES", b"*1\r\n*2\r\n$1\r\nm\r\n,1\r\n"),
     ("ZRANK z m WITHSCORE", b"*2\r\n:0\r\n,1\r\n"), ("ZRANDMEMBER z -1 WITHSCORES", b"*1\r\n*2\r\n$1\r\nm\r\n,1\r\n"),
     ("ZUNION 1 z WITHSCORES", b"*1\r\n*2\r\n$1\r\nm\r\n,1\r\n"),
     ("ZSCAN z 0", b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\nm\r\n$1\r\n1\r\n"), ("ZPOPMIN z", b"*2\r\n$1\r\nm\r\n,1\r\n"),
     ("ZPOPMIN z", b"*0\r\n")],
    [("ZADD z 1 m", b":1\r\n"), ("ZPOPMAX z 1", b"*1\r\n*2\r\n$1\r\nm\r\n,1\r\n")],
    [("XADD x 1-1 f v", b"$3\r\n1-1\r\n"),
     ("XREAD STREAMS x 0", b"%1\r\n$1\r\nx\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
     ("XREAD STREAMS x 1-1", b"_\r\n")],
    [("MULTI", b"+OK\r\n"), ("HGETALL h", b"+QUEUED\r\n"), ("NOSUCH", None), ("EXEC", None),
     ("MULTI", b"+OK\r\n"), ("HGETALL h", b"+QUEUED\r\n"), ("EXEC", b"*1\r\n%0\r\n")],
])
def test_replies(session, steps):
    for command, reply in steps:
        got = session.command_resp(*command.split())
        assert reply is None or got == reply, command


def test_info_says_that_it_is_text(session):
    reply = session.command_resp("INFO")
    assert reply[:1] == b"=" and b"\r\ntxt:# Server\r\n" in reply


def test_values_have_the_shapes_of_the_protocol(session):
    session.command("ZADD", "z", 1, "m")
    session.command("XADD", "x", "1-1", "f", "v")
    assert session.command("ZRANGE", "z", 0, -1, "WITHSCORES") == [[b"m", 1.0]]
    assert session.command("XREAD", "STREAMS", "x", 0) == {b"x": [[b"1-1", [b"f", b"v"]]]}
    session.command("HELLO", 2)
    assert session.command("ZRANGE", "z", 0, -1, "WITHSCORES") == [b"m", 1.0]
    assert session.command("XREAD", "STREAMS", "x", 0) == [[b"x", [[b"1-1", [b"f", b"v"]]]]]


# ---- HELLO ---------------------------------------------------------------------------------------


def test_hello_changes_the_protocol_from_its_own_reply_on():
    with kevy.Store() as store, store.session() as session:
        assert session.protocol == 2
        assert session.command_resp("GET", "k") == b"$-1\r\n"
        assert session.command_resp("HELLO", 3).startswith(b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n")
        assert session.protocol == 3
        assert session.command_resp("HELLO").startswith(b"%7\r\n")
        assert session.command_resp("HELLO", 4) == b"-NOPROTO unsupported protocol version\r\n"
        assert session.protocol == 3
        assert session.command_resp("HELLO", 2).startswith(b"*14\r\n")
        assert session.command_resp("GET", "k") == b"$-1\r\n"
        assert store.command_resp("GET", "k") == b"$-1\r\n"


def test_hello_names_and_identifies():
    with kevy.Store() as store, store.session() as a, store.session() as b:
        first, second = a.command("HELLO", 3, "SETNAME", "me"), b.command("HELLO")
        assert (first[b"proto"], second[b"proto"]) == (3, 2)
        assert first[b"id"] != second[b"id"]


def test_hello_within_exec_changes_what_follows_it():
    with kevy.Store() as store, store.session() as session:
        for command in ("MULTI", "GET k", "HELLO 3", "GET k"):
            session.command(*command.split())
        reply = session.command_resp("EXEC")
        assert reply.startswith(b"*3\r\n$-1\r\n%7\r\n") and reply.endswith(b"_\r\n")


def test_reset_forgets():
    with kevy.Store() as store, store.session() as session:
        session.command("HELLO", 3)
        session.command("MULTI")
        assert session.command_resp("RESET") == b"+RESET\r\n"
        assert session.protocol == 2
        assert session.command_resp("EXEC") == b"-ERR EXEC without MULTI\r\n"


def test_quit_ends_it():
    with kevy.Store() as store, store.session() as session:
        session.command("MULTI")
        assert session.command_resp("QUIT") == b"+OK\r\n"
        assert session.protocol == 0
    assert session.protocol == 0


# ---- Side by side ----------------------------------------------------------------------------------

CASES = [case for case in conformance.load()
         if oracle.askable(case) and case.name not in oracle.differences()
         and not any(step[0] == "clock" and step[1] for step in case.steps)
         and not any(command[0] == b"HELLO" for command in case.commands)]


def alike(command, expected, theirs, ours):
    """The same in RESP3; or, of what a case leaves open or differs by chance, the same kind of thing."""
    if expected.kind == "any":
        return theirs.kind == ours.kind
    if conformance.matches(theirs, ours):
        return True
    return (conformance.shape(theirs) == conformance.shape(ours)
            and conformance.matches(expected, conformance.as_resp2(command, ours)))


def compare(redis, case):
    """The first command of a case that the two answer otherwise, and both replies."""
    redis.execute([b"RESET"])
    redis.execute([b"FLUSHALL"])
    redis.execute([b"HELLO", b"3"])
    with kevy.Store() as store, store.session() as session:
        session.command("HELLO", 3)
        for kind, *rest in case.steps:
            if kind == "clock":
                continue
            command, expected = rest
            theirs, ours = (conformance.decode(execute(command)) for execute in
                            (redis.execute, lambda command: session.command_resp(*command)))
            if not alike(command, expected, theirs, ours):
                return f"{case}\n> {command}\nredis\n{theirs}\nkevy\n{ours}"
    return None


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
def test_every_case_as_redis_answers_it():
    with oracle.Redis() as redis:
        found = [text for text in (compare(redis, case) for case in CASES) if text]
    assert not found, "\n\n".join(found[:10])
