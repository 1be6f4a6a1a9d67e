"""Random commands of every row of bindings/commands.def, made of the syntax that the row says: each choice, option and
repetition that the text allows, with words of the kind that an argument's name tells. For differential.py: what has a
generator of its own, too, gets depth there, and breadth here. A command that is added is asked about with no further ado."""

import re
import sys
from pathlib import Path

from questions import FLOATS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bindings"))
from faces.rows import Rows  # noqa: E402

# Rows that are not asked about, and why; names ending in | with all subcommands.
LEFT_OUT = {
    "TIME LASTSAVE INFO LOLWUT LATENCY|DOCTOR LATENCY|HISTOGRAM MEMORY|STATS MEMORY|USAGE MEMORY|DOCTOR MEMORY|MALLOC-STATS "
    "OBJECT|IDLETIME SLOWLOG|GET SLOWLOG|LEN CLIENT|ID CLIENT|INFO CLIENT|LIST ACL|GETUSER ACL|LIST MEMORY|PURGE CLUSTER|MYID "
    "FUNCTION|STATS CLUSTER|INFO":
        "the answer is about the process",
    "SAVE BGSAVE BGREWRITEAOF SHUTDOWN REPLICAOF SLAVEOF QUIT DEBUG CONFIG|REWRITE CONFIG|SET CONFIG|RESETSTAT PFSELFTEST PFDEBUG":
        "they are for whole servers; the comparison sets what it needs itself",
    "CLIENT|KILL CLIENT|PAUSE CLIENT|UNBLOCK CLIENT|REPLY CLIENT|TRACKING CLIENT|CACHING CLIENT|UNPAUSE AUTH WAIT SCRIPT|KILL "
    "FUNCTION|KILL SCRIPT|DEBUG ACL|CAT ROLE":
        "they are about connections and those who wait; conformance cases ask them",
    "COMMAND COMMAND|COUNT COMMAND|DOCS COMMAND|INFO COMMAND|LIST CONFIG|GET ACL|HELP CLIENT|HELP CLUSTER|HELP COMMAND|HELP "
    "CONFIG|HELP FUNCTION|HELP LATENCY|HELP MEMORY|HELP MODULE|HELP OBJECT|HELP PUBSUB|HELP SCRIPT|HELP SLOWLOG|HELP XGROUP|HELP "
    "XINFO|HELP MODULE|LIST":
        "they tell what there is in each; oracle.py compares them with care",
    "SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE SSUBSCRIBE SUNSUBSCRIBE":
        "one command gets many replies; the cases of pubsub.txt ask them of both",
    "FUNCTION|DUMP FUNCTION|RESTORE":
        "the payloads are not the same bytes; conformance cases carry them over",
    "SPOP":
        "what is drawn is gone on one side only; differential_set.py draws all or none",
}

TOKEN = re.compile(r"[\[\]<>|]|[^\s\[\]<>|]+")


# ---- Reading a syntax ----


class Choice:
    """One of several sequences; optional: or none of them; many: again and again."""

    def __init__(self, sequences, optional, many):
        self.sequences, self.optional, self.many = sequences, optional, many


def sequence(tokens):
    """What stands up to a closing bracket or a bar between sequences. Bars outside brackets stand between single words."""
    items = []
    while tokens and tokens[0] not in "]>|":
        token = tokens.pop(0)
        items.append(choice(tokens, token == "[") if token in "[<" else token)
    return items


def choice(tokens, optional):
    sequences = [sequence(tokens)]
    while tokens.pop(0) == "|":
        sequences.append(sequence(tokens))
    many = sequences[-1][-1:] == ["..."]
    if many:
        sequences[-1].pop()
    return Choice(sequences, optional, many)


def parse(syntax):
    tokens, items = TOKEN.findall(syntax), []
    while tokens:
        if tokens[0] != "|":
            items += sequence(tokens)
            continue
        del tokens[0]
        before = items.pop()
        others = before.sequences if isinstance(before, Choice) else [[before]]
        items.append(Choice([*others, [tokens.pop(0)]], False, False))
    return items


# ---- Words by the names of arguments ----

