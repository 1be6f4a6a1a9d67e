#!/usr/bin/env python3
"""Asks a redis-server and kevy the same random questions, and compares every reply, what is stored then, and what kevy's log
makes of another redis-server.

    tests/conformance/differential.py [--commands N | --seconds 20 | --rounds N] [--seed N] [--only SUBJECT,...]

A round is a few hundred commands on a dozen keys, from an empty store: right and wrong options, numbers at their limits, values
of every size, transactions, scripts, sixteen databases, messages; in RESP2 or RESP3, with small encodings that end early or late.
Everything follows from the round's seed. A difference is shrunk to the fewest commands that still show it. questions.py says how commands come about,
unlike.list what is not compared, and why. Times to live are long, all different, or past, so that the few milliseconds between
the two clocks decide nothing; or a millisecond, which both sides are given to pass before the next command."""

import argparse
import collections

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import conformance  # noqa: E402
import kevy  # noqa: E402
import oracle  # noqa: E402
from differential_pubsub import ByListener, Listening, alike_to_listener  # noqa: E402
from differential_session import ByAnother  # noqa: E402
from questions import SUBJECTS, Passing, Questions  # noqa: E402

LENGTH = 400  # commands of a round
DATABASES = 16
PASSES = 0.012  # seconds in which a deadline of a millisecond is over on both sides, whatever the grain of their clocks
GENERATORS = list(SUBJECTS.values())
UNFAIR = [m.unfair for m in GENERATORS if hasattr(m, "unfair")]
UNFAIR_IN = [m.unfair_in for m in GENERATORS if hasattr(m, "unfair_in")]
ALIKE = [m.alike for m in GENERATORS if hasattr(m, "alike")]
AHEAD = [m.ahead for m in GENERATORS if hasattr(m, "ahead")]

# ---- Comparing replies ----


def unfair(command):
    """The row of unlike.list because of which the two cannot be asked a command, or None."""
    words = type(command)(word if isinstance(word, bytes) else b"payload" for word in command)
    why = next(filter(None, (each(words) for each in UNFAIR)), None)
    asked_about = words[2:] if words[0].upper() == b"COMMAND" and words[1:2] != [b"INFO"] else None
    return why or (unfair(asked_about) if asked_about else None)


def unfair_in(q, command):
    """The same, for what depends on the round."""
    return next(filter(None, (each(q, command) for each in UNFAIR_IN)), None)


def fair(command):
    return unfair(command) is None


def alike(command, redis, ours):
    """Whether two replies, as bytes, say the same."""
    return redis == ours or same(command, conformance.decode(redis), conformance.decode(ours))


def cut(redis, ours):
    """Long words in errors: whether an error repeats one, of which kevy gives a part."""
    if not redis.kind == ours.kind == "error" or len(ours.value) <= 128 or len(ours.value) >= len(redis.value):
        return False
    same = next((at for at, (a, b) in enumerate(zip(redis.value, ours.value)) if a != b), len(ours.value))
    return same >= 128 and redis.value.endswith(ours.value[same:])


def same(command, redis, ours):
    if conformance.matches(redis, ours) or cut(redis, ours):
        return True
    name = command[0].upper()
    if name not in (b"DBSIZE", b"XINFO", b"SORT", b"SORT_RO") and conformance.shape(redis) != conformance.shape(ours):
        return False
    redis, ours = conformance.as_resp2(command, redis), conformance.as_resp2(command, ours)
    return any(answer for answer in (each(command, redis, ours) for each in ALIKE))


class Transactions:
    """What is queued since MULTI, so that EXEC's replies can be compared each as its command's."""

    def __init__(self):
        self.queue = None

    def alike(self, command, redis, ours):
        name, queue = command[0].upper(), self.queue
        if redis == b"+QUEUED\r\n" and queue is not None:
            queue.append(command)
        elif name == b"MULTI" and redis == b"+OK\r\n":
            self.queue = []
        elif name == b"RESET" and redis == b"+RESET\r\n" or name in (b"EXEC", b"DISCARD") and redis[:4] != b"-ERR":
            self.queue = None
        if redis == ours:
            return True
        theirs, mine = conformance.decode(redis), conformance.decode(ours)
        if name != b"EXEC" or queue is None or theirs.kind != "array" or mine.kind != "array":
            return same(command, theirs, mine)
        return len(queue) == len(theirs.value) == len(mine.value) and all(
            same(each, *both) for each, *both in zip(queue, theirs.value, mine.value))


