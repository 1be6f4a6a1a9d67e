"""Random commands on sorted sets, for differential.py. Scores are sums of few binary digits, which every version of
Redis prints alike."""

import re

from differential_hash import unfair_draw, unfair_scan

SCORES = [b"0", b"1", b"-1", b"1.5", b"-2.25", b"1e3", b"inf", b"-inf", b"+inf", b"0x10", b"3.0", b"1048576", b"0.125"]
WRONG = [b"nan", b"x", b"", b" 1", b"1 ", b"1.5.5"]
MEMBERS = [b"", b"a", b"b", b"ab", b"abc", b"m" * 64, b"m" * 65, b"m" * 300, b"\x00", b"a\x00b", b"\xff", b"01", b"-0"]
# Commands that are given members, whose bytes are their own.
NAMING = {b"ZADD", b"ZREM", b"ZSCORE", b"ZMSCORE", b"ZINCRBY", b"ZRANK", b"ZREVRANK"}
OPTIONS = [b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR", b"ch", b"incr"]


def score(q):
    if q.one_in(40):
        return q.r.choice(WRONG)
    if q.one_in(4):
        return q.r.choice(SCORES)
    return b"%d" % q.r.randrange(-6, 12) if q.one_in(2) else b"%g" % (q.r.randrange(-80, 80) / 8)


def member(q):
    if q.one_in(4):
        return q.r.choice(MEMBERS)
    return b"%d" % q.r.randrange(-20, 40) if q.one_in(2) else b"m%d" % q.r.randrange(40)


def pairs(q):
    kind = q.r.randrange(12)
    if kind < 8:
        return [word for _ in range(q.r.randrange(1, 4)) for word in (score(q), member(q))]
    if kind < 11:
        return [word for _ in range(q.r.randrange(1, 30)) for word in (score(q), member(q))]
    low, step = q.r.randrange(1000), q.r.choice([0, 1, -1, 0.5])
    return [word for i in range(q.r.choice([100, 130, 300]))
            for word in (b"%g" % (i * step), b"n%d" % ((low + i * 7) % 1000))]


def add_options(q):
    return [q.r.choice(OPTIONS) for _ in range(q.r.choice([0, 0, 0, 1, 1, 2]))]


def bound(q):
    if q.one_in(3):
        return q.r.choice([b"-inf", b"+inf", b"inf", b"(inf", b"(", b"", b"(-inf", b"x", b"(nan"])
    return (b"(" if q.one_in(3) else b"") + score(q)


def name_bound(q):
    if q.one_in(3):
        return q.r.choice([b"-", b"+", b"", b"x", b"(", b"[", b"-x", b"+\x00"])
    return q.r.choice([b"(", b"["]) + member(q)


def algebra_options(q, n, store):
    options = [lambda: [b"WEIGHTS", *(score(q) for _ in range(n))],
               lambda: [b"AGGREGATE", q.r.choice([b"SUM", b"MIN", b"max", b"x"])]]
    if not store or q.one_in(10):
        options.append(lambda: [b"WITHSCORES"])
    return q.options(*options)


def limit(q):
    return [b"LIMIT", q.r.choice([b"0", b"1", b"2", b"-1", q.integer()]), q.r.choice([b"0", b"1", b"5", b"-1", q.integer()])]


def level(q):
    """A set whose members all have one score, for ranges of names."""
    return b"level%d" % q.r.randrange(3)


def names(q):
    r = q.r
    return r.choice([
        lambda: [b"ZADD", level(q)] + [w for _ in range(r.choice([1, 3, 40, 150])) for w in (b"0", member(q) if q.one_in(2) else b"n%d" % r.randrange(300))],
        lambda: [b"ZREM", level(q), member(q), member(q)],
        lambda: [r.choice([b"ZRANGEBYLEX", b"ZREVRANGEBYLEX"]), level(q), name_bound(q), name_bound(q)] + q.options(lambda: limit(q)),
        lambda: [b"ZLEXCOUNT", level(q), name_bound(q), name_bound(q)],
        lambda: [b"ZREMRANGEBYLEX", level(q), name_bound(q), name_bound(q)],
        lambda: [b"ZRANGE", level(q), name_bound(q), name_bound(q), b"BYLEX"] + q.options(lambda: limit(q), lambda: [b"REV"], lambda: [b"WITHSCORES"]),
        lambda: [b"ZRANGESTORE", q.key(), level(q), name_bound(q), name_bound(q), b"BYLEX"] + q.options(lambda: limit(q), lambda: [b"REV"]),
    ])()


def command(q):
    r = q.r
    return r.choice([
        lambda: [b"ZADD", q.key(), *add_options(q), *pairs(q)],
        lambda: [b"ZADD", q.key(), *add_options(q), *pairs(q)],
        lambda: [b"ZADD", q.key(), *pairs(q)],
        lambda: [b"ZADD", q.key(), *add_options(q), score(q), member(q)],
        lambda: [b"ZINCRBY", q.key(), score(q), member(q)],
        lambda: [b"ZREM", q.key(), *(member(q) for _ in range(r.randrange(1, 9)))],
        lambda: [r.choice([b"ZSCORE", b"ZRANK", b"ZREVRANK"]), q.key(), member(q)],
        lambda: [b"ZMSCORE", q.key(), *(member(q) for _ in range(r.randrange(1, 5)))],
        lambda: [r.choice([b"ZCARD", b"TYPE", b"DEL", b"ZPOPMIN", b"ZPOPMAX"]), q.key()],
        lambda: [r.choice([b"ZPOPMIN", b"ZPOPMAX"]), q.key(), q.integer()],
        lambda: [b"ZMPOP", *q.counted(q.keys()[:3]), r.choice([b"MIN", b"MAX", b"min", b"x"])] + q.options(lambda: [b"COUNT", q.integer()]),
        lambda: [b"ZCOUNT", q.key(), bound(q), bound(q)],
        lambda: [r.choice([b"ZRANGE", b"ZREVRANGE"]), q.key(), q.integer(), q.integer()] + q.options(
            lambda: [b"WITHSCORES"], lambda: [b"REV"], lambda: limit(q)),
        lambda: [b"ZRANGE", q.key(), bound(q), bound(q), b"BYSCORE"] + q.options(
            lambda: [b"WITHSCORES"], lambda: [b"REV"], lambda: limit(q)),
        lambda: [r.choice([b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE"]), q.key(), bound(q), bound(q)] + q.options(
            lambda: [b"WITHSCORES"], lambda: limit(q)),
        lambda: [b"ZRANGESTORE", q.key(), q.key(), q.integer(), q.integer()] + q.options(lambda: [b"REV"]),
        lambda: [b"ZRANGESTORE", q.key(), q.key(), bound(q), bound(q), b"BYSCORE"] + q.options(lambda: [b"REV"], lambda: limit(q)),
        lambda: [b"ZREMRANGEBYRANK", q.key(), q.integer(), q.integer()],
        lambda: [b"ZREMRANGEBYSCORE", q.key(), bound(q), bound(q)],
        lambda: names(q), lambda: names(q),
        lambda: algebra(q), lambda: algebra(q), lambda: algebra(q),
        lambda: [b"ZRANDMEMBER", q.key(), r.choice([b"0", b"1000000", b"x", b"%d" % -2**63])] + q.options(
            lambda: [r.choice([b"WITHSCORES", b"x"])]),
        lambda: [b"ZSCAN", q.key(), b"0", b"COUNT", b"100000"] + q.options(lambda: [b"MATCH", q.pattern()]),
        lambda: [b"COMMAND", b"GETKEYS", *command(q)],
    ])()


def algebra(q):
    r, some = q.r, q.counted(q.keys()[:3])
    name = r.choice([b"ZUNION", b"ZINTER", b"ZDIFF"])
    return r.choice([
        lambda: [name, *some, *algebra_options(q, len(some) - 1, False)],
        lambda: [name + b"STORE", q.key(), *some, *algebra_options(q, len(some) - 1, True)],
        lambda: [name + b"STORE", q.key(), *some, *algebra_options(q, len(some) - 1, True)],
        lambda: [b"ZINTERCARD", *some] + q.options(lambda: [b"LIMIT", q.integer()]),
    ])()


def unfair(command):
    name = command[0].upper()
    if name in (b"ZRANK", b"ZREVRANK") and len(command) > 3:
        return "ZRANK with WITHSCORE"
    if name == b"ZRANDMEMBER":
        return unfair_draw(command)
    if name == b"ZSCAN":
        return unfair_scan(command)
    if name[:1] == b"Z" and b"LEX" in b"".join(command).upper():
        return None if any(word.startswith(b"level") for word in command[1:3]) else "Ranges of names among several scores"
    if name in NAMING or not name.startswith(b"Z"):
        return None
    return "Words with a zero byte" if any(b"\x00" in word for word in command[2:] if word != b"\x00") else None


DIGITS = re.compile(r"-?[0-9]+\.?[0-9]*(e[+-]?[0-9]+)?")  # "Scores are printed in the fewest digits"


def alike(command, redis, ours):
    """A score of -0; the digits of scores."""
    name = command[0].upper()
    if name[:1] in (b"Z", b"B") and score_text(redis) == score_text(ours):
        return True
    if name == b"ZSCAN" or name == b"ZRANDMEMBER":
        return sorted(map(score_text, flat(redis))) == sorted(map(score_text, flat(ours)))
    return None


def score_text(item):
    return DIGITS.sub(lambda number: repr(float(number.group())), str(item).replace('"-0"', '"0"'))


def flat(item):
    return item.value if isinstance(item.value, list) and not any(isinstance(i.value, list) for i in item.value) else [
        i for part in item.value for i in (flat(part) if isinstance(part.value, list) else [part])] if isinstance(
            item.value, list) else [item]
