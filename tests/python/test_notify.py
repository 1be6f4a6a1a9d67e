"""Keyspace notifications: what each command, and each native method, tells. Against Redis: tests/conformance/events.py."""
import pathlib
import shutil
import subprocess
import sys
import time

import kevy
import pytest

EVENTS = pathlib.Path(__file__).parent.parent / "conformance" / "events.py"


@pytest.fixture
def told(s):
    """Runs something and returns the events and keys that were told of it."""
    with s.session() as listener:
        listener.command("PSUBSCRIBE", "__keyevent@0__:*")

        def run(do):
            if not callable(do):
                s.command(*do.split())
            else:
                do()
            heard = []
            while True:
                message = listener.next_message(0)
                if message is None:
                    return " ".join("%s:%s" % (m[2].split(b":", 1)[1].decode(), m[3].decode()) for m in heard)
                heard.append(message)

        s.command("CONFIG", "SET", "notify-keyspace-events", "EA")
        yield run


def test_off_by_default(s):
    with s.session() as listener:
        listener.command("PSUBSCRIBE", "*")
        s["k"] = 1
        assert listener.next_message(0) is None
        for events in ("A", "KEA", "K$", ""):
            assert s.command("CONFIG", "SET", "notify-keyspace-events", events) == "OK"
            assert s.command("CONFIG", "GET", "notify-keyspace-events") == {
                b"notify-keyspace-events": {"KEA": b"AKE", "K$": b"$K"}.get(events, events.encode())}
            s["k"] = 1
            heard = []
            while True:
                message = listener.next_message(0)
                if message is None:
                    break
                heard.append(tuple(message[2:]))
            space, event = (b"__keyspace@0__:k", b"set"), (b"__keyevent@0__:set", b"k")
            assert heard == {"KEA": [space, event], "K$": [space]}.get(events, [])


COMMANDS = [
    ("SET k v", "set:k"),
    ("SET k v NX", ""),
    ("SET k v EX 100", "set:k expire:k"),
    ("GETEX k PERSIST", "persist:k"),
    ("GETEX k EX 50", "expire:k"),
    ("EXPIRE k 100 GT", "expire:k"),
    ("EXPIRE k 50 GT", ""),
    ("PERSIST k", "persist:k"),
    ("PERSIST k", ""),
    ("EXPIRE k -1", "del:k"),
    ("EXPIRE k 10", ""),
    ("MSET a 1 b 2", "set:a set:b"),
    ("MSETNX b 1 c 2", ""),
    ("INCR a", "incrby:a"),
    ("DECRBY a 3", "incrby:a"),
    ("INCRBYFLOAT a 0.5", "incrbyfloat:a"),
    ("APPEND b x", "append:b"),
    ("SETRANGE b 3 x", "setrange:b"),
    ("RENAME a c", "rename_from:a rename_to:c"),
    ("COPY c d", "copy_to:d"),
    ("GETDEL d", "del:d"),
    ("DEL b b none c", "del:b del:c"),
    ("DEL b", ""),
    ("RPUSH l 1 2 3 4 5 6", "rpush:l"),
    ("LPUSHX none 1", ""),
    ("LPOP l", "lpop:l"),
    ("LMOVE l m LEFT RIGHT", "rpush:m lpop:l"),
    ("LTRIM l 0 2", "ltrim:l"),
    ("LTRIM l 0 -1", "ltrim:l"),
    ("LREM l 1 none", ""),
    ("LSET l 0 x", "lset:l"),
    ("LINSERT l BEFORE x y", "linsert:l"),
    ("LMPOP 2 none l LEFT COUNT 10", "lpop:l del:l"),
    ("BLPOP none m 0", "lpop:m del:m"),
    ("LPOP l", ""),
    ("SADD s a b", "sadd:s"),
    ("SADD s a", ""),
    ("SMOVE s t a", "srem:s sadd:t"),
    ("SINTERSTORE u s t", ""),
    ("SUNIONSTORE u s t", "sunionstore:u"),
    ("SDIFFSTORE u s s", "del:u"),
    ("SREM s b none", "srem:s del:s"),
    ("SPOP t", "spop:t del:t"),
    ("HSET h f 1 g 2", "hset:h"),
    ("HSETNX h f 1", ""),
    ("HINCRBY h f 1", "hincrby:h"),
    ("HINCRBYFLOAT h f 1", "hincrbyfloat:h"),
    ("HDEL h f", "hdel:h"),
    ("HDEL h f", ""),
    ("HEXPIRE h 100 FIELDS 1 g", "hexpire:h"),
    ("HPERSIST h FIELDS 1 g", "hpersist:h"),
    ("HDEL h g", "hdel:h del:h"),
    ("ZADD z 1 a 2 b 3 c", "zadd:z"),
    ("ZADD z 1 a", ""),
    ("ZADD z INCR 1 a", "zincr:z"),
    ("ZINCRBY z 1 a", "zincr:z"),
    ("ZRANGESTORE y z 0 0", "zrangestore:y"),
    ("ZUNIONSTORE y 1 z", "zunionstore:y"),
    ("ZREMRANGEBYRANK y 0 0", "zremrangebyrank:y"),
    ("ZMPOP 2 none y MIN", "zpopmin:y"),
    ("ZREM y a b c", "zrem:y del:y"),
    ("ZPOPMAX z 10", "zpopmax:z del:z"),
    ("XADD x 1-1 f v", "xadd:x"),
    ("XADD x MAXLEN = 1 1-2 f v", "xadd:x xtrim:x"),
    ("XADD x MAXLEN = 5 1-3 f v", "xadd:x"),
    ("XTRIM x MAXLEN 1", "xtrim:x"),
    ("XTRIM x MAXLEN 1", ""),
    ("XGROUP CREATE x g 0", "xgroup-create:x"),
    ("XREADGROUP GROUP g me STREAMS x >", "xgroup-createconsumer:x"),
    ("XGROUP CREATECONSUMER x g me", ""),
    ("XGROUP DELCONSUMER x g me", "xgroup-delconsumer:x"),
    ("XGROUP SETID x g 0", "xgroup-setid:x"),
    ("XGROUP DESTROY x g", "xgroup-destroy:x"),
    ("XSETID x 9-9", "xsetid:x"),
    ("XDEL x 1-3", "xdel:x"),
]