def resp(value):
    """Lists of words as a reply is written, to be shown."""
    if isinstance(value, list):
        return b"*%d\r\n" % len(value) + b"".join(map(resp, value))
    return b"$%d\r\n%s\r\n" % (len(value), value)


# ---- Comparing what is stored ----

READING = {b"string": [b"GET"], b"hash": [b"HGETALL"], b"set": [b"SMEMBERS"], b"list": [b"LRANGE", b"0", b"-1"],
           b"zset": [b"ZRANGE", b"0", b"-1", b"WITHSCORES"], b"stream": [b"XINFO", b"STREAM", b"FULL", b"COUNT", b"0"]}


def reading(key, kind):
    name, *rest = READING[kind]
    return [name, b"STREAM", key, *rest[1:]] if name == b"XINFO" else [name, key, *rest]


def stored_alike(redis, ours, encodings=True):
    """None, or the command whose answer tells two keyspaces apart, and both answers."""
    def differ(command):
        theirs, mine = redis(command), ours(command)
        return None if alike(command, theirs, mine) else (command, theirs, mine)

    def commands():
        for database in range(DATABASES):
            yield [b"SELECT", b"%d" % database]
            yield [b"KEYS", b"*"]
            for item in conformance.decode(redis([b"KEYS", b"*"])).value:
                kind = conformance.decode(redis([b"TYPE", item.value])).value
                if kind in READING:  # else gone this very moment
                    yield from told(item.value, kind)
        yield from ([b"SELECT", b"0"], [b"FUNCTION", b"LIST", b"WITHCODE"])

    def told(key, kind):
        return [[b"TYPE", key], reading(key, kind), [b"PEXPIRETIME", key]] + [[b"OBJECT", b"ENCODING", key]] * encodings

    return next(filter(None, map(differ, commands())), None)


# ---- A round ----


@dataclass
class Round:
    """What a seed makes. only: subjects that it keeps to."""

    seed: int
    protocol: int
    session: bool  # whether kevy is asked through a session, or a store without one
    logged: bool  # whether kevy's store is in a directory
    restores: bool  # whether values are carried over, with encodings that follow nobody's limits
    settings: list
    commands: list
    left_out: collections.Counter = field(default_factory=collections.Counter)


def make_round(seed, only=()):
    q = Questions(seed, only)
    made = Round(seed, 2 + seed % 2, seed % 2 == 1 or seed % 4 == 0, seed % 5 == 0, "dump" in q.subjects, q.settings, [])
    for _ in range(LENGTH):
        command = q.command()
        why = unfair(command) or unfair_in(q, command)
        if why:
            made.left_out[why] += 1
        elif made.session or SUBJECTS["session"].stateless(command):
            made.commands.append(command)
    return made


@dataclass
class Difference:
    at: int  # the command's place; behind the last where what is stored is not the same
    command: list
    redis: bytes
    ours: bytes


def commands_of(log):
    """The commands of an append-only file, as bytes, without the remarks between them."""
    at = 0
    while at < len(log):
        begin, at = at, log.index(b"\n", at) + 1
        if log[begin:begin + 1] == b"#":
            continue
        for _ in range(int(log[begin + 1:at - 2])):
            line = log.index(b"\n", at) + 1
            at = line + int(log[at + 1:line - 2]) + 2
        yield log[begin:at]


class Servers:
    """A redis-server with two clients, and another that does kevy's log over again."""

    def __init__(self, program):
        self.program = program
        self.redis, self.mirror = oracle.Redis(program), None
        self.first, self.second, self.ear = self.redis.execute, self.redis.connection().execute, self.redis.connection()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.redis.__exit__()
        if self.mirror:
            self.mirror.__exit__()

    def prepare(self, settings, protocol):
        self.second([b"RESET"])
        for command in ([b"RESET"], [b"FLUSHALL"], [b"FUNCTION", b"FLUSH"], [b"SCRIPT", b"FLUSH"],
                        [b"CONFIG", b"SET", b"notify-keyspace-events", b""], *settings, [b"HELLO", b"%d" % protocol]):
            self.first(command)

    def replay(self, directory):
        """Sends the commands of kevy's log as they are written; returns the first that is refused, or None."""
        if self.mirror is None:
            self.mirror = oracle.Redis(self.program)
        for command in ([b"SELECT", b"0"], [b"FLUSHALL"], [b"FUNCTION", b"FLUSH"]):
            self.mirror.execute(command)
        log = b"".join(path.read_bytes() for path in sorted(Path(directory).rglob("*.incr.aof")))
        self.mirror.socket.sendall(b"".join(commands_of(log)) + b"*2\r\n$4\r\nECHO\r\n$3\r\nend\r\n")
        refused = None
        while True:
            reply = self.mirror.read()
            if reply == b"$3\r\nend\r\n":
                return refused
            if reply[:1] == b"-" and refused is None:
                refused = reply


