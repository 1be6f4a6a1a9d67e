"""Random commands on strings as bits, for differential.py."""

import re

UNITS = [b"BYTE", b"BIT", b"bit", b"x"]


def offset(q):
    kind = q.r.randrange(12)
    if kind == 0:
        return q.r.choice([b"4294967296", b"4294967295", b"-1", b"#1", b"", b"x", b"1.0", b"%d" % 2**63])
    return b"%d" % q.r.randrange(20 if kind < 6 else 200 if kind < 10 else 40000)


def kind(q):
    if q.one_in(25):
        return q.r.choice([b"u64", b"i65", b"u0", b"x8", b"i", b"", b"i08", b"I8", b"u8 "])
    return b"%s%d" % (q.r.choice([b"u", b"i"]), q.r.choice([1, 2, 3, 5, 8, 13, 16, 31, 32, 33, 63]))


def place(q):
    return b"#%d" % q.r.randrange(-1, 12) if q.one_in(4) else offset(q)


def amount(q):
    return q.integer() if q.one_in(3) else b"%d" % q.r.randrange(-300, 300)


def step(q):
    return q.r.choice([
        lambda: [b"GET", kind(q), place(q)],
        lambda: [b"GET", b"i64", place(q)],
        lambda: [b"SET", kind(q), place(q), amount(q)],
        lambda: [b"INCRBY", kind(q), place(q), amount(q)],
        lambda: [q.r.choice([b"INCRBY", b"set"]), b"i64", place(q), amount(q)],
        lambda: [b"OVERFLOW", q.r.choice([b"WRAP", b"SAT", b"FAIL", b"sat", b"fail", b"x"])],
        lambda: [b"SET"] if q.one_in(10) else [b"OVERFLOW", b"FAIL"],
    ])()


def steps(q, most):
    return [word for _ in range(q.r.randrange(most)) for word in step(q)]


def bound(q):
    return b"%d" % q.r.randrange(-30, 40) if q.one_in(2) else q.integer() if q.one_in(6) else b"%d" % q.r.randrange(
        -200, 200)


def value(q):
    """Long runs of the same bit, with a few others."""
    bits = bytearray(q.r.choice([b"\x00", b"\xff", b"\x55"]) * q.r.choice([0, 1, 7, 8, 9, 63, 64, 200, 2100, 5000]))
    for _ in range(q.r.randrange(3) if bits else 0):
        bits[q.r.randrange(len(bits))] = q.r.randrange(256)
    return bytes(bits)


def command(q):
    r = q.r
    return r.choice([
        lambda: [b"SETBIT", q.key(), offset(q), r.choice([b"0", b"1", b"1", b"1"])],
        lambda: [b"SETBIT", q.key(), offset(q), r.choice([b"2", b"-1", b"x", b"1"])],
        lambda: [b"SET", q.key(), value(q)],
        lambda: [b"SET", q.key(), value(q)],
        lambda: [r.choice([b"GETBIT", b"GETBIT", b"STRLEN"]), q.key()] + [offset(q)] * r.choice([1, 1, 1, 0]),
        lambda: [b"BITCOUNT", q.key()],
        lambda: [b"BITCOUNT", q.key(), bound(q), bound(q)] + q.options(lambda: [r.choice(UNITS)]),
        lambda: [b"BITPOS", q.key(), r.choice([b"0", b"1", b"1", b"2", b"x"])],
        lambda: [b"BITPOS", q.key(), r.choice([b"0", b"1"]), bound(q)],
        lambda: [b"BITPOS", q.key(), r.choice([b"0", b"1"]), bound(q), bound(q)] + q.options(lambda: [r.choice(UNITS)]),
        lambda: [b"BITOP", r.choice([b"AND", b"OR", b"XOR", b"xor", b"NAND"]), q.key()] + q.keys(),
        lambda: [b"BITOP", r.choice([b"NOT", b"not"]), q.key(), q.key()] + [q.key()] * q.one_in(8),
        lambda: [b"BITFIELD", q.key(), *steps(q, 6)],
        lambda: [b"BITFIELD", q.key(), *steps(q, 3)],
        lambda: [b"BITFIELD_RO", q.key(), *(word for _ in range(3) for word in (b"GET", kind(q), place(q)))],
        lambda: [b"BITFIELD_RO", q.key(), *steps(q, 3)],
        lambda: [r.choice([b"GET", b"GET", b"INCR", b"TTL"]), q.key()],
        lambda: [b"COMMAND", b"GETKEYS", *command(q)],
    ])()


NUMBER = rb"(0|-?[1-9]\d{0,17})"
ASKED = {b"BITCOUNT": rb"(%s %s( BYTE| BIT)?)?" % (NUMBER, NUMBER),
         b"BITPOS": rb"[01]( %s( %s( BYTE| BIT)?)?)?" % (NUMBER, NUMBER)}


def unfair(command):
    name = command[0].upper()
    if name in ASKED and (b"" in command[2:] or not re.fullmatch(ASKED[name], b" ".join(command[2:]).upper())):
        return "BITCOUNT and BITPOS with wrong arguments of a missing key"
    if name in (b"SETBIT", b"BITFIELD", b"BITFIELD_RO", b"SETRANGE") and any(re.fullmatch(rb"#?\d{7,}", w) for w in command[2:]):
        return "Values of half a gigabyte"
    if name == b"BITFIELD" and any(re.fullmatch(rb"-?\d{18,}", word) for word in command[2:]):
        return "BITFIELD with numbers near the limits of 64 bits"
    if name in (b"BITFIELD", b"BITFIELD_RO") and any(b"\x00" in word for word in command[2:]):
        return "Words with a zero byte"
    return None
