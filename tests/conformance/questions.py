"""Random words and commands, for differential.py.

A generator is a module differential_<subject>.py with command(q), which makes a random command of its subject with the help of
Questions q. What else it may have:

    unfair(command)             the name of the row in unlike.list because of which the command is not asked, or None
    unfair_in(q, command)       the same, for what depends on the round
    alike(command, redis, ours) whether two decoded replies are alike, None for those that must be the same
    ahead(command)              commands that Redis alone is asked before it

A command is a list of words. A word is bytes, or an object whose bytes(redis, ours) are made when the command is asked."""

import importlib
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent

KEYS = [b"a", b"b", b"aa", b"ab", b"key:1", b"key:2", b"[a]", b"a*b", b"\\", b"\x00", b"\xff\xfe", b"k" * 300, b"", b"a\x00b"]
INTEGERS = [0, 1, -1, 2, 10, 100, 12345, 2**31, 2**53, 2**63 - 1, 2**63 - 2, -2**63, -2**63 + 1, 2**63, -2**64,
            127, 128, -128, -129, 4095, 32767, 32768, -32769, 2**23, -2**23 - 1, 2**31 - 1, -2**31 - 1, 2**32, 2**62, -2**62, 10**18, -2**63 - 1]
FLOATS = [b"0", b"1.5", b"-1.5", b"0.1", b"3.0", b"1e3", b"5.0e3", b"1e-7", b"inf", b"-inf", b"nan", b"1e400", b".5",
          b"0x1p3", b" 1", b"1 ", b"", b"-0", b"1e17", b"123456789.123456789", b"1e5000", b"-nan", b"infinity", b"INF", b"+inf", b"nan(1)",
          b"1e-400", b"4.9e-324", b"1.7976931348623157e308", b"-1e-5000", b"1e", b"e5", b"+.5e+2", b"1.", b".", b"9223372036854775807", b"3\x00"]
# What is put in place of a word where commands are odd. No number that could be a time to live, or a place, that is small.
ODD = [b"", b"\x00", b"x\x00y", b"\xc3\x28", b"\xff" * 9, b"nan", b"inf", b"-inf", b"1e400", b"-1", b"-2147483649", b"2147483648", b"4294967296",
       b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809", b"18446744073709551616", b"-0", b"0",
       b"1e3", b"0x10", b" 1", b"+inf", b"(nan", b"[", b"~", b"=", b"*", b"-", b"+", b"$", b">", b"x" * 20000, b"\x80" * 70000]
WORDS = [b"NX", b"XX", b"GT", b"LT", b"GET", b"KEEPTTL", b"PERSIST", b"EX", b"PX", b"EXAT", b"PXAT", b"REPLACE",
         b"DB", b"ASYNC", b"SYNC", b"MATCH", b"COUNT", b"TYPE", b"string", b"FOO", b"nx", b"eX"]

# Limits of Redis's small encodings, and what a round may set them to. The options that 7.0 has.
LIMITS = {b"hash-max-listpack-entries": [1, 4, 32, 512], b"hash-max-listpack-value": [1, 16, 64, 1000],
          b"zset-max-listpack-entries": [0, 4, 32, 128], b"zset-max-listpack-value": [1, 16, 64, 1000],
          b"set-max-intset-entries": [0, 4, 32, 512], b"list-max-listpack-size": [-5, -2, -1, 1, 4, 128]}

SUBJECTS = {path.stem.split("_", 1)[1]: importlib.import_module(path.stem) for path in sorted(HERE.glob("differential_*.py"))}
# The type of the values that a subject, or a group of rows, is about.
TYPES = {"key": "string", "string": "string", "bitmap": "string", "lcs": "string", "hash": "hash", "list": "list", "set": "set",
         "zset": "zset", "sorted-set": "zset", "stream": "stream", "blocking": "list"}
