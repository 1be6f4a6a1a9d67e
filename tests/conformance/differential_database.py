"""Random commands on the sixteen databases, for differential.py: the same keys in several of them, values that go from one to the
other, whole databases that change places or are emptied. What is stored is compared in all of them."""

from differential_session import ByAnother

INDEXES = [b"0", b"0", b"1", b"1", b"2", b"7", b"15"]
WRONG = [b"16", b"-1", b"x", b"", b"01", b"+1", b" 1", b"1.0", b"4294967296", b"18446744073709551617", b"%d" % 2**63]


def index(q):
    return q.r.choice(INDEXES) if not q.one_in(20) else q.r.choice(WRONG)


def write(q):
    """Something that a key of any type may have become, so that moved values meet others."""
    r = q.r
    return r.choice([
        lambda: [b"SET", q.key(), q.value()],
        lambda: [b"RPUSH", q.key(), q.value(), q.integer()],
        lambda: [b"HSET", q.key(), b"f%d" % r.randrange(200), q.value()],
        lambda: [b"SADD", q.key(), *(b"%d" % r.randrange(900) for _ in range(r.choice([1, 5, 40])))],
        lambda: [b"ZADD", q.key(), b"%d" % r.randrange(50), b"m%d" % r.randrange(200)],
        lambda: [b"XADD", q.key(), b"%d-%d" % (r.randrange(1, 99), r.randrange(5)), b"f", b"v"],
        lambda: [b"EXPIRE", q.key(), q.life(1)],
        lambda: [b"DEL", *q.keys()],
    ])()


def command(q):
    r = q.r
    return r.choice([
        lambda: [b"SELECT", index(q)], lambda: [b"SELECT", index(q)], lambda: [b"SELECT", index(q)],
        lambda: [b"MOVE", q.key(), index(q)], lambda: [b"MOVE", q.key(), index(q)],
        lambda: [b"SWAPDB", index(q), index(q)],
        lambda: [b"COPY", q.key(), q.key(), *q.options(lambda: [b"DB", index(q)], lambda: [b"REPLACE"])],
        lambda: [b"COPY", q.key(), q.key(), b"DB", index(q), *q.options(lambda: [b"REPLACE"])],
        lambda: write(q), lambda: write(q), lambda: write(q), lambda: write(q),
        lambda: ByAnother(write(q)), lambda: ByAnother([b"SELECT", index(q)]),
        lambda: ByAnother(r.choice([[b"SWAPDB", index(q), index(q)], [b"MOVE", q.key(), index(q)]])),
        lambda: [r.choice([b"EXISTS", b"TYPE", b"TTL", b"GET"]), q.key()],
        lambda: [r.choice([b"DBSIZE", b"RANDOMKEY"])],
        lambda: [r.choice([b"FLUSHDB", b"FLUSHDB", b"FLUSHALL"]), *q.options(lambda: [r.choice([b"ASYNC", b"SYNC"])])] if q.one_in(6)
        else [b"KEYS", b"*"],
    ])()
