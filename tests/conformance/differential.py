#!/usr/bin/env python3
"""Asks a redis-server and kevy the same random questions, and compares every reply.

    tests/conformance/differential.py [--seconds 20] [--rounds N] [--seed N] [--server redis-server]

A round is a few hundred commands on a dozen keys, from an empty store: right and wrong options, numbers at
their limits, values of every size, patterns made of what patterns are made of. A difference is shrunk to the
fewest commands that still show it. Times to live are long, all different, or past, so that the few
milliseconds between the two clocks decide nothing."""

import argparse
import importlib
import random
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import conformance  # noqa: E402
import kevy  # noqa: E402
from oracle import Redis  # noqa: E402

# One module for each type of collections. command(q) makes a random command of it with the help of Questions q. What
# else they may have: fair(command): False where the two mean different things by it; alike(command, redis, ours):
# whether two decoded replies are alike, None for those that must be the same; ahead(command): commands that Redis alone
# is asked before it.
TYPES = [importlib.import_module(path.stem) for path in sorted(HERE.glob("differential_*.py"))]

KEYS = [b"a", b"b", b"aa", b"ab", b"key:1", b"key:2", b"[a]", b"a*b", b"\\", b"\x00", b"\xff\xfe", b"k" * 300]
INTEGERS = [0, 1, -1, 2, 10, 100, 12345, 2**31, 2**53, 2**63 - 1, 2**63 - 2, -2**63, -2**63 + 1, 2**63, -2**64]
FLOATS = [b"0", b"1.5", b"-1.5", b"0.1", b"3.0", b"1e3", b"5.0e3", b"1e-7", b"inf", b"-inf", b"nan", b"1e400", b".5",
          b"0x1p3", b" 1", b"1 ", b"", b"-0", b"1e17", b"123456789.123456789", b"1e5000"]
WORDS = [b"NX", b"XX", b"GT", b"LT", b"GET", b"KEEPTTL", b"PERSIST", b"EX", b"PX", b"EXAT", b"PXAT", b"REPLACE",
         b"DB", b"ASYNC", b"SYNC", b"MATCH", b"COUNT", b"TYPE", b"string", b"FOO", b"nx", b"eX"]


