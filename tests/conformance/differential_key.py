"""Random commands on the keyspace and on strings, for differential.py."""

import re

import conformance
from differential_hash import REFUSED
from questions import FLOATS, KEYS, WORDS

# How far apart what the two clocks tell may be; times to live are further apart from each other.
CLOSE = {b"TTL": 9, b"PTTL": 9000, b"EXPIRETIME": 9, b"PEXPIRETIME": 9000}
ASKED_LIMIT = [b"0", b"COUNT", b"100000"]


def assign(q):
    return [b"SET", q.key(), q.value()] + q.options(
        lambda: q.expire_option(b"KEEPTTL"), lambda: [q.r.choice(WORDS[:6])])


def expire(q):
    name, when = q.r.choice([(b"EXPIRE", q.life(1)), (b"PEXPIRE", q.life(1000)),
                             (b"EXPIREAT", q.moment(1)), (b"PEXPIREAT", q.moment(1000))])
    return [name, q.key(), when] + q.options(lambda: [q.r.choice(WORDS[:4])])


def scan(q):
    return [b"SCAN", *ASKED_LIMIT] + q.options(
        lambda: [b"MATCH", q.pattern()], lambda: [b"TYPE", q.r.choice([b"string", b"list", b"ZSET", b"hash", b"x"])])


def command(q):
    k, v, i, n = q.key, q.value, q.integer, q.r.choice
    return n([
        lambda: assign(q), lambda: assign(q), lambda: assign(q), lambda: assign(q), lambda: expire(q), lambda: expire(q),
        lambda: scan(q),
        lambda: [b"GETEX", k()] + q.options(lambda: q.expire_option(b"PERSIST")),
        lambda: [n([b"GET", b"GETDEL", b"STRLEN", b"INCR", b"DECR", b"TTL", b"PTTL", b"EXPIRETIME", b"PERSIST",
                    b"PEXPIRETIME", b"TYPE", b"GET", b"INCR"]), k()],
        lambda: [n([b"GETSET", b"SETNX", b"APPEND"]), k(), v()],
        lambda: [n([b"INCRBY", b"DECRBY"]), k(), i()],
        lambda: [b"INCRBYFLOAT", k(), n([n(FLOATS), i()])],
        lambda: [n([b"GETRANGE", b"SUBSTR"]), k(), i(), i()],
        lambda: [b"SETRANGE", k(), n([i(), b"%d" % q.r.randrange(30000), b"536870912"]), v()],
        lambda: [b"SETEX", k(), q.life(1), v()],
        lambda: [b"PSETEX", k(), q.life(1000), v()],
        lambda: [n([b"RENAME", b"RENAMENX"]), k(), k()],
        lambda: [b"COPY", k(), k()] + q.options(lambda: [n([b"REPLACE", b"replace"])], lambda: [b"DB", i()]),
        lambda: [n([b"MSET", b"MSETNX"]), *q.pairs()],
        lambda: [n([b"MGET", b"DEL", b"UNLINK", b"EXISTS", b"TOUCH"]), *q.keys()],
        lambda: [b"KEYS", q.pattern()],
        lambda: [n([b"DBSIZE", b"RANDOMKEY"])],
        lambda: [b"OBJECT", n([b"ENCODING", b"ENCODING", b"REFCOUNT", b"FREQ"]), k()],
        lambda: [n([b"ECHO", b"PING"]), v()],
        lambda: [b"COMMAND", n([b"GETKEYS", b"GETKEYSANDFLAGS"]), *q.plain(but=("session", "dump"))],
        lambda: [n([b"FLUSHALL", b"FLUSHDB"]), *q.options(lambda: [n([b"ASYNC", b"SYNC"])])] if q.one_in(40) else [b"SELECT", b"0"],
    ])()


HALF = re.compile(rb"\s*[+-]?\d")  # what atoi takes, and what is a number
WHOLE = re.compile(rb"0|-?[1-9]\d{0,7}")


def unfair(command):
    name = command[0].upper()
    if name == b"COMMAND" and b"GETKEYSANDFLAGS" in [w.upper() for w in command[1:2]] and (
            any(HALF.match(word) and not WHOLE.fullmatch(word) for word in command[3:])):
        return "Flags of keys behind a number such as +1 or 1e3"
    if name == b"COMMAND" and command[1:2] and command[1].upper() in (b"GETKEYS", b"GETKEYSANDFLAGS"):
        return "COMMAND GETKEYS of a command without arguments" if len(command) == 3 else None
    if name == b"SCAN" and command[1:2] and command[1] not in REFUSED and (command[1:4] != ASKED_LIMIT or b"COUNT" in command[4:]):
        return "Parts of a scan"
    if name in (b"KEYS", b"SCAN") and any(len(word) > 1 and not word.strip(b"*") for word in command[1:]):
        return "The pattern ** and the empty string"
    if name in (b"SET", b"GETEX", b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT", b"COPY") and any(
            b"\x00" in word for word in command[3 if name != b"GETEX" else 2:]):
        return "Words with a zero byte"
    return None


# The encodings that Redis may keep where kevy tells the first.
GROWN = {b"embstr": (b"raw",), b"int": (b"raw", b"embstr"), b"listpack": (b"hashtable", b"skiplist", b"quicklist"), b"intset": (b"hashtable",)}


def encoding_alike(redis, ours):
    return redis.value in GROWN.get(ours.value, ()) or ours.value == redis.value


def alike(command, redis, ours):
    """Deadlines that count from now; Keys whose deadline is past; Encodings of what was larger; References of values;
    An order of its own."""
    name = command[0].upper()
    if name in CLOSE and redis.kind == ours.kind == "int" and redis.value > 0:
        return abs(redis.value - ours.value) <= CLOSE[name]
    if name == b"DBSIZE":
        return redis.kind == ours.kind == "int" and ours.value <= redis.value
    if name == b"OBJECT" and redis.kind == ours.kind == "bulk":
        return encoding_alike(redis, ours)
    if name == b"OBJECT" and redis.kind == ours.kind == "int":
        return True
    if name in (b"KEYS", b"SCAN"):
        return conformance.unordered(redis) == conformance.unordered(ours)
    if name == b"RANDOMKEY":
        return redis.kind == ours.kind == "bulk"
    return None
