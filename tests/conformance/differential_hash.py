"""Random commands on hashes, for differential.py. (Deadlines of fields are younger than the server.)"""

import conformance

FIELDS = [b"", b"a", b"b", b"ab", b"f" * 64, b"f" * 65, b"f" * 300, b"\x00", b"\xff", b"01", b"+1", b"-0", b" 1"]
REFUSED = (b"x", b"0x", b"18446744073709551616")  # as cursors
UNORDERED = {b"HKEYS", b"HVALS"}
PAIRED = {b"HGETALL", b"HSCAN"}


def field(q):
    if q.one_in(3):
        return q.r.choice(FIELDS)
    if q.one_in(8):
        return q.integer()
    return b"%d" % q.r.randrange(-30, 60) if q.one_in(2) else b"f%d" % q.r.randrange(40)


def fields(q):
    return [field(q) for _ in range(q.r.randrange(1, 4) if not q.one_in(5) else q.r.randrange(1, 60))]


def value(q):
    return q.value() if q.one_in(3) else b"%d" % q.r.randrange(1000)


def pairs(q):
    """One, a few, or a run of them that makes the hash large."""
    if q.one_in(12):
        low = q.r.randrange(1000)
        return [word for i in range(low, low + q.r.choice([30, 128, 129, 300])) for word in (b"f%d" % i, b"%d" % i)]
    return [word for f in fields(q) for word in (f, value(q))]


def number(q):
    return q.r.choice([q.integer(), q.integer(), b"1", b"0.5", b"-1e3", b"inf", b"nan", b"1e400", b"x", b"3.0e2"])


def command(q):
    r = q.r
    return r.choice([
        lambda: [r.choice([b"HSET", b"HSET", b"HMSET"]), q.key(), *pairs(q)],
        lambda: [b"HSET", q.key(), *pairs(q)],
        lambda: [b"HSETNX", q.key(), field(q), value(q)],
        lambda: [b"HDEL", q.key(), *fields(q)],
        lambda: [b"HDEL", q.key(), *fields(q)],
        lambda: [r.choice([b"HGET", b"HEXISTS", b"HSTRLEN"]), q.key(), field(q)],
        lambda: [b"HMGET", q.key(), *fields(q)],
        lambda: [r.choice([b"HLEN", b"HGETALL", b"HKEYS", b"HVALS", b"TYPE", b"TTL", b"DEL"]), q.key()],
        lambda: [b"HINCRBY", q.key(), field(q), q.integer()],
        lambda: [b"HINCRBYFLOAT", q.key(), field(q), number(q)],
        lambda: [b"HRANDFIELD", q.key(), r.choice([b"0", b"1000000", b"x", b"%d" % -2**63])] + q.options(
            lambda: [b"WITHVALUES"]),
        lambda: [b"HSCAN", q.key(), b"0", b"COUNT", b"100000"] + q.options(lambda: [b"MATCH", q.pattern()]),
        lambda: [b"HSCAN", q.key(), r.choice([b"x", b"0"]), b"COUNT", r.choice([b"0", b"x"])],
        lambda: [r.choice([b"COPY", b"RENAME"]), q.key(), q.key()],
        lambda: [b"COMMAND", b"GETKEYS", *command(q)],
    ])()


def unfair(command):
    name = command[0].upper()
    if name == b"HRANDFIELD":
        return unfair_draw(command)
    return unfair_scan(command) if name == b"HSCAN" else None


def unfair_draw(command):
    """Of a command that draws elements: all or none can be compared, and what is wrong."""
    if len(command) < 3 or command[2] not in (b"0", b"1000000", b"x", b"%d" % 2**63):
        return "Elements drawn by chance"
    return "Words with a zero byte" if b"\x00" in b"".join(command[3:]) else None


def unfair_scan(command):
    """Of a command that scans a value: only all of it can be compared, and what is wrong."""
    if command[2:3] and command[2] in REFUSED:
        return None
    if command[2:3] and command[2].isdigit() and command[2].strip(b"0"):
        return "Parts of a scan"
    if command[2:3] and (not command[2] or command[2][:1] in b"-+" or b"\x00" in command[2]):
        return "A cursor with a sign, or without a digit"
    if any(len(word) > 1 and not word.strip(b"*") for word in command[5:]):
        return "The pattern ** and the empty string"
    if b"\x00" in b"".join(command[3:]):
        return "Words with a zero byte"
    return None if command[3:5] == [b"COUNT", b"100000"] or command[4:] in ([b"0"], [b"x"]) else "Parts of a scan"


def by_pairs(item):
    """The pairs of a flat reply, in an order of their own; of a scan's second part."""
    if item.kind == "array" and item.value and item.value[-1].kind == "array":
        return item.value[0], by_pairs(item.value[-1])
    if item.kind != "array" or len(item.value) % 2:
        return str(item)
    return sorted((str(a), str(b)) for a, b in zip(item.value[::2], item.value[1::2]))


def alike(command, redis, ours):
    name = command[0].upper()
    if name in PAIRED or name == b"HRANDFIELD" and len(command) > 3:
        return by_pairs(redis) == by_pairs(ours)
    if name in UNORDERED or name == b"HRANDFIELD":
        return conformance.unordered(redis) == conformance.unordered(ours)
    return None