def test_commands(s, told):
    assert [(c, told(c)) for c, _ in COMMANDS] == COMMANDS


def test_native_methods(s, told):
    h, m, z, l = s.Hash("h"), s.Set("s"), s.ZSet("z"), s.List("l")
    assert told(lambda: s.__setitem__("key long enough", 1)) == "set:key long enough"
    assert told(lambda: s.__setitem__("key long enough", 2)) == "set:key long enough"
    assert told(lambda: s.set("k", 1, ttl=10)) == "set:k expire:k"
    assert told(lambda: s.incr("k")) == "incrby:k"
    assert told(lambda: s.persist("k")) == "persist:k"
    assert told(lambda: s.rename("k", "n")) == "rename_from:k rename_to:n"
    assert told(lambda: s.__delitem__("n")) == "del:n"
    assert told(lambda: h.__setitem__("field name", 1)) == "hset:h"
    assert told(lambda: h.__delitem__("field name")) == "hdel:h del:h"
    assert told(lambda: m.add("a member")) == "sadd:s"
    assert told(lambda: m.add("a member")) == ""
    assert told(lambda: m.discard("a member")) == "srem:s del:s"
    assert told(lambda: z.__setitem__("a member", 1)) == "zadd:z"
    assert told(lambda: z.__delitem__("a member")) == "zrem:z del:z"
    assert told(lambda: l.extend([1, 2, 3])) == "rpush:l"
    assert told(lambda: l.pop()) == "rpop:l"
    assert told(lambda: l.clear()) == "del:l"


def test_new_expired_and_missed(s, told):
    s.command("CONFIG", "SET", "notify-keyspace-events", "EnxmA")
    assert told("SET k v PX 100000") == "new:k set:k expire:k"
    assert told("SET k v PX 100000") == "set:k expire:k"
    assert told("GET none") == "keymiss:none"
    assert told("MGET none k other") == "keymiss:none keymiss:other"
    assert told("EXPIREAT k 1") == "del:k"
    assert told("SET k v EXAT 1") == "set:k expire:k expired:k"


def test_evicted():
    with kevy.Store(maxmemory=1 << 20, policy="allkeys-lru") as s, s.session() as listener:
        s.command("CONFIG", "SET", "notify-keyspace-events", "Ee")
        listener.command("SUBSCRIBE", "__keyevent@0__:evicted")
        for i in range(40):
            s["k%d" % i] = b"x" * 50000
        gone = {b"k%d" % i for i in range(40)} - {k.encode() if isinstance(k, str) else k for k in s}
        heard = set()
        while True:
            message = listener.next_message(0)
            if message is None:
                break
            heard.add(message[2])
        assert gone and heard == gone


def test_a_transaction_tells_at_its_commit(s, told):
    def kept():
        with s.transaction():
            s["k"] = 1
            assert told(lambda: None) == ""

    def lost():
        try:
            with s.transaction():
                s["k"] = 2
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    assert told(kept) == "set:k"
    assert told(lost) == ""


def test_a_store_with_a_log(tmp_path):
    with kevy.Store(tmp_path / "d") as s, s.session() as listener:
        s.command("CONFIG", "SET", "notify-keyspace-events", "EA")
        listener.command("PSUBSCRIBE", "__keyevent*")
        s.command("SADD", "s", "a")
        s.command("SREM", "s", "a")
        s["k"] = 1
        assert [listener.next_message(0)[2:] for _ in range(4)] == [
            [b"__keyevent@0__:" + e, k] for e, k in [(b"sadd", b"s"), (b"srem", b"s"), (b"del", b"s"), (b"set", b"k")]]


def test_bitfield_that_only_reads_tells_nothing_of_what_expires_under_it(s, told):
    assert told("SET k v PX 1") == "set:k expire:k"
    time.sleep(0.01)
    assert told("BITFIELD k GET u8 0") in ("expired:k", "")
    assert told("BITFIELD k SET u8 0 0") == "setbit:k"
    assert told("BITFIELD k SET u8 0 0") == ""


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
def test_as_redis_server_does():
    ran = subprocess.run([sys.executable, EVENTS, "--rounds", "8"], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
