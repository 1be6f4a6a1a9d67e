"""Random commands on streams, for differential.py. IDs rise with the round: the two clocks never give one. Values are short or
fill a chunk alone, so that both cut their chunks in the same places."""

import conformance

FIELDS = [b"f", b"g", b"name", b"", b"\x00", b"f" * 64]
GROUPS = [b"g", b"h", b"", b"group"]
OWNERS = [b"c", b"d", b"", b"consumer-9"]
NOW = [b"0", b"0", b"0", b"100000000", b"-1"]
WRONG = [b"x", b"", b"-", b"+", b"1-x", b"1-1-1", b"18446744073709551616", b"$", b">", b"(", b"(1", b"007", b" 1"]


def rising(q):
    q.stream_ms = getattr(q, "stream_ms", 0) + q.r.randrange(3)
    return b"%d-%d" % (q.stream_ms, q.r.randrange(1, 5)) if q.one_in(3) else b"%d-*" % (q.stream_ms + 1)


def known(q):
    """An ID that may well be there."""
    if q.one_in(20):
        return q.r.choice(WRONG)
    return b"%d-%d" % (q.r.randrange(getattr(q, "stream_ms", 0) + 2), q.r.randrange(4))


def end(q):
    kind = q.r.randrange(6)
    return b"-" if kind == 0 else b"+" if kind == 1 else (b"(" if kind == 2 else b"") + known(q)


def pairs(q):
    if q.one_in(2):
        return [b"f", b"%d" % q.r.randrange(1000), b"g", b"v"]
    value = b"x" * 5000 if q.one_in(60) else None
    return [w for _ in range(q.r.randrange(1, 4))
            for w in (q.r.choice(FIELDS), value or b"v" * q.r.randrange(8))]


def trim(q):
    about = q.r.choice([[], [], [b"="], [b"~"], [b"~"]])
    limit = [b"LIMIT", b"%d" % q.r.choice([0, 1, 50, 100, 250, 1000])] if b"~" in about and q.one_in(2) else []
    return ([b"MAXLEN", *about, b"%d" % q.r.choice([0, 1, 5, 50, 150, 500])] if q.one_in(2) else
            [b"MINID", *about, known(q)]) + limit


def count(q):
    return [b"COUNT", b"%d" % q.r.choice([0, 1, 2, 10, 200, -1])] if q.one_in(2) else []


def add(q):
    options = trim(q) if q.one_in(40) else [b"NOMKSTREAM"] if q.one_in(10) else []
    return [b"XADD", q.key(), *options, known(q) if q.one_in(12) else rising(q), *pairs(q)]


def read(q):
    keys = [q.key() for _ in range(q.r.choice([1, 1, 1, 2]))]
    return [b"XREAD", *count(q), b"STREAMS", *keys, *[known(q) for _ in keys]]


def read_group(q):
    keys = [q.key() for _ in range(q.r.choice([1, 1, 1, 2]))]
    ids = [b">" if not q.one_in(4) else known(q) for _ in keys]
    return [b"XREADGROUP", b"GROUP", q.r.choice(GROUPS), q.r.choice(OWNERS), *count(q),
            *([b"NOACK"] if q.one_in(10) else []), b"STREAMS", *keys, *ids]


def group(q):
    name = q.r.choice(GROUPS)
    return q.r.choice([
        lambda: [b"XGROUP", b"CREATE", q.key(), name, q.r.choice([b"0", b"$", known(q)]), *q.options(lambda: [b"MKSTREAM"])],
        lambda: [b"XGROUP", b"CREATE", q.key(), name, b"0"],
        lambda: [b"XGROUP", b"CREATE", q.key(), name, b"0"],
        lambda: [b"XGROUP", b"SETID", q.key(), name, q.r.choice([b"0", b"$", known(q)])],
        lambda: [b"XGROUP", b"DESTROY", q.key(), name] if q.one_in(3) else [b"XINFO", b"GROUPS", q.key()],
        lambda: [b"XGROUP", b"CREATECONSUMER", q.key(), name, q.r.choice(OWNERS)],
        lambda: [b"XGROUP", b"DELCONSUMER", q.key(), name, q.r.choice(OWNERS)],
    ])()


def pending(q):
    name, owner, ids = q.r.choice(GROUPS), q.r.choice(OWNERS), [known(q) for _ in range(q.r.randrange(1, 4))]
    return q.r.choice([
        lambda: [b"XACK", q.key(), name, *ids],
        lambda: [b"XACK", q.key(), name, *ids],
        lambda: [b"XPENDING", q.key(), name],
        lambda: [b"XPENDING", q.key(), name, *q.r.choice([[], [], [b"IDLE", b"0"], [b"IDLE", b"100000000"]]), end(q), end(q),
                 q.r.choice([b"10", b"1", b"1000", b"0", b"-1"]), *([owner] if q.one_in(2) else [])],
        lambda: [b"XCLAIM", q.key(), name, owner, q.r.choice(NOW), *ids, *q.options(
            lambda: [b"JUSTID"], lambda: [b"FORCE"], lambda: [b"RETRYCOUNT", b"%d" % q.r.randrange(-1, 9)],
            lambda: [b"LASTID", known(q)], lambda: [b"IDLE", b"0"])],
        lambda: [b"XAUTOCLAIM", q.key(), name, owner, q.r.choice(NOW), end(q), *q.options(
            lambda: [b"JUSTID"], lambda: [b"COUNT", q.r.choice([b"1", b"2", b"10", b"0", b"x"])])],
    ])()


