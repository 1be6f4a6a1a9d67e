"""Random commands on sets, for differential.py."""

import conformance
from differential_hash import unfair_draw, unfair_scan

MEMBERS = [b"", b"a", b"b", b"ab", b"m" * 64, b"m" * 65, b"m" * 300, b"\x00", b"\xff", b"01", b"+1", b"-0", b" 1"]
UNORDERED = {b"SMEMBERS", b"SINTER", b"SUNION", b"SDIFF", b"SSCAN"}


def member(q):
    if q.one_in(3):
        return q.r.choice(MEMBERS)
    if q.one_in(8):
        return q.integer()
    return b"%d" % q.r.randrange(-30, 60) if q.one_in(2) else b"m%d" % q.r.randrange(40)


def members(q):
    """One, a few, or a run of them that makes the set large."""
    kind = q.r.randrange(10)
    if kind < 6:
        return [member(q) for _ in range(q.r.randrange(1, 4))]
    if kind < 9:
        return [member(q) for _ in range(q.r.randrange(1, 40))]
    low, form = q.r.randrange(1000), q.r.choice([b"%d", b"%d", b"n%d"])
    return [form % i for i in range(low, low + q.r.choice([30, 130, 520, 600]))]


def pop_count(q):
    """All of a set, or none of it: what is drawn must be the same on both sides."""
    return q.r.choice([b"0", b"1000000", b"-1", b"x", b"%d" % 2**63, b"%d" % -2**63])


def command(q):
    r = q.r
    return r.choice([
        lambda: [b"SADD", q.key(), *members(q)],
        lambda: [b"SADD", q.key(), *members(q)],
        lambda: [b"SADD", q.key(), member(q)],
        lambda: [b"SREM", q.key(), *members(q)],
        lambda: [b"SREM", q.key(), *members(q)],
        lambda: [b"SISMEMBER", q.key(), member(q)],
        lambda: [b"SMISMEMBER", q.key(), *members(q)],
        lambda: [r.choice([b"SCARD", b"SMEMBERS", b"TYPE", b"TTL", b"DEL"]), q.key()],
        lambda: [b"SMOVE", q.key(), q.key(), member(q)],
        lambda: [r.choice([b"SINTER", b"SUNION", b"SDIFF"]), *q.keys()],
        lambda: [r.choice([b"SINTER", b"SUNION", b"SDIFF"]), *q.keys()],
        lambda: [r.choice([b"SINTERSTORE", b"SUNIONSTORE", b"SDIFFSTORE"]), q.key(), *q.keys()],
        lambda: [b"SINTERCARD", *q.counted(q.keys())] + q.options(
            lambda: [r.choice([b"LIMIT", b"limit"]), q.integer()], lambda: [b"LIMIT", b"3"]),
        lambda: [b"SPOP", q.key(), pop_count(q)],
        lambda: [b"SRANDMEMBER", q.key(), r.choice([b"0", b"1000000", b"x", b"%d" % -2**63])],
        lambda: [b"SSCAN", q.key(), b"0", b"COUNT", b"100000"] + q.options(lambda: [b"MATCH", q.pattern()]),
        lambda: [b"SSCAN", q.key(), r.choice([b"x", b"0"]), b"COUNT", r.choice([b"0", b"x"])],
        lambda: [r.choice([b"COPY", b"RENAME"]), q.key(), q.key()],
        lambda: [b"COMMAND", b"GETKEYS", *command(q)],
    ])()


def unfair(command):
    name = command[0].upper()
    if name == b"SPOP" and command[2:] in ([b"-1"], [b"%d" % -2**63]):
        return None
    if name in (b"SPOP", b"SRANDMEMBER"):
        return unfair_draw(command)
    return unfair_scan(command) if name == b"SSCAN" else None


def alike(command, redis, ours):
    name = command[0].upper()
    if name in UNORDERED or name in (b"SPOP", b"SRANDMEMBER") and command[2:] == [b"1000000"]:
        return conformance.unordered(redis) == conformance.unordered(ours)
    return None


