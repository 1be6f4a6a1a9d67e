"""Random commands that would wait, for differential.py: what they find at once, or nothing for as long as a millisecond."""

ENDS = [b"LEFT", b"RIGHT", b"left", b"UP"]
EXTREMES = [b"MIN", b"MAX", b"max", b"x"]


def timeout(q):
    return q.r.choice([b"0.001", b"0.001", b"0.002", b"1e-3", b"-1", b"x", b"", b"nan", b"inf", b"-0.5", b" 1"])


def count(q):
    return q.options(lambda: [b"COUNT", q.r.choice([b"1", b"2", b"10", b"0", q.integer()])])


def command(q):
    r = q.r
    return r.choice([
        lambda: [r.choice([b"LPUSH", b"RPUSH"]), q.key(), b"%d" % r.randrange(9), b"x"],
        lambda: [b"ZADD", q.key(), b"1", b"m%d" % r.randrange(5), b"2", b"n%d" % r.randrange(5)],
        lambda: [r.choice([b"BLPOP", b"BRPOP", b"BZPOPMIN", b"BZPOPMAX"]), *q.keys(), timeout(q)],
        lambda: [b"BLMPOP", timeout(q), *q.counted(q.keys()), r.choice(ENDS), *count(q)],
        lambda: [b"BZMPOP", timeout(q), *q.counted(q.keys()), r.choice(EXTREMES), *count(q)],
        lambda: [b"BLMOVE", q.key(), q.key(), r.choice(ENDS), r.choice(ENDS), timeout(q)],
        lambda: [b"BRPOPLPUSH", q.key(), q.key(), timeout(q)],
        lambda: [b"XREAD", b"BLOCK", r.choice([b"1", b"2", b"-1", b"x"]), b"STREAMS", q.key(), r.choice([b"0", b"$", b"1-1"])],
        lambda: [b"XADD", q.key(), b"%d-1" % r.randrange(1, 99), b"f", b"v"],
        lambda: [b"DEL", q.key()],
    ])()


def unfair(command):
    return "A timeout beyond the range of time" if command[0].upper()[:1] == b"B" and any(
        word in (b"inf", b"nan", b"1e400") for word in command) else None
