#!/usr/bin/env python3
"""Replays the conformance cases against a real redis-server, so that what they expect is what Redis answers.

    tests/conformance/oracle.py [--server redis-server] [text in the names of cases]

The server listens on a unix socket in a temporary directory and is stopped at the end. Cases of
differences.txt must differ; kevy-only cases and those that wait long are left out."""

import argparse
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import conformance  # noqa: E402

LONGEST_WAIT = 500  # ms that are really waited for


class Connection:
    """One client of a server."""

    def __init__(self, path, process=None):
        self.socket = self._connect(path, process)
        self.file = self.socket.makefile("rb")

    def _connect(self, path, process):
        for _ in range(200):
            try:
                s = socket.socket(socket.AF_UNIX)
                s.connect(path)
                return s
            except OSError:
                s.close()
                if process is None or process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError("redis-server does not come up")

    def close(self):
        self.file.close()
        self.socket.close()

    def execute(self, arguments):
        """The exact bytes of the reply."""
        return self.execute_all([arguments])[0]

    def execute_all(self, commands):
        """The replies of commands that are sent at once."""
        self.socket.sendall(b"".join(b"*%d\r\n" % len(arguments) + b"".join(
            b"$%d\r\n%s\r\n" % (len(a), a) for a in arguments) for arguments in commands))
        return [self.read() for _ in commands]

    def read(self):
        """The bytes of the next reply."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise RuntimeError("redis-server hung up")
        mark, rest = line[:1], line[1:-2]
        if mark in b"$=" and int(rest) >= 0:
            return line + self.file.read(int(rest) + 2)
        if mark in b"*~>%":
            return line + b"".join(self.read() for _ in range(int(rest) * (2 if mark == b"%" else 1)))
        return line


class Redis(Connection):
    """A redis-server of our own, and one connection to it. file: an RDB file that it begins with; home: a directory with
    append-only files, which it works in."""

    def __init__(self, program="redis-server", file=None, home=None, options=()):
        self.directory = tempfile.TemporaryDirectory(prefix="kevy-oracle-")
        if file is not None:
            shutil.copyfile(file, self.directory.name + "/dump.rdb")
        self.path = self.directory.name + "/socket"
        self.process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", self.path, "--save", "", "--appendonly", "yes" if home else "no",
             "--enable-debug-command", "yes", "--databases", "16", "--dir", str(home or self.directory.name), "--hz", "100", *options],
            stdout=subprocess.DEVNULL)
        super().__init__(self.path, self.process)
        while self.execute([b"PING"]).startswith(b"-LOADING"):
            time.sleep(0.02)

    def connection(self):
        """Another client of it."""
        return Connection(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.process.terminate()
        self.process.wait(10)
        self.directory.cleanup()


def advance(milliseconds):
    time.sleep(milliseconds / 1000 + 0.002)


def askable(case):
    """Whether Redis can be asked: the case is not about kevy, and its clock moves forward, a little."""
    waits = [step[1] for step in case.steps if step[0] == "clock"]
    return "kevy-only" not in case.tags and min(waits, default=0) >= 0 and sum(waits) <= LONGEST_WAIT


def differences():
    """Names of the cases in which the oracle answers otherwise."""
    rows = (conformance.HERE / "differences.txt").read_text().splitlines()
    return {row.split(" | ")[0].strip() for row in rows if row.strip() and not row.startswith("#")}


def strangers(redis):
    """Commands that the server has and known.def has not as Redis 7.0's, or the other way round; none of other versions."""
    if b"redis_version:7.0." not in redis.execute([b"INFO", b"server"]):
        return set()
    theirs = {item.value.decode() for item in conformance.decode(redis.execute([b"COMMAND", b"LIST"])).value}
    text = (conformance.HERE.parents[1] / "bindings/known.def").read_text()
    return theirs ^ set(re.findall(r'^KNOWN\("(.*)", "Redis 7.0"\)$', text, re.M))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--server", default="redis-server")
    options.add_argument("filter", nargs="?", default="")
    options = options.parse_args()
    passed = failed = 0
    different = differences()
    cases = conformance.load()
    unknown = different - {case.name for case in cases}
    for name in sorted(unknown):
        print(f"differences.txt: no such case: {name}")
    failed += len(unknown)
    with Redis(options.server) as redis:
        for name in sorted(strangers(redis)):
            failed += 1
            print(f"known.def and redis-server differ about {name}")
        for case in cases:
            if options.filter not in case.name or not askable(case):
                continue
            redis.execute([b"RESET"])
            redis.execute([b"FLUSHALL"])
            failures = conformance.run(case, redis.execute, advance)
            if (case.name in different) != bool(failures):
                failed += 1
                print("\n".join(failures) or f"{case}\nno longer differs: differences.txt", end="\n\n")
            else:
                passed += 1
    print(f"oracle: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