class Questions:
    """Random commands. Every time to live that counts from now is given once."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.lives = 0
        # A round dwells on a few types, so that their values meet; strings among them only here and there.
        self.types = self.r.sample(TYPES, self.r.randrange(1, len(TYPES) + 1)) if TYPES else []
        self.collections = self.r.choice([0, 0.6, 0.95, 0.95]) if TYPES else 0

    def one_in(self, n):
        return self.r.randrange(n) == 0

    def key(self):
        return self.r.choice(KEYS)

    def integer(self):
        if self.one_in(15):
            return self.r.choice([b"", b"x", b"1.0", b"+1", b"01", b" 1", b"1\x00", b"-"])
        return b"%d" % (self.r.choice(INTEGERS) if self.one_in(3) else self.r.randrange(-20, 40))

    def value(self):
        kind = self.r.randrange(8)
        if kind < 2:
            return self.integer()
        if kind == 2:
            return self.r.choice(FLOATS)
        size = self.r.choice([0, 1, 3, 10, 44, 45, 100, 255, 256, 1000, 4095, 4096, 20000])
        return self.r.randbytes(size) if self.one_in(2) else self.r.choice([b"x", b"ab", b"\x00"]) * size

    def life(self, unit):
        """What counts from now, in seconds or milliseconds."""
        if self.one_in(6):
            return self.r.choice([b"0", b"-1", b"-100", b"", b"x", b"1.5", b"+1", b" 1", b"%d" % (2**63 - 1),
                                  b"%d" % 2**63, b"%d" % -2**63, b"%d" % (2**63 // 1000)])
        self.lives += 1
        return b"%d" % ((1000 + 10 * self.lives) * unit)

    def moment(self, unit):
        """A deadline."""
        if self.one_in(6):
            return self.r.choice([b"0", b"-1", b"1", b"1000", self.integer()])
        return b"%d" % (33_000_000_000 * unit + self.r.randrange(100))

    def expire_option(self, *others):
        option = self.r.choice([
            lambda: [b"EX", self.life(1)], lambda: [b"PX", self.life(1000)], lambda: [b"EXAT", self.moment(1)],
            lambda: [b"PXAT", self.moment(1000)], *(lambda o=o: [o] for o in others)])
        return option()

    def options(self, *makers):
        return [word for _ in range(self.r.choice([0, 0, 1, 1, 2, 3])) for word in self.r.choice(makers)()]

    def pattern(self):
        return b"".join(self.r.choice([b"*", b"?", b"a", b"b", b"[", b"]", b"^", b"-", b"\\", b"k", b"\xff", b"\x00",
                                       b"[a-k]", b"[^a]", b"*", b"key:"]) for _ in range(self.r.randrange(1, 8)))

    def set(self):
        return [b"SET", self.key(), self.value()] + self.options(
            lambda: self.expire_option(b"KEEPTTL"), lambda: [self.r.choice(WORDS[:6])])

    def getex(self):
        return [b"GETEX", self.key()] + self.options(lambda: self.expire_option(b"PERSIST"))

    def expire(self):
        name, when = self.r.choice([(b"EXPIRE", self.life(1)), (b"PEXPIRE", self.life(1000)),
                                    (b"EXPIREAT", self.moment(1)), (b"PEXPIREAT", self.moment(1000))])
        return [name, self.key(), when] + self.options(lambda: [self.r.choice(WORDS[:4])])

    def scan(self):
        return [b"SCAN", b"0", b"COUNT", b"100000"] + self.options(
            lambda: [b"MATCH", self.pattern()], lambda: [b"TYPE", self.r.choice([b"string", b"list", b"x"])])

    def pairs(self):
        return [word for _ in range(self.r.randrange(1, 5)) for word in (self.key(), self.value())]

    def keys(self):
        return [self.key() for _ in range(self.r.randrange(1, 5))]

    def plain(self):
        """A command whose arguments are keys, values and numbers."""
        k, v, i, n = self.key, self.value, self.integer, self.r.choice
        return n([
            lambda: [n([b"GET", b"GETDEL", b"STRLEN", b"INCR", b"DECR", b"TTL", b"PTTL", b"EXPIRETIME", b"PERSIST",
                        b"PEXPIRETIME", b"TYPE", b"GET", b"INCR"]), k()],
            lambda: [n([b"GETSET", b"SETNX", b"APPEND"]), k(), v()],
            lambda: [n([b"INCRBY", b"DECRBY"]), k(), i()],
            lambda: [b"INCRBYFLOAT", k(), n([n(FLOATS), i()])],
            lambda: [n([b"GETRANGE", b"SUBSTR"]), k(), i(), i()],
            lambda: [b"SETRANGE", k(), n([i(), b"%d" % self.r.randrange(30000), b"536870912"]), v()],
            lambda: [b"SETEX", k(), self.life(1), v()],
            lambda: [b"PSETEX", k(), self.life(1000), v()],
            lambda: [n([b"RENAME", b"RENAMENX"]), k(), k()],
            lambda: [b"COPY", k(), k()] + self.options(lambda: [n([b"REPLACE", b"replace"])], lambda: [b"DB", i()]),
            lambda: [n([b"MSET", b"MSETNX"])] + self.pairs(),
            lambda: [n([b"MGET", b"DEL", b"UNLINK", b"EXISTS", b"TOUCH"])] + self.keys(),
            lambda: [b"KEYS", self.pattern()],
            lambda: [n([b"DBSIZE", b"RANDOMKEY"])],
            lambda: [n([b"ECHO", b"PING"]), v()],
            lambda: [b"COMMAND", b"GETKEYS", *self.plain()],
            lambda: [n([b"FLUSHALL", b"FLUSHDB"])] if self.one_in(20) else [b"SELECT", i()],
        ])()

    def bend(self, command):
        """A command that is wrong somewhere, or looks so."""
        command, at = list(command), self.r.randrange(len(command))
        change = self.r.randrange(4)
        if change == 0 and len(command) > 1:
            del command[at]
        elif change == 1:
            command.insert(at + 1, self.r.choice(WORDS))
        elif change == 2:
            command[0] = command[0].lower()
        else:
            command.append(self.r.choice(WORDS + KEYS))
        return command

    def command(self):
        if self.r.random() < self.collections:
            command = self.r.choice(self.types).command(self)
        else:
            make = self.r.choice([self.set, self.set, self.plain, self.plain, self.plain, self.plain, self.expire,
                                  self.getex, self.scan])
            command = make()
        if self.one_in(12):
            command = self.bend(command)
        return command


# ---- Comparing -------------------------------------------------------------------------------

CLOSE = {b"TTL": 2, b"PTTL": 2000, b"EXPIRETIME": 2, b"PEXPIRETIME": 2000}


def fair(command):
    """Whether both are asked the same: no options, cursors or words that mean another thing to one of them."""
    name = command[0].upper()
    if b"SYNC" in command[:3]:  # a command that kevy has no use for
        return False
    if name == b"COMMAND" and len(command) == 3:  # 7.0 asks for an argument more
        return False
    if name == b"SCAN":  # a part of the keys, in an order of its own
        return command[1:4] == [b"0", b"COUNT", b"100000"] and b"COUNT" not in command[4:]
    if any(not t.fair(command) for t in TYPES if hasattr(t, "fair")):
        return False
    if name in (b"SET", b"GETEX", b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT", b"COPY"):
        return not any(b"\x00" in word for word in command[3:])  # Redis reads an option up to a zero byte
    return True


def alike(command, redis, ours):
    if redis == ours:
        return True
    name = command[0].upper()
    redis, ours = conformance.decode(redis), conformance.decode(ours)
    if conformance.matches(redis, ours):
        return True
    if name not in (b"DBSIZE", b"XINFO") and conformance.shape(redis) != conformance.shape(ours):
        return False
    redis, ours = conformance.as_resp2(command, redis), conformance.as_resp2(command, ours)
    if name in CLOSE and redis.kind == ours.kind == "int" and redis.value > 0:
        return abs(redis.value - ours.value) <= CLOSE[name]
    if name == b"DBSIZE":  # Redis counts what was set with a past deadline until it comes across it
        return redis.kind == ours.kind == "int" and ours.value <= redis.value
    for module in TYPES:
        answer = module.alike(command, redis, ours) if hasattr(module, "alike") else None
        if answer is not None:
            return answer
    if name in (b"KEYS", b"SCAN"):
        return conformance.unordered(redis) == conformance.unordered(ours)
    return name == b"RANDOMKEY" and redis.kind == ours.kind == "bulk"


def ask(redis, commands, protocol):
    """The replies of both, from an empty store, and the index of the first difference, or None."""
    redis.execute([b"FLUSHALL"])
    redis.execute([b"HELLO", b"%d" % protocol])
    with kevy.Store() as store, store.session() as session:
        session.command("HELLO", protocol)
        execute = store.command_resp if protocol == 2 else session.command_resp
        for i, command in enumerate(commands):
            for first in [c for t in TYPES if hasattr(t, "ahead") for c in t.ahead(command)]:
                redis.execute(first)
            theirs, ours = redis.execute(command), execute(*command)
            if not alike(command, theirs, ours):
                return i, theirs, ours
    return None


def shrink(redis, commands, protocol):
    """Fewer commands with a difference at their end."""
    step = max(len(commands) // 2, 1)
    while True:
        at = 0
        while at < len(commands) - 1:
            fewer = commands[:at] + commands[min(at + step, len(commands) - 1):]
            found = ask(redis, fewer, protocol)
            if found:
                commands = fewer[:found[0] + 1]
            else:
                at += step
        if step == 1:
            return commands
        step //= 2


def show(word):
    """A word as the cases write it; what is long and random is cut."""
    if len(word) > 3 and word == word[:1] * len(word):
        return conformance.quote(word[:1]) + f"*{len(word)}"
    return conformance.quote(word) if len(word) <= 100 else conformance.quote(word[:100]) + f"... {len(word)} bytes"


def report(redis, commands, seed, protocol):
    commands = shrink(redis, commands, protocol)
    found = ask(redis, commands, protocol)
    print(f"a difference, seed {seed}, protocol {protocol}:")
    for command in commands:
        print("> " + " ".join(map(show, command)))
    if found:
        print("redis\n" + str(conformance.decode(found[1]))[:2000])
        print("kevy\n" + str(conformance.decode(found[2]))[:2000], flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--rounds", type=int, default=1 << 62)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--server", default="redis-server")
    options = options.parse_args()
    passed = failed = 0
    until = time.monotonic() + options.seconds
    seed = options.seed
    with Redis(options.server) as redis:
        while time.monotonic() < until and seed < options.seed + options.rounds and failed < 5:
            questions = Questions(seed)
            commands = [c for c in (questions.command() for _ in range(400)) if fair(c)]
            protocol = 2 + seed % 2
            found = ask(redis, commands, protocol)
            passed += found[0] if found else len(commands)
            if found:
                failed += 1
                report(redis, commands[:found[0] + 1], seed, protocol)
            seed += 1
    print(f"differential: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