def command(q):
    return q.r.choice([
        add, add, add, add, read_group, read_group, group, pending, pending, read,
        lambda q: [w for _ in range(1) for w in [b"XDEL", q.key(), *[known(q) for _ in range(q.r.randrange(1, 4))]]],
        lambda q: [b"XTRIM", q.key(), *trim(q)] if q.one_in(4) else [b"XLEN", q.key()],
        lambda q: [q.r.choice([b"XRANGE", b"XREVRANGE"]), q.key(), end(q), end(q), *count(q)],
        lambda q: [q.r.choice([b"XRANGE", b"XREVRANGE"]), q.key(), *q.r.choice([[b"-", b"+"], [b"+", b"-"]])],
        lambda q: [b"XSETID", q.key(), b"%d-0" % (getattr(q, "stream_ms", 0) + 1)] if q.one_in(5) else [b"XLEN", q.key()],
        lambda q: [b"XINFO", b"STREAM", q.key(), *q.r.choice([[], [b"FULL"], [b"FULL", b"COUNT", b"3"]])],
        lambda q: [b"COPY", q.key(), q.key(), *q.options(lambda: [b"REPLACE"])] if q.one_in(4) else [b"TYPE", q.key()],
        lambda q: [b"DEL", q.key()] if q.one_in(6) else [b"XINFO", b"GROUPS", q.key()],
    ])(q)


# "What 7.0 counts in streams", and what depends on the moment.
UNSURE = {b"radix-tree-nodes", b"lag", b"entries-read", b"idle", b"inactive", b"seen-time", b"active-time"}


def unfair(command):
    name = command[0].upper()
    if name == b"COMMAND" and command[2:3] and command[1].upper() == b"GETKEYSANDFLAGS" and command[2].upper() == b"XAUTOCLAIM":
        return "Flags of XAUTOCLAIM's key"
    if name == b"XADD" and (b"*" in command or any(w.endswith(b"-*") and len(w) > 20 for w in command)):
        return "IDs from the clock"
    return None


def unfair_in(q, command):
    """What a round with MINID ~ is not asked, and one without it."""
    name, words = command[0].upper(), [word.upper() for word in command[2:] if isinstance(word, bytes)]
    if name == b"WATCH" and "stream" in q.subjects:
        return "Groups of a watched stream"
    if name == b"XSETID" and not beyond(q, command):
        return "XSETID below the highest deleted ID"
    trims = name in (b"XADD", b"XTRIM") and b"MINID" in words and b"~" in words
    return "MINID ~ after XDEL" if trims and not q.trims_nodes or name == b"XDEL" and q.trims_nodes else None


def beyond(q, command):
    """Whether XSETID's ID is none, or above all that a round has come to."""
    try:
        return len(command) < 3 or int(command[2].split(b"-")[0]) > getattr(q, "stream_ms", 0)
    except ValueError:
        return True


def settled(item):
    """The reply without what is unsure, and without consumers that have nothing pending: When a consumer came."""
    if item.kind != "array":
        return item
    values, at = [], 0
    while at < len(item.value):
        each = item.value[at]
        if each.kind == "bulk" and each.value in UNSURE and at + 1 < len(item.value):
            at += 2
            continue
        if each.kind == "bulk" and each.value == b"consumers" and at + 1 < len(item.value):
            after = item.value[at + 1]
            if after.kind == "array":
                values += [each, conformance.Item("array", [settled(c) for c in after.value if pel(c) != 0])]
            at += 2
            continue
        values.append(settled(each))
        at += 1
    return conformance.Item("array", values)


def pel(consumer):
    words = consumer.value
    return next(b.value for a, b in zip(words, words[1:]) if a.value == b"pel-count")


def present(reply):
    """XINFO CONSUMERS' reply without those that have nothing pending."""
    values = [each for each in reply.value if each.kind != "array" or each.value[3].value != 0] if reply.kind == "array" else []
    return conformance.Item("array", values) if reply.kind == "array" else reply


def timeless(command, item):
    """XPENDING's and XINFO's entries without their times."""
    if item.kind != "array":
        return item
    values = [timeless(command, each) for each in item.value]
    if 3 <= len(values) <= 4 and values[-1].kind == values[-2].kind == "int":
        values[-2] = conformance.Item("int", 0)
    return conformance.Item("array", values)


def alike(command, redis, ours):
    name = command[0].upper()
    if name == b"XINFO" and command[1:2] and command[1].upper() == b"CONSUMERS":
        redis, ours = present(redis), present(ours)
    if name in (b"XPENDING", b"XINFO"):
        return timeless(command, settled(redis)) == timeless(command, settled(ours))
    if name == b"XGROUP" and len(command) > 1 and command[1].upper() == b"CREATECONSUMER":
        return redis.kind == ours.kind
    if name in (b"XREAD", b"XREADGROUP") and redis.kind == ours.kind == "error":
        return redis.value.startswith(b"ERR Unbalanced") or redis == ours
    return None