KIND = {
    "key": lambda q: q.key(), "value": lambda q: q.value(), "integer": lambda q: q.integer(), "pattern": lambda q: q.pattern(),
    "float": lambda q: q.r.choice(FLOATS) if q.one_in(2) else q.integer(),
    "seconds": lambda q: q.life(1), "milliseconds": lambda q: q.life(1000),
    "unix-time-seconds": lambda q: q.moment(1), "unix-time-milliseconds": lambda q: q.moment(1000),
    "name": lambda q: q.r.choice([b"", b"a", b"b", b"g", b"name", b"\x00", b"f" * 65, b"%d" % q.r.randrange(30)]),
    "group": lambda q: q.r.choice([b"g", b"g", b"g", b"h", b"", b"x"]),
    "bound": lambda q: q.r.choice([b"-", b"+", b"(", b"[a", b"(b", b"-inf", b"+inf", b"(1", b"0", b"5", b"x"]),
    "id": lambda q: q.r.choice([b"0", b"$", b">", b"-", b"+", b"*", b"0-0", b"%d-%d" % (q.r.randrange(1, 9), q.r.randrange(3)),
                                b"%d" % q.r.randrange(9), b"x", b"1-x", b"(1-1", b"18446744073709551615-18446744073709551615"]),
    "count": lambda q: q.r.choice([b"1", b"2", b"3", q.integer()]),
    "degrees": lambda q: b"%.4f" % q.r.uniform(-95, 95) if q.one_in(2) else q.integer(),
    "encoding": lambda q: q.r.choice([b"u8", b"i8", b"u63", b"i64", b"u64", b"i5", b"x"]),
    "offset": lambda q: q.r.choice([b"0", b"7", b"100", b"#2", b"#0", b"-1", b"4294967296", b"", b"3"]),
    "sha1": lambda q: q.r.choice([b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db", b"x", b"0" * 40]),
    "script": lambda q: q.r.choice([b"return 1", b"return {KEYS[1],ARGV[1]}", b"return", b"", b"return nosuch", b"x ="]),
    "payload": lambda q: q.r.choice([b"", b"x", b"\x00\x01a\x0a\x00" + b"\x00" * 8, q.value()]),
    "protocol": lambda q: q.r.choice([b"1", b"4", b"x", b"0"]),
    "word": lambda q: q.r.choice([b"x", b"", b"get", b"SET", b"config|get", b"a b", b"default"]),
    "type": lambda q: q.r.choice([b"string", b"list", b"set", b"zset", b"hash", b"stream", b"x"]),
    "timeout": lambda q: q.r.choice([b"0.001", b"0.002", b"-1", b"x", b"", b"nan", b"1e-3"]),
    "cursor": lambda q: q.r.choice([b"0", b"x", b"-1", b"0x", b"18446744073709551616"]),
    "all": lambda q: q.r.choice([b"0", b"1000000", b"x"]),
    "index": lambda q: b"%d" % q.r.randrange(-1, 4) if not q.one_in(6) else q.integer(),
    "level": lambda q: b"level%d" % q.r.randrange(3),
}
ARGUMENT = {name: kind for kind, names in {
    "key": "key key1 key2 source destination newkey destkey sourcekey src dst",
    "value": "value element pivot message arg threshold",
    "integer": "start end stop decrement bit rank len min-match-len frequency limit num-matches count "
               "entries-read entries-added ttl ms min-idle-time numreplicas numlocal numkeys numfields SAMPLES port",
    "index": "db index1 index2 index destination-db",
    "float": "increment score weight", "pattern": "pattern library-name-pattern",
    "group": "group consumer",
    "name": "field member member1 member2 channel shardchannel username password connection-name clientname libname "
            "libver event host library-name function category section parameter module-name prefix client-id ip:port version",
    "bound": "min max", "id": "id lastid last-id max-deleted-id", "degrees": "longitude latitude radius width height",
    "encoding": "encoding", "offset": "offset", "sha1": "sha1", "script": "script function-code", "payload": "serialized-value",
    "protocol": "protover", "word": "command command-name subcommand", "type": "type", "timeout": "timeout", "cursor": "cursor",
    "seconds": "seconds", "milliseconds": "milliseconds", "unix-time-seconds": "unix-time-seconds",
    "unix-time-milliseconds": "unix-time-milliseconds",
}.items() for name in names.split()}
# Where a name means something else in some commands.
ELSEWHERE = {("milliseconds", "XREAD"): "timeout", ("milliseconds", "XREADGROUP"): "timeout", ("start", "XRANGE"): "id",
             ("end", "XRANGE"): "id", ("start", "XREVRANGE"): "id", ("end", "XREVRANGE"): "id", ("start", "XPENDING"): "id",
             ("end", "XPENDING"): "id", ("start", "XAUTOCLAIM"): "id", ("value", "SETBIT"): "count", ("increment", "INCRBY"): "integer",
             ("increment", "HINCRBY"): "integer", ("start", "ZRANGE"): "bound", ("stop", "ZRANGE"): "bound",
             ("offset", "SETRANGE"): "count", ("threshold", "XADD"): "id", ("threshold", "XTRIM"): "id",
             **{("count", name): "all" for name in ("HRANDFIELD", "SRANDMEMBER", "ZRANDMEMBER")},
             **{("key", name): "level" for name in ("ZRANGEBYLEX", "ZREVRANGEBYLEX", "ZLEXCOUNT", "ZREMRANGEBYLEX")}}


class Writer:
    """Writes one random command of a syntax."""

    def __init__(self, q, name):
        self.q, self.name, self.count = q, name, None

    def argument(self, name):
        if name.upper() == name and name not in ARGUMENT or name in "*=~$":
            return name.encode() if not self.q.one_in(8) else name.lower().encode()
        if name.startswith("num") and name in ("numkeys", "numfields"):
            self.count = self.q.r.randrange(1, 5)
            return b"%d" % self.count if not self.q.one_in(15) else self.q.integer()
        if name not in ARGUMENT:
            raise KeyError(f"no words are known for {name} of {self.name}")
        return KIND[ELSEWHERE.get((name, self.name), ARGUMENT[name])](self.q)

    def times(self):
        """How often more something is said that may be said again: as often as a number before tells, mostly."""
        if self.count is None:
            self.count = self.q.r.choice([1, 1, 2, 3, 5])
        return self.count - 1 if not self.q.one_in(12) else self.q.r.randrange(4)

    def items(self, items):
        out = []
        for item in items:
            if isinstance(item, Choice):
                if item.many:
                    repeats = self.times()
                elif item.optional:
                    repeats = int(self.q.one_in(3))
                else:
                    repeats = 1
                for _ in range(repeats):
                    out += self.items(self.q.r.choice(item.sequences))
            else:
                out.append(self.argument(item))
        return out


def left_out():
    return {name for names in LEFT_OUT for name in names.split()}


def known():
    """The rows' names that redis-server 7.0 has, too."""
    text = (Path(__file__).resolve().parents[2] / "bindings/known.def").read_text()
    return {name.upper() for name in re.findall(r'^KNOWN\("(.*)", "Redis 7.0"\)$', text, re.M)}


def all_rows():
    return Rows(str(Path(__file__).resolve().parents[2])).commands()


ROWS = [(row.name, row.title.encode().split(), parse(row.syntax)) for row in all_rows() if row.name in known() - left_out()]


GROUPS = {row.name.encode(): row.group for row in all_rows()}
HERE = {row.name.encode() for row in all_rows()}
ABSENT = {name.encode() for name in known()} - HERE


# What each tells of itself; reached by bending others.
OWN = {name.encode() for names, why in LEFT_OUT.items() if why == "the answer is about the process" for name in names.split()}


def unfair(command):
    if command[0].upper() in ABSENT:
        return "Commands that are not here"
    return "Answers about the process" if b"|".join(command[:2]).upper() in OWN or command[0].upper() in OWN else None


def command(q):
    name, words, syntax = q.r.choice(ROWS)
    q.subject = GROUPS[words[0]]
    return [*words, *Writer(q, name).items(syntax)]
