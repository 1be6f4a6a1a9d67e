"""Random SORT and SORT_RO, for differential.py: lists, sets and sorted sets of names and numbers, and the keys that weigh
them."""

import conformance

NAMES = [b"a", b"b", b"ab", b"B", b"", b"1", b"2", b"10", b"-3", b"2.5", b"1e2", b"0x1f", b"02", b"x\x00y", b"m" * 70]
WEIGHTS = [b"w_*", b"w_*", b"h_*->f", b"h_*->1", b"#", b"nosort", b"h_*->", b"w_*->f", b"h_*", b"w_**"]
PATTERNS = [*WEIGHTS, b"*", b"*->f", b"\x00*"]
SOURCES = [b"sortl", b"sorts", b"sortz", b"sortn"]


def name(q):
    return q.r.choice(NAMES) if q.one_in(2) else b"%d" % q.r.randrange(40)


def weight(q):
    return b"%d" % q.r.randrange(-9, 9) if q.r.randrange(10) else q.r.choice([b"1.5", b"x", b"", b" 7", b"inf", b"z", b"1e400"])


def source(q):
    return [q.key(), b"ALPHA"] if q.one_in(10) else [q.r.choice(SOURCES)]


def numbers(q):
    return [b"%d" % q.r.randrange(-50, 400) for _ in range(q.r.choice([1, 5, 20, 150]))]


def ask(q):
    r = q.r
    options = q.options(lambda: [r.choice([b"ASC", b"DESC", b"desc"])], lambda: [b"ALPHA"], lambda: [b"GET", r.choice(PATTERNS)],
                        lambda: [b"LIMIT", q.integer(), q.integer()], lambda: [b"LIMIT", b"%d" % r.randrange(4), b"5"],
                        lambda: [b"GET", b"#"], lambda: [b"BY", r.choice(WEIGHTS)], lambda: [b"BY", b"w_*"])
    if q.one_in(4):
        options += [b"STORE", r.choice([b"sortl", b"sortn", b"sortd", q.key()])]
    return [r.choice([b"SORT", b"SORT", b"SORT", b"SORT_RO"]), *source(q), *options]


def command(q):
    r = q.r
    return r.choice([
        lambda: [r.choice([b"RPUSH", b"LPUSH"]), b"sortl", *(name(q) for _ in range(r.randrange(1, 9)))],
        lambda: [b"RPUSH", b"sortn", *numbers(q)],
        lambda: [b"SADD", b"sorts", *(name(q) for _ in range(r.randrange(1, 9)))],
        lambda: [b"SADD", b"sorts", *numbers(q)],
        lambda: [b"ZADD", b"sortz"] + [w for n in numbers(q)[:40] for w in (b"%d" % r.randrange(99), n)],
        lambda: [b"SET", b"w_" + name(q), weight(q)],
        lambda: [b"HSET", b"h_" + name(q), r.choice([b"f", b"1"]), weight(q)],
        lambda: [b"DEL", r.choice([*SOURCES, b"w_" + name(q), b"h_" + name(q)])],
        lambda: [b"LRANGE", b"sortd", b"0", b"-1"],
        lambda: [b"COMMAND", b"GETKEYS", *ask(q)],
        lambda: ask(q), lambda: ask(q), lambda: ask(q), lambda: ask(q), lambda: ask(q), lambda: ask(q),
    ])()


def words(command):
    return [word.upper() for word in command[2:]]


def unfair(command):
    if command[0].upper() != b"SORT" or b"STORE" not in words(command):
        return None
    return "What SORT finds equal, stored" if b"BY" in words(command) and b"ALPHA" in words(command) else None


def unfair_in(q, command):
    return "SORT after a number out of range" if command[0].upper() in (b"SORT", b"SORT_RO") and q.transaction else None


def ahead(command):
    """SORT after a number out of range: what Redis is asked first; its SORT finds fault with any number while errno says that an earlier one was out of range;
    reading a good one clears that."""
    return [[b"ZUNION", b"1", b"no such key", b"WEIGHTS", b"1"]] if command[0].upper() in (b"SORT", b"SORT_RO") else []


def alike(command, redis, ours):
    if command[0].upper() not in (b"SORT", b"SORT_RO") or b"BY" not in words(command) and b"ALPHA" not in words(command):
        return None
    if b"LIMIT" in words(command):
        return redis.kind == ours.kind and (redis.kind != "array" or len(redis.value) == len(ours.value))
    return conformance.unordered(redis) == conformance.unordered(ours)