def batches(commands):
    """Runs of commands that Redis can be sent at once; alone those that the other client has a part in."""
    batch = []
    for command in commands:
        alone = isinstance(command, (ByAnother, ByListener, Passing)) or not all(isinstance(w, bytes) for w in command) or any(ahead(command) for ahead in AHEAD)
        if batch and (alone or len(batch) == 50):
            yield batch
            batch = []
        batch.append(command)
        if alone:
            yield batch
            batch = []
    if batch:
        yield batch


class Asking:
    """One asking of a round's commands, from an empty store on."""

    def __init__(self, servers, made):
        self.servers, self.made = servers, made
        self.last = []  # the command that was asked last

    def difference(self):
        home = tempfile.mkdtemp(prefix="kevy-differential-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) if self.made.logged else None
        try:
            with kevy.Store(home, fsync="no") if home else kevy.Store() as store:
                found = self.commands(store)
            return found or (self.log(home) if home else None)
        finally:
            if home:
                shutil.rmtree(home)

    def commands(self, store):
        """Asks the commands; then compares what is stored."""
        made, servers = self.made, self.servers
        servers.prepare(made.settings, made.protocol)
        session, second, listener = store.session(), store.session(), store.session()
        session.command("HELLO", made.protocol)
        self.speak, self.other = (session if made.session else store).command_resp, lambda c: second.command_resp(*c)
        for setting in made.settings:
            self.speak(*setting)
        self.listening, self.transactions, at = Listening(servers.ear, listener, made.protocol), Transactions(), 0
        for batch in batches(made.commands):
            self.last = batch
            found = self.batch(batch, at) or self.messages(at + len(batch) - 1, batch[-1])
            if found:
                return found
            at += len(batch)
        found = stored_alike(servers.second, self.other, not made.restores)
        return Difference(len(made.commands), *found) if found else None

    def batch(self, batch, at):
        """Asks some commands that Redis can be sent at once; returns the first difference, or None."""
        servers, queued = self.servers, self.transactions.queue is not None
        if isinstance(batch[0], ByListener):
            replies = self.listening.ask(batch[0])
            return None if alike_to_listener(batch[0], *replies) else Difference(at, batch[0], *replies)
        if isinstance(batch[0], Passing) and queued:  # nobody knows when it would be done
            return None
        batch = [type(c)(w if isinstance(w, bytes) else w.bytes(servers.second, self.other) for w in c) for c in batch]
        for first in [c for ahead in AHEAD for c in ahead(batch[0])]:
            servers.second(first)
        another = isinstance(batch[0], ByAnother)
        for words, theirs in zip(batch, [servers.second(batch[0])] if another else servers.redis.execute_all(batch)):
            mine = self.other(words) if another else self.speak(*words)
            if not (alike if another else self.transactions.alike)(words, theirs, mine):
                return Difference(at, words, theirs, mine)
            at += 1
        if isinstance(batch[0], Passing):
            time.sleep(PASSES)
        return None

    def messages(self, at, last):
        """What the listening clients have heard. A deadline that passes may have done so at once: then del is told of."""
        theirs, mine = self.listening.heard([conformance.decode(item) for item in self.listening.until_now()])
        return None if theirs == mine or isinstance(last, Passing) else Difference(at, [b"what is heard after", *last], resp(theirs), resp(mine))

    def log(self, home):
        """Does kevy's log over again; then compares what both redis-servers have."""
        end = len(self.made.commands)
        refused = self.servers.replay(home)
        if refused:
            return Difference(end, [b"the log"], refused, b"")
        found = stored_alike(self.servers.second, self.servers.mirror.execute, False)
        return Difference(end, [b"the log:", *found[0]], *found[1:]) if found else None


# ---- Differences ----


def shrink(servers, made, difference):
    """Takes commands away that the difference does not need."""
    def ask(commands):
        return Asking(servers, Round(made.seed, made.protocol, made.session, made.logged, made.restores, made.settings, commands)).difference()

    commands, difference = made.commands[:difference.at + 1], difference
    step = max(len(commands) // 2, 1)
    while True:
        at = 0
        while at < len(commands):
            fewer = commands[:at] + commands[at + step:]
            found = ask(fewer) if fewer else None
            if found:
                commands, difference = fewer[:found.at + 1], found
            else:
                at += step
        if step == 1:
            return commands, difference
        step //= 2


def show(word):
    """A word as the cases write it; what is long and random is cut."""
    if not isinstance(word, bytes):
        return str(word)
    if len(word) > 3 and word == word[:1] * len(word):
        return conformance.quote(word[:1]) + f"*{len(word)}"
    return conformance.quote(word) if len(word) <= 300 else conformance.quote(word[:300]) + f"... {len(word)} bytes"


def show_command(command):
    mark = {ByAnother: ">> ", ByListener: ">>> ", Passing: ">... "}.get(type(command), "> ")
    return mark + " ".join(map(show, command))


def shown(reply):
    """A reply, or several."""
    try:
        return conformance.decode(reply) if reply else ""
    except ValueError:
        return reply


def report(servers, made, difference):
    again = Asking(servers, made).difference()
    if again is None:
        print("not seen again:")
    commands, difference = shrink(servers, made, again) if again else (made.commands[max(0, difference.at - 5):difference.at + 1], difference)
    print(f"a difference, seed {made.seed}, protocol {made.protocol}{', a session' if made.session else ''}"
          f"{', logged' if made.logged else ''}, {' '.join(b'='.join(s[2:]).decode() for s in made.settings)}")
    for command in commands:
        print(show_command(command))
    if difference.at >= len(commands):
        print("and then " + show_command(difference.command))
    for who, reply in (("redis", difference.redis), ("kevy", difference.ours)):
        print(f"{who}\n{shown(reply)}"[:2000], flush=True)


# ---- The command line ----


class Tally:
    """What was asked until now."""

    def __init__(self):
        self.passed = self.failed = self.rounds = 0
        self.families, self.left_out, self.protocols = collections.Counter(), collections.Counter(), collections.Counter()
        self.began = self.told = time.monotonic()

    def add(self, made, difference):
        asked = made.commands[:difference.at] if difference else made.commands
        self.rounds += 1
        self.passed += len(asked)
        self.failed += difference is not None
        self.families.update(family(command) for command in asked)
        self.protocols[made.protocol] += len(asked)
        self.left_out.update(made.left_out)

    def progress(self, seed, every):
        now = time.monotonic()
        if now - self.told >= every:
            self.told = now
            print(f"  {self.passed:,} commands in {self.rounds:,} rounds, {self.failed} differences, "
                  f"{self.passed / (now - self.began):,.0f} a second, seed {seed}", flush=True)

    def summary(self):
        print(", ".join(f"{n:,} in RESP{protocol}" for protocol, n in sorted(self.protocols.items()))
              + f"; {(time.monotonic() - self.began) / 60:.1f} minutes")
        for title, counts in (("commands", self.families), ("left out (unlike.list)", self.left_out)):
            print(f"{title}: " + ", ".join(f"{name} {n:,}" for name, n in counts.most_common()))


def family(command):
    return SUBJECTS["rows"].GROUPS.get(command[0].upper(), "none") if isinstance(command[0], bytes) else "none"


def arguments():
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--commands", type=int, default=1 << 62, help="stop after so many")
    options.add_argument("--seconds", type=float, help="stop after so long; 20 where nothing else is said")
    options.add_argument("--rounds", type=int, default=1 << 62, help="stop after so many rounds of 400 commands")
    options.add_argument("--seed", type=int, default=1, help="of the first round; each following has the next")
    options.add_argument("--only", default="", help="subjects, with commas: " + " ".join(SUBJECTS))
    options.add_argument("--failures", type=int, default=5, help="stop after so many differences")
    options.add_argument("--server", default="redis-server")
    options = options.parse_args()
    if options.seconds is None:
        options.seconds = 20 if options.commands == options.rounds else float("inf")
    return options


def main():
    options, tally = arguments(), Tally()
    only = [name for name in options.only.split(",") if name]
    seed = options.seed
    with Servers(options.server) as servers:
        while (tally.passed < options.commands and tally.rounds < options.rounds and tally.failed < options.failures
               and time.monotonic() - tally.began < options.seconds):
            made = make_round(seed, only)
            asking = Asking(servers, made)
            try:
                difference = asking.difference()
            except Exception:
                print(f"seed {seed}: " + "\n".join(map(show_command, asking.last)), flush=True)
                raise
            tally.add(made, difference)
            if difference:
                report(servers, made, difference)
            seed += 1
            tally.progress(seed, 10)
    tally.summary()
    print(f"differential: seeds {options.seed} to {seed - 1}: {tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