# The keyspace and the breadth of all commands come in every round; the others are drawn.
ALWAYS = ("key", "rows")
# Commands that would wait for as long as a word tells.
SCORED = {b"Z", b"G"}  # what begins the names of commands with scores: see differential_zset.py
WAITING = {b"BLPOP", b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP", b"XREAD", b"XREADGROUP"}


class Passing(list):
    """A command whose deadline passes before the next one; none where it would only be queued."""


class Questions:
    """The random commands of a seed. Every time to live that counts from now is given once."""

    def __init__(self, seed, only=()):
        self.r = random.Random(seed)
        self.lives = 0
        self.transaction = False  # MULTI was said, and neither EXEC nor DISCARD
        self.queues = False  # the same, of what was asked indeed
        self.watching = False  # WATCH was said, and nothing yet that ends it
        # A round dwells on a few subjects, so that their values meet; plain strings among them only here and there.
        others = [name for name in SUBJECTS if name not in ALWAYS]
        self.subjects = list(only) or self.r.sample(others, self.r.randrange(1, min(len(others), 7)))
        # Each key is mostly of one type.
        kinds = sorted({TYPES[name] for name in self.subjects if name in TYPES} | {"string"})
        self.homes = {kind: [] for kind in kinds}
        for key in self.r.sample(KEYS, len(KEYS)):
            self.homes[self.r.choice(kinds)].append(key)
        self.subject = None  # what the command that is being made is about
        self.trims_nodes = self.one_in(2)  # whether MINID ~ comes in this round, or XDEL
        self.odd = self.one_in(4)  # whether words at all limits come often
        self.share = 1 if only else self.r.choice([0.1, 0.6, 0.9, 0.95])
        self.settings = [[b"CONFIG", b"SET", name, b"%d" % self.r.choice(values)] for name, values in LIMITS.items()]

    def one_in(self, n):
        return self.r.randrange(n) == 0

    # ---- Words ----

    def key(self):
        home = self.homes.get(TYPES.get(self.subject))
        return self.r.choice(home if home and not self.one_in(4) else KEYS)

    def integer(self):
        if self.one_in(15):
            return self.r.choice([b"", b"x", b"1.0", b"+1", b"01", b" 1", b"1\x00", b"-"])
        return b"%d" % (self.r.choice(INTEGERS) if self.one_in(3) or self.odd and self.one_in(2) else self.r.randrange(-20, 40))

    def value(self):
        kind = self.r.randrange(8)
        if kind < 2:
            return self.integer()
        if kind == 2:
            return self.r.choice(FLOATS)
        size = self.r.choice([0, 1, 3, 10, 44, 45, 100, 255, 256, 1000, 4095, 4096, 20000])
        if self.one_in(12 if self.odd else 200):
            size = self.r.choice([63, 64, 65, 127, 128, 511, 512, 513, 8191, 8192, 8193, 16383, 16384, 32768, 65535, 65536, 65537, 200000])
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

    def pattern(self):
        return b"".join(self.r.choice([b"*", b"?", b"a", b"b", b"[", b"]", b"^", b"-", b"\\", b"k", b"\xff", b"\x00",
                                       b"[a-k]", b"[^a]", b"*", b"key:"]) for _ in range(self.r.randrange(1, 8)))

    # ---- Several words ----

    def options(self, *makers):
        return [word for _ in range(self.r.choice([0, 0, 1, 1, 2, 3])) for word in self.r.choice(makers)()]

    def expire_option(self, *others):
        option = self.r.choice([
            lambda: [b"EX", self.life(1)], lambda: [b"PX", self.life(1000)], lambda: [b"EXAT", self.moment(1)],
            lambda: [b"PXAT", self.moment(1000)], *(lambda o=o: [o] for o in others)])
        return option()

    def keys(self):
        return [self.key() for _ in range(self.r.randrange(1, 5))]

    def pairs(self):
        return [word for key in self.keys() for word in (key, self.value())]

    def counted(self, some):
        """Keys behind their number, which is sometimes wrong."""
        number = b"%d" % len(some) if not self.one_in(8) else self.r.choice([self.integer(), b"%d" % (len(some) + 1), b"0"])
        return [number, *some]

    # ---- Commands ----

    def bend(self, command):
        """A command that is wrong somewhere, or looks so."""
        kind, command, at = type(command), list(command), self.r.randrange(len(command))
        if self.odd and not self.one_in(4):
            at = self.r.randrange(1, len(command)) if len(command) > 1 else 0
            if at and command[0].upper() not in WAITING:
                odd = ODD if not SCORED & {command[0][:1].upper()} else [word for word in ODD if len(word) < 18]
                command[at] = self.r.choice(odd)
            return kind(command)
        change = self.r.randrange(4)
        if change == 0 and len(command) > 1:
            del command[at]
        elif change == 1:
            command.insert(at + 1, self.r.choice(WORDS))
        elif change == 2:
            command[0] = command[0].lower()
        else:
            command.append(self.r.choice(WORDS + KEYS))
        return kind(command)

    def passing(self):
        """A command that gives a key a deadline, or some other, with a millisecond to live."""
        return Passing(self.r.choice([
            lambda: [b"PEXPIRE", self.key(), b"1"], lambda: [b"PEXPIRE", self.key(), b"1"], lambda: [b"SET", self.key(), self.value(), b"PX", b"1"],
            lambda: [b"PSETEX", self.key(), b"1", self.value()], lambda: [b"GETEX", self.key(), b"PX", b"1"]])())

    def plain(self, but=()):
        """A command as it is written; not of some subjects."""
        subjects = [name for name in self.subjects if name not in but]
        subject = self.r.choice(subjects) if subjects and self.r.random() < self.share else self.r.choice(ALWAYS)
        self.subject = subject
        return SUBJECTS[subject].command(self)

    def command(self):
        command = self.plain() if not self.one_in(90) else self.passing()
        bent = self.one_in(4 if self.odd else 12) and isinstance(command[0], bytes) and not isinstance(command, Passing)
        return self.bend(command) if bent else command
