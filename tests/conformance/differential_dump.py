"""Random DUMP and RESTORE, for differential.py: payloads that one of the two made, whole and damaged, are given to both."""

import conformance


class Payload:
    """What DUMP answers when the command is asked: redis-server's, or kevy's. damage: where a byte is changed and to what, and how
    much is cut off, or None."""

    def __init__(self, key, theirs, damage):
        self.key, self.theirs, self.damage = key, theirs, damage

    def bytes(self, redis, ours):
        whole = conformance.decode((redis if self.theirs else ours)([b"DUMP", self.key])).value or b""
        if self.damage is None or not whole:
            return whole
        at, byte, cut = self.damage
        at = int(at * len(whole))
        return (whole[:at] + bytes([byte]) + whole[at + 1:])[:len(whole) - cut]

    def __str__(self):
        return f"<DUMP of {self.key!r} by {'redis' if self.theirs else 'kevy'}, damage {self.damage}>"


def payload(q):
    damage = (q.r.random(), q.r.randrange(256), q.r.choice([0, 0, 0, 1, 5])) if q.one_in(6) else None
    return Payload(q.key(), q.one_in(2), damage)


def command(q):
    r = q.r
    ttl = r.choice([b"0", b"0", q.life(1000), b"-1", b"x"])
    options = q.options(lambda: [b"REPLACE"], lambda: [b"replace"], lambda: [b"IDLETIME", q.integer()], lambda: [b"FREQ", q.integer()])
    if q.one_in(5):
        ttl, options = q.moment(1000), [*options, b"ABSTTL"]
    return [b"RESTORE", q.key(), ttl, payload(q), b"REPLACE", *options] if not q.one_in(4) else [
        b"RESTORE", q.key(), ttl, payload(q), *options]


def unfair(command):
    whole = command[0].upper() == b"RESTORE" and command[3:4] and not command[3].strip(b"\0")
    return "RESTORE of a payload that goes on behind its value" if whole else None


def unfair_in(q, command):
    asks = command[0].upper() == b"OBJECT" and b"ENCODING" in [word.upper() for word in command[1:2]]
    return "Encodings of what was restored" if asks and "dump" in q.subjects else None


def alike(command, redis, ours):
    """The bytes of a payload."""
    return redis.kind == ours.kind if command[0].upper() == b"DUMP" else None
