"""Random messages, for differential.py: a client that only listens, to channels, patterns, shards and what happens to keys; what it
hears has to be the same, in the same order."""

import itertools

import conformance

CHANNELS = [b"a", b"b", b"g", b"name", b"\x00", b"channel", b"\xff\xfe", b"a*", b"c" * 300]
PATTERNS = [b"*", b"a*", b"?", b"[a-c]", b"\\a\\*", b"", b"\xff*", b"[^a]*", b"__key*", b"__keyspace@0__:*", b"__keyevent@?__:*",
            b"__keyevent@0__:del", b"__keyspace@[0-9]__:k*"]
FLAGS = [b"KEA", b"KEA", b"KEA", b"KA", b"EA", b"Kg$", b"Elsh", b"KEzt", b"AKE", b"", b"K", b"A", b"KEx", b"q", b"KEAK"]
# The sides tell of these, and not of the same moments.
UNTOLD = (b"expired", b"xgroup-createconsumer")


class ByListener(list):
    """A command of the client that listens."""


def channels(q, some):
    return [q.r.choice(some) for _ in range(q.r.choice([1, 1, 2, 3, 6]))]


def subscribe(q):
    return q.r.choice([
        lambda: [b"PSUBSCRIBE", b"__key*"],
        lambda: [b"SUBSCRIBE", *channels(q, CHANNELS)], lambda: [b"PSUBSCRIBE", *channels(q, PATTERNS)],
        lambda: [b"SSUBSCRIBE", *channels(q, CHANNELS)],
        lambda: [b"SUBSCRIBE", b"__key%s:%s" % q.r.choice([(b"space@0__", q.key()), (b"event@0__", b"set"), (b"event@1__", b"del")])],
    ])()


def unsubscribe(q):
    name, some = q.r.choice([(b"UNSUBSCRIBE", CHANNELS), (b"PUNSUBSCRIBE", PATTERNS), (b"SUNSUBSCRIBE", CHANNELS)])
    return [name, *(channels(q, some) if not q.one_in(5) else [])]


def command(q):
    r = q.r
    return r.choice([
        lambda: ByListener(subscribe(q)), lambda: ByListener(subscribe(q)), lambda: ByListener(unsubscribe(q)),
        lambda: ByListener(r.choice([[b"PING"], [b"PING", q.value()], [b"GET", q.key()], [b"subscribe"],
                                     [b"RESET"] if q.one_in(8) else [b"ECHO", b"x"]])),
        lambda: [b"PUBLISH", r.choice(CHANNELS), q.value()], lambda: [b"PUBLISH", r.choice(CHANNELS), q.value()],
        lambda: [b"SPUBLISH", r.choice(CHANNELS), q.value()],
        lambda: [b"PUBSUB", r.choice([b"CHANNELS", b"SHARDCHANNELS"]), *q.options(lambda: [r.choice(PATTERNS)])],
        lambda: [b"PUBSUB", r.choice([b"NUMSUB", b"SHARDNUMSUB"]), *channels(q, CHANNELS)],
        lambda: [b"PUBSUB", b"NUMPAT"],
        lambda: [b"CONFIG", b"SET", b"notify-keyspace-events", r.choice(FLAGS)] if q.one_in(3) else
        [b"CONFIG", b"GET", b"notify-keyspace-events"],
        lambda: [r.choice([b"INCR", b"DEL", b"PERSIST", b"RPOP"]), q.key()],
    ])()


def unfair(command):
    if command[0].upper() == b"CONFIG" and command[1:2] and command[1].upper() == b"GET" and set(command[2:]) != {b"notify-keyspace-events"}:
        return "Answers about the process"
    if command[0].upper() == b"CONFIG" and any(b"\x00" in word for word in command[2:]):
        return "Words with a zero byte"
    about = isinstance(command, ByListener) or command[0].upper() in (b"PUBLISH", b"PUBSUB")
    return "The pattern ** and the empty string" if about and b"" in command[1:2 if command[0].upper() == b"PUBLISH" else None] else None


def alike(command, redis, ours):
    """An order of its own, of channels."""
    if command[0].upper() == b"PUBSUB" and redis.kind == ours.kind == "array":
        return conformance.unordered(redis) == conformance.unordered(ours)
    return None


def alike_to_listener(command, redis, ours):
    """Whether replies, as bytes, are alike; the channels of an UNSUBSCRIBE without any come in an order of their own."""
    if redis == ours:
        return True
    if len(command) > 1 or b"SUBSCRIBE" not in command[0].upper():
        return False
    return sorted(redis.split(b"\r\n")) == sorted(ours.split(b"\r\n"))


def told(message):
    """Whether a message is compared: its words."""
    return not any(word in UNTOLD for word in message[-1:]) and not message[-2].endswith(UNTOLD)


def in_order(messages):
    """The messages that are compared. One that several patterns match comes for each, in an order of its own."""
    runs = itertools.groupby(filter(told, messages), lambda message: (len(message), message[-2:]))
    return [message for _, run in runs for message in sorted(run)]


def late(data):
    """Whether an item is a message: that a key expired, which may be told of at any time."""
    item = conformance.decode(data)
    return isinstance(item.value, list) and item.value[0].value in (b"message", b"pmessage")


class Listening:
    """The listening clients of both sides."""

    def __init__(self, redis, ours, protocol):
        self.redis, self.ours = redis, ours
        self.until_now()
        for command in ([b"RESET"], [b"HELLO", b"%d" % protocol]):
            redis.execute(command)
        ours.command("HELLO", protocol)

    def heard(self, messages):
        """What was heard since it was asked last: lists of words. messages: the items of Redis."""
        theirs = [[word.value for word in item.value] for item in messages]
        mine = []
        while (message := self.ours.next_message(0)) is not None:
            mine.append(message)
        return in_order(theirs), in_order(mine)

    def until_now(self):
        """The items that Redis has sent."""
        self.redis.socket.sendall(b"PING <end>\r\n")
        items = []
        while True:
            data = self.redis.read()
            if b"<end>" in data and data in (b"$5\r\n<end>\r\n", b"*2\r\n$4\r\npong\r\n$5\r\n<end>\r\n"):
                return items
            items.append(data)

    def ask(self, command):
        """The replies, of which a command may have several."""
        self.redis.socket.sendall(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command))
        return b"".join(data for data in self.until_now() if not late(data)), self.ours.command_resp(*command)
