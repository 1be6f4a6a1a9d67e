"""Random commands on HyperLogLogs, for differential.py. What GET answers must be the same bytes."""


def elements(q):
    kind = q.r.randrange(10)
    if kind < 4:
        return [q.value() if q.one_in(5) else b"%d" % q.r.randrange(100) for _ in range(q.r.randrange(4))]
    low, form = q.r.randrange(100000), q.r.choice([b"%d", b"element %d"])
    return [form % i for i in range(low, low + q.r.choice([10, 50, 200, 1000, 3000]))]


def broken(q):
    """A sparse one of random runs, or something like it."""
    runs = bytes(q.r.choice([0x7f, 0x40, 0x00, 0x3f, 0x80, 0x83, 0xff, q.r.randrange(256)])
                 for _ in range(q.r.choice([1, 2, 3, 50])))
    return b"HYLL" + bytes([q.r.choice([0, 1, 1, 1, 1, 2])]) + b"\0" * 10 + q.r.choice([b"\0", b"\x80"]) + runs


def own(name):
    """A key that other types' commands do not write to: SETBIT would break a sparse one, and Redis keeps half of what
    PFADD does to that."""
    return b"hll:" + name


def key(q):
    return own(q.key())


def command(q):
    r = q.r
    return r.choice([
        lambda: [b"PFADD", key(q), *elements(q)],
        lambda: [b"PFADD", key(q), *elements(q)],
        lambda: [b"PFADD", key(q), *elements(q)],
        lambda: [b"PFADD", key(q), *elements(q)],
        lambda: [b"PFCOUNT", key(q)],
        lambda: [b"PFCOUNT", key(q)],
        lambda: [b"PFCOUNT", *map(own, q.keys())],
        lambda: [b"PFMERGE", *map(own, q.keys())],
        lambda: [b"PFMERGE", *map(own, q.keys())],
        lambda: [b"GET", key(q)],
        lambda: [b"GET", key(q)],
        lambda: [b"DEL", key(q)],
        lambda: [b"PFDEBUG", r.choice([b"GETREG", b"DECODE", b"ENCODING", b"TODENSE", b"x"]), key(q)],
        lambda: [b"SET", key(q), broken(q)] if q.one_in(4) else [b"DEL", key(q)],
        lambda: [b"COMMAND", b"GETKEYS", *command(q)] if q.one_in(5) else [b"RENAME", key(q), key(q)],
    ])()


def unfair(command):
    sparse = command[0].upper() == b"SET" and command[2:3] and command[2][:5] == b"HYLL\x01"
    return "HyperLogLogs that are not valid" if sparse else None
