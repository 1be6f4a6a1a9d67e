"""How demo.py fills its store: one thread finds files and feeds a queue, one reads and counts them and logs
each, and two consumers of one group sum up the log.

    WORD               an int: how often the word is there
    seen:WORD          text that expires: the file that had it last
    in:WORD            a set of the files that have it
    rank:words         a sorted set of all words by their count
    module:FILE        a hash of what is known about a file: an int, a float, bytes and text
    source:FILE        its text
    queue:files        a list of what is found and not yet read
    log:processed      a stream of what was read
"""

import hashlib
import os
import re
import threading
import time
from collections import Counter
from pathlib import Path

from demo_screen import Progress, bold, duration, line, megabytes, title

WORD = re.compile(r"[^\W\d]\w*")
DOC = re.compile(r'\s*[rRuU]?"""\s*(.*\S)')
FRESH = 2.0  # seconds that a "seen:" key lives


# ---- Files ------------------------------------------------------------------------------------------


def find_sources(root):
    skipped = {"__pycache__", "site-packages", "dist-packages"}
    for directory, inside, files in os.walk(root):
        inside[:] = sorted(set(inside) - skipped)
        for name in sorted(files):
            if name.endswith(".py"):
                yield Path(directory, name).relative_to(root).as_posix()


def read(path):
    """A file's text; its bytes where it is no UTF-8. A store keeps both as they are."""
    data = path.read_bytes()
    try:
        return data, data.decode()
    except UnicodeDecodeError:
        return data, data


def words_of(source):
    return WORD.findall(source if isinstance(source, str) else source.decode("latin-1"))


def facts_of(data, source, words):
    """An int, a float, bytes and text."""
    lines = data.count(b"\n") + 1
    doc = DOC.match(source) if isinstance(source, str) else None
    return {
        "lines": lines,
        "density": len(words) / lines,
        "sha1": hashlib.sha1(data).digest(),
        "doc": doc.group(1) if doc else "",
    }


# ---- The threads ------------------------------------------------------------------------------------


class Finder(threading.Thread):
    """Puts the name of every file at the end of the queue, and an empty one behind the last."""

    def __init__(self, store, root):
        super().__init__()
        self.store, self.root, self.found = store, root, []

    def run(self):
        queue = self.store.List("queue:files")
        try:
            for name in find_sources(self.root):
                self.found.append(name)
                queue.append(name)
        finally:
            queue.append("")


class Indexer:
    """Writes files into a store, and keeps the CPU time that the store's own calls take."""

    def __init__(self, store):
        self.store, self.ranks = store, store.ZSet("rank:words")
        self.log = store.Stream("log:processed")
        self.words = self.sightings = 0
        self.spent = Counter()

    def add(self, name, path):
        s, ranks, spent, now = self.store, self.ranks, self.spent, time.thread_time
        data, source = read(path)
        words = words_of(source)
        counts, facts = Counter(words), facts_of(data, source, words)
        t0 = now()
        for word in words:
            s.incr(word)
        t1 = now()
        for word in counts:
            s.set("seen:" + word, name, FRESH)
        t2 = now()
        for word, count in counts.items():
            ranks.incr(word, count)
        t3 = now()
        for word in counts:
            s.Set("in:" + word).add(name)
        t4 = now()
        s["module:" + name] = facts
        t5 = now()
        s["source:" + name] = source
        self.log.add({"file": name, "words": len(words), "lines": facts["lines"]})
        spent.update(counting=t1 - t0, seeing=t2 - t1, ranking=t3 - t2, placing=t4 - t3, noting=t5 - t4)
        self.words += len(words)
        self.sightings += len(counts)


class Consumer(threading.Thread):
    """Reads what the group has not given to another, acknowledges it, and sleeps while there is nothing."""

    def __init__(self, store, name, finished):
        super().__init__(name=name)
        self.store, self.finished = store, finished
        self.entries = self.words = self.lines = 0

    def run(self):
        group = self.store.Stream("log:processed").group("sums")
        while True:
            last = self.finished.is_set()
            given = group.read(self.name, count=16)
            for id, fields in given:
                self.words += fields["words"]
                self.lines += fields["lines"]
                self.entries += group.ack(id)
            if not given and last:
                return
            if not given:
                self.store.command("XREAD", "BLOCK", 100, "STREAMS", "log:processed", "$")


# ---- Indexing ---------------------------------------------------------------------------------------


def drain(s, root, finder, indexer):
    """Reads what the finder finds, until it says that it is done."""
    progress = Progress("files")
    figures = (
        lambda: f"{indexer.words:,} words",
        lambda: "top: " + " ".join(indexer.ranks.range(0, 2, rev=True)),
        lambda: bold(megabytes(s.used_memory)),
    )
    done = 0
    while True:
        _, name = s.command("BLPOP", "queue:files", 0)
        if not name:
            return progress.finish()
        indexer.add(name.decode(), root / name.decode())
        done += 1
        progress(done, len(finder.found), *figures)


def build(s, root):
    """Fills the store: the names of the files, and the consumers when they are through."""
    title("Indexing", str(root))
    finished = threading.Event()
    finder, indexer = Finder(s, root), Indexer(s)
    consumers = [Consumer(s, name, finished) for name in ("ann", "bob")]
    s.Stream("log:processed").group("sums").create(0)
    for thread in finder, *consumers:
        thread.start()
    try:
        took = drain(s, root, finder, indexer)
    finally:
        finished.set()
        for thread in finder, *consumers:
            thread.join()
    report(finder.found, indexer, consumers, took)
    return finder.found, consumers


def report(names, indexer, consumers, took):
    spent, words, sightings = indexer.spent, indexer.words, indexer.sightings
    line(f"{len(names):,} files, {words:,} words", f"in {took:.1f} s", "reading and splitting them included")
    line("s.incr(word)", f"{words:,} times", f"{duration(spent['counting'] / max(1, words))} of CPU time each")
    for code, what in (
        ('s.set("seen:" + word, file, ttl=2)', "seeing"),
        ("s.ZSet('rank:words').incr(word, n)", "ranking"),
        ('s.Set("in:" + word).add(file)', "placing"),
    ):
        line(code, f"{sightings:,} times", f"{duration(spent[what] / max(1, sightings))} of CPU time each")
    line('s["module:" + file] = {...}', f"{len(names):,} times",
         f"{duration(spent['noting'] / max(1, len(names)))} of CPU time each")
    line("s.command('BLPOP', 'queue:files', 0)", f"{len(names):,} files", "fed by a thread that finds them")
    line("group.read(consumer), group.ack(id)", " + ".join(f"{c.name} {c.entries:,}" for c in consumers),
         "two threads share the log as one group")


# ---- Counting again ---------------------------------------------------------------------------------


class Recount:
    """The files read and counted again, by nothing of kevy."""

    def __init__(self, root, names):
        self.counts, self.places, self.facts, self.lines = Counter(), {}, {}, 0
        progress = Progress("files read again")
        for done, name in enumerate(names, 1):
            data, source = read(root / name)
            words = words_of(source)
            self.counts.update(words)
            for word in set(words):
                self.places.setdefault(word, set()).add(name)
            self.facts[name] = facts_of(data, source, words)
            self.lines += self.facts[name]["lines"]
            progress(done, len(names))
        progress.finish()
