"""Random commands on lists, for differential.py."""

ITEMS = [b"", b"a", b"b", b"01", b"-0", b"+1", b" 1", b"\x00", b"x" * 63, b"x" * 64, b"y" * 300, b"z" * 2049, b"z" * 9000]
ENDS = [b"LEFT", b"RIGHT", b"left", b"right"]


def rank(q):
    return q.r.choice([b"1", b"2", b"-1", b"-3", q.integer()])


def item(q):
    if q.one_in(4):
        return q.r.choice(ITEMS)
    if q.one_in(8):
        return q.integer()
    return b"%d" % q.r.randrange(-20, 20) if q.one_in(2) else b"item%012d" % q.r.randrange(12)


def items(q):
    """One, a few, or a run of them that makes the list large."""
    kind = q.r.randrange(10)
    if kind < 9:
        return [item(q) for _ in range(q.r.randrange(1, 4 if kind < 6 else 40))]
    low, form = q.r.randrange(1000), q.r.choice([b"%d", b"item%012d"])
    return [form % (i % 50) for i in range(low, low + q.r.choice([130, 600, 1500]))]


def end(q):
    return q.r.choice(ENDS) if not q.one_in(30) else b"UP"


def place(q):
    """A position, inside more often than not."""
    return b"%d" % q.r.randrange(-60, 60) if not q.one_in(4) else q.integer()


def command(q):
    r, key = q.r, q.key
    return r.choice([
        lambda: [r.choice([b"LPUSH", b"RPUSH"]), key(), *items(q)],
        lambda: [r.choice([b"LPUSH", b"RPUSH"]), key(), *items(q)],
        lambda: [r.choice([b"LPUSHX", b"RPUSHX"]), key(), *items(q)],
        lambda: [r.choice([b"LPOP", b"RPOP"]), key()],
        lambda: [r.choice([b"LPOP", b"RPOP"]), key(), place(q)],
        lambda: [r.choice([b"LLEN", b"TYPE", b"TTL", b"PERSIST"]), key()],
        lambda: [b"LINDEX", key(), place(q)],
        lambda: [b"LSET", key(), place(q), item(q)],
        lambda: [b"LRANGE", key(), place(q), place(q)],
        lambda: [b"LRANGE", key(), b"0", b"-1"],
        lambda: [b"LTRIM", key(), place(q), place(q)] if q.one_in(3) else [b"LTRIM", key(), b"1", b"-2"],
        lambda: [b"LREM", key(), place(q), item(q)],
        lambda: [b"LINSERT", key(), r.choice([b"BEFORE", b"AFTER", b"after", b"x"]), item(q), item(q)],
        lambda: [b"LPOS", key(), item(q)] + q.options(
            lambda: [b"RANK", rank(q)], lambda: [b"COUNT", q.integer()],
            lambda: [b"MAXLEN", q.integer()]),
        lambda: [b"LMOVE", key(), key(), end(q), end(q)],
        lambda: [b"RPOPLPUSH", key(), key()],
        lambda: [b"LMPOP", *q.counted(q.keys()), end(q)] + q.options(lambda: [b"COUNT", q.integer()]),
        lambda: [r.choice([b"RENAME", b"COPY"]), key(), key()],
        lambda: [b"DEL", key()] if q.one_in(3) else [b"EXPIRE", key(), q.life(1)],
    ])()


def unfair(command):
    name, lowest = command[0].upper(), b"%d" % -2**63
    if name == b"LREM" and command[2:3] == [lowest]:
        return "LREM with a count that has no negative"
    if name == b"LPOS" and lowest in command[3:]:
        return "LPOS with a rank that has no negative"
    return None
