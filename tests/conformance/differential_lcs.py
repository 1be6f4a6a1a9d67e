"""LCS of random strings, for differential.py."""


def text(q):
    return bytes(q.r.choice(b"ab" if q.one_in(2) else b"abcdef") for _ in range(q.r.choice([0, 1, 3, 10, 40, 150])))


def command(q):
    if q.one_in(2):
        return [b"SET", q.key(), text(q)]
    return [b"LCS", q.key(), q.key()] + q.options(
        lambda: [q.r.choice([b"LEN", b"IDX", b"idx", b"IDX", b"x"])], lambda: [b"WITHMATCHLEN"],
        lambda: [b"MINMATCHLEN", b"%d" % q.r.randrange(-2, 5) if not q.one_in(8) else q.integer()], lambda: [b"IDX"])


def ahead(command):
    """Nothing; but Redis has the command alone: it may take seconds, in which the times to live of others would run."""
    return [[b"PING"]] if command[0].upper() == b"LCS" else []


def unfair(command):
    return "Words with a zero byte" if command[0].upper() == b"LCS" and any(b"\x00" in word for word in command[3:]) else None
