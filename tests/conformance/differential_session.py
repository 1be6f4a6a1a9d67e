"""Random transactions, watched keys and what else belongs to a session, for differential.py."""


class ByAnother(list):
    """A command that another client says."""


def begin(q):
    q.transaction = True
    return [b"MULTI"]


def end(q):
    q.transaction = False
    return [b"EXEC"] if not q.one_in(6) else [b"DISCARD"]


def by_another(q):
    command = q.plain(but=("session", "pubsub", "database"))
    return ByAnother(command if stateless(command) else [b"SET", q.key(), q.value()])


def watch(q):
    return q.r.choice([
        lambda: [b"WATCH", *q.keys()], lambda: [b"WATCH", *q.keys()], lambda: [b"UNWATCH"],
        lambda: by_another(q), lambda: ByAnother([b"FLUSHALL"] if q.one_in(9) else [b"APPEND", q.key(), b"x"]),
        lambda: ByAnother(q.r.choice([[b"DEL", q.key()], [b"GET", q.key()], [b"EXPIRE", q.key(), q.life(1)]])),
    ])()


def connection(q):
    return q.r.choice([
        lambda: [b"HELLO", q.r.choice([b"2", b"3", b"3", b"4", b"x"])], lambda: [b"CLIENT", b"SETNAME", q.r.choice([b"n", b"", b"a b", b"\n"])],
        lambda: [b"CLIENT", b"GETNAME"], lambda: [b"RESET"] if q.one_in(6) else [b"PING"],
        lambda: [b"SELECT", b"0"], lambda: [b"PUBLISH", b"channel", q.value()],
        lambda: [b"CLIENT", b"NO-EVICT", q.r.choice([b"on", b"off", b"x"])],
    ])()


def command(q):
    kind = q.r.randrange(12)
    if kind < 4:
        return end(q) if q.transaction else begin(q)
    if kind < 9:
        return watch(q)
    if kind == 9:
        return q.r.choice([begin, end])(q)
    return connection(q)


# Commands that a store without a session refuses.
STATEFUL = {b"MULTI", b"EXEC", b"DISCARD", b"WATCH", b"UNWATCH", b"HELLO", b"RESET", b"CLIENT", b"SELECT"}


def stateless(command):
    """Whether a command is for a store without a session, too."""
    return not isinstance(command, ByAnother) and isinstance(command[0], bytes) and command[0].upper() not in STATEFUL


def unfair_in(q, command):
    name = command[0].upper() if isinstance(command[0], bytes) else b""
    own = type(command) is list
    if name == b"WATCH" and q.watching:
        return "A second WATCH"
    if name == b"BITFIELD" and q.watching and b"FAIL" in [word.upper() for word in command if isinstance(word, bytes)]:
        return "BITFIELD with FAIL of a watched key"
    if own and name == b"WATCH" and len(command) > 1 and not q.queues:
        q.watching = True
    elif own and len(command) == 1 and (name in (b"UNWATCH", b"RESET") or q.queues and name in (b"EXEC", b"DISCARD")):
        q.watching, q.queues = False, q.queues and name == b"UNWATCH"
    elif own and name == b"MULTI" and len(command) == 1:
        q.queues = True
    return None


def alike(command, redis, ours):
    """Who the server is."""
    if command[0].upper() == b"HELLO":
        return redis.kind == ours.kind and (redis.kind != "error" or redis == ours)
    return None
