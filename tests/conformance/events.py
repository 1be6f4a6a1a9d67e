#!/usr/bin/env python3
"""Runs the same random commands on a redis-server and on kevy, and compares the keyspace notifications of each.

    tests/conformance/events.py [--rounds 20] [--seed N] [--server redis-server]

The commands are those of differential.py. Both tell of everything (KEA); what each command made them tell has to be the same, in the
same order. Then SET with all options in all orders, and BITFIELD with all steps, on keys of several kinds.
Left out: SPOP and its like, which choose by chance; what the two answer differently (differential.py tells of it)
ends a round; "expired" comes when a server comes across a key, so it is not compared."""

import argparse
import itertools
import socket
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import differential  # noqa: E402
import kevy  # noqa: E402
from oracle import Redis  # noqa: E402

CHANCE = {b"CONFIG", b"SPOP", b"RANDOMKEY", b"FLUSHALL", b"FLUSHDB", b"EVAL", b"EVALSHA", b"FCALL", b"SUBSCRIBE", b"PUBLISH", b"SPUBLISH"}
# Not the same in 7.0, or not told as exactly here.
UNLIKE = {
    b"XCLAIM": "7.2 makes the consumer in any case, 7.0 only if it gets something",
    b"XAUTOCLAIM": "the same",
    b"XREADGROUP": "the same",
}


class Ear:
    """A second connection to the server, which hears its notifications."""

    def __init__(self, redis):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(redis.directory.name + "/socket")
        self.file = self.socket.makefile("rb")
        self.socket.sendall(b"PSUBSCRIBE __key*\r\n")
        self.item()

    def item(self):
        line = self.file.readline()
        if line[:1] == b"*":
            return [self.item() for _ in range(int(line[1:]))]
        if line[:1] == b"$":
            return self.file.read(int(line[1:]) + 2)[:-2]
        return line

    def hear(self, redis):
        """What was told until now."""
        redis.execute([b"PUBLISH", b"__keyEND", b""])
        told = []
        while True:
            channel, payload = self.item()[2:]
            if channel == b"__keyEND":
                return told
            told.append((channel, payload))

    def close(self):
        self.file.close()
        self.socket.close()


def ours(session):
    told = []
    while True:
        message = session.next_message(0)
        if message is None:
            return told
        told.append(tuple(message[2:]))


def compared(told):
    return [t for t in told if b"expired" not in (t[1], t[0][-7:])]


def round_of(redis, ear, seed):
    """How many commands told the same; and the command that did not, with what was told, or None."""
    redis.execute([b"FLUSHALL"])
    ear.hear(redis)
    passed = 0
    with kevy.Store() as store, store.session() as session:
        store.command("CONFIG", "SET", "notify-keyspace-events", "KEA")
        session.command("PSUBSCRIBE", "__key*")
        for command in differential.make_round(seed).commands:
            if type(command) is not list or command[0].upper() in CHANCE or not differential.SUBJECTS["session"].stateless(command) or not all(
                    isinstance(word, bytes) for word in command):
                continue
            replies = redis.execute(command), store.command_resp(*command)
            if not differential.alike(command, *replies):
                break
            told = compared(ear.hear(redis)), compared(ours(session))
            if command[0].upper() in UNLIKE:
                continue
            if told[0] != told[1]:
                return passed, (command, *told)
            passed += 1
    return passed, None


OPTIONS = ["NX", "XX", "GET", "KEEPTTL", "EX 100", "PX 200000", "EXAT 33000000000", "PXAT 1", "EX 0"]
STEPS = ["SET u8 0 0", "SET u8 0 49", "SET u8 8 1", "SET u8 100 0", "INCRBY u8 0 0", "INCRBY u4 0 256", "GET u8 0",
         "OVERFLOW FAIL", "OVERFLOW SAT"]
BEFORE = [[], ["SET k 1"], ["SET k 1 EX 500"], ["RPUSH k 1"]]


def words(line):
    return line.encode().split()


def combined():
    """Commands with what is there before them: up to three options, or steps, of all."""
    for name, parts in (("SET k 2", OPTIONS), ("BITFIELD k", STEPS)):
        for n in range(4):
            for chosen in itertools.product(parts, repeat=n):
                for before in BEFORE:
                    yield before, " ".join([name, *chosen])


def combinations(redis, ear):
    """How many of them told the same; and those that did not, with what was told."""
    passed, different = 0, []
    with kevy.Store() as store, store.session() as session:
        store.command("CONFIG", "SET", "notify-keyspace-events", "KEA")
        session.command("PSUBSCRIBE", "__key*")
        for before, line in combined():
            for each in ("DEL k", *before):
                redis.execute(words(each)), store.command_resp(*words(each))
            ear.hear(redis), ours(session)
            replies = redis.execute(words(line)), store.command_resp(*words(line))
            told = compared(ear.hear(redis)), compared(ours(session))
            passed += told[0] == told[1] and replies[0] == replies[1]
            if told[0] != told[1] or replies[0] != replies[1]:
                different.append((words(line), *told))
    return passed, different


def show(what, different):
    command, theirs, mine = different
    print("%s: %s\n  redis %s\n  kevy  %s" % (what, " ".join(map(differential.show, command)), theirs, mine), flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--server", default="redis-server")
    options = options.parse_args()
    passed = failed = 0
    with Redis(options.server, options=["--notify-keyspace-events", "KEA"]) as redis:
        ear = Ear(redis)
        for seed in range(options.seed, options.seed + options.rounds):
            same, different = round_of(redis, ear, seed)
            passed += same
            if different:
                failed += 1
                show("seed %d" % seed, different)
        same, different = combinations(redis, ear)
        passed += same
        failed += len(different)
        for each in different[:5]:
            show("combined", each)
        ear.close()
    print(f"events: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
