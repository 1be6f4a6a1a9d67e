#!/usr/bin/env python3
"""kevy at work: index the source of the Python standard library, ask it things, read everything back.

    python examples/demo.py [DIRECTORY]

One store holds all of it: a counter per word, four typed facts and the source text per file, and what was
seen in the last two seconds, under keys that expire. Every figure on the screen is measured in this
run. Exits with 1 if anything read back differs from the files.
"""

import hashlib
import os
import re
import sys
import sysconfig
import time
import timeit
from collections import Counter
from pathlib import Path

import kevy

WORD = re.compile(r"[^\W\d]\w*")
DOC = re.compile(r'\s*[rRuU]?"""\s*(.*\S)')
FRESH = 2.0  # seconds that a "seen:" key lives
TTY = sys.stdout.isatty()


# ---- The screen -------------------------------------------------------------------------------------


def styled(code, text):
    return f"\033[{code}m{text}\033[0m" if TTY and "NO_COLOR" not in os.environ else text


def bold(text):
    return styled("1", text)


def dim(text):
    return styled("2", text)


def title(text, remark=""):
    print(f"\n{bold(text)}  {dim(remark)}".rstrip())


def line(left, middle="", right=""):
    print(f"  {left:<45} {middle:<32} {dim(right)}".rstrip())


def megabytes(count):
    return f"{count / 1e6:,.1f} MB"


def duration(seconds):
    for unit, size in ("s", 1), ("ms", 1e-3), ("µs", 1e-6):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


class Progress:
    """One line that is rewritten ten times a second; silent where nobody watches."""

    def __init__(self, total, what):
        self.total, self.what, self.started, self.drawn = total, what, time.perf_counter(), 0.0

    def __call__(self, done, *figures):
        now = time.perf_counter()
        if not TTY or (now - self.drawn < 0.1 and done < self.total):
            return
        self.drawn = now
        filled = 24 * done // self.total
        bar = "█" * filled + dim("░" * (24 - filled))
        text = "   ".join(figure() for figure in figures)
        print(f"\r\033[K  {bar} {done:,} of {self.total:,} {self.what}   {text}", end="", flush=True)

    def finish(self):
        if TTY:
            print("\r\033[K", end="", flush=True)
        return time.perf_counter() - self.started


# ---- Indexing ---------------------------------------------------------------------------------------


def find_sources(root):
    skipped = {"__pycache__", "site-packages", "dist-packages"}
    for directory, inside, files in os.walk(root):
        inside[:] = sorted(set(inside) - skipped)
        for name in sorted(files):
            if name.endswith(".py"):
                path = Path(directory, name)
                yield path.relative_to(root).as_posix(), path


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
        "lines:": lines,
        "density:": len(words) / lines,
        "sha1:": hashlib.sha1(data).digest(),
        "doc:": doc.group(1) if doc else "",
    }


class Indexer:
    """Writes files into a store, and keeps the time that the store's own calls take."""

    def __init__(self, store):
        self.store = store
        self.words = self.sightings = self.facts = 0
        self.counting = self.seeing = 0.0

    def add(self, name, path):
        s = self.store
        data, source = read(path)
        words = words_of(source)
        started = time.thread_time()
        for word in words:
            s.incr(word)
        counted = time.thread_time()
        distinct = set(words)
        for word in distinct:
            s.set("seen:" + word, name, FRESH)
        self.seeing += time.thread_time() - counted
        self.counting += counted - started
        facts = facts_of(data, source, words)
        s.mset({kind + name: fact for kind, fact in facts.items()})
        s["source:" + name] = source
        self.words += len(words)
        self.sightings += len(distinct)
        self.facts += len(facts)


def build(s, root, sources):
    title("Indexing", str(root))
    indexer, progress = Indexer(s), Progress(len(sources), "files")
    figures = (
        lambda: f"{indexer.words:,} words",
        lambda: f"{indexer.words / (time.perf_counter() - progress.started) / 1e3:,.0f} k words/s",
        lambda: f"{s.info()['keys_with_ttl']:,} fresh",
        lambda: bold(megabytes(s.used_memory)),
    )
    for done, (name, path) in enumerate(sources, 1):
        indexer.add(name, path)
        progress(done, *figures)
    took = progress.finish()
    line(f"{len(sources):,} files, {indexer.words:,} words", f"in {took:.1f} s",
         "reading and splitting them included")
    line("s.incr(word)", f"{indexer.words:,} times", f"{duration(indexer.counting / indexer.words)} of CPU time each")
    line('s.set("seen:" + word, file, ttl=2)', f"{indexer.sightings:,} times",
         f"{duration(indexer.seeing / indexer.sightings)} of CPU time each")
    line("s.mset({...}), typed facts", f"{indexer.facts:,} keys")


# ---- What it shows ----------------------------------------------------------------------------------


def watch_expiry(s):
    title("Forgetting", "words seen in the last two seconds; nobody sweeps")
    before, started, samples = s.used_memory, time.perf_counter(), []
    while not samples or samples[-1]:
        for _ in range(2000):
            len(s)  # any call pays its small slice of what is due
        samples.append(sum(1 for _ in s.scan(match="seen:*")))
        if TTY:
            print(f"\r\033[K  {samples[-1]:,} seen   {megabytes(s.used_memory)}", end="", flush=True)
        time.sleep(0.05)
    took = time.perf_counter() - started
    if TTY:
        print("\r\033[K", end="")
    steps = samples[:: max(1, len(samples) // 6)] + [0]
    line(" > ".join(f"{n:,}" for n in steps))
    line(f"expired {s.stats()['expired']:,} keys since the start", f"the last ones in {took:.1f} s",
         f"memory {megabytes(before)} > {megabytes(s.used_memory)}")


def ask(code, s, show=repr):
    """Shows a line of Python, what it gives, and how long it takes: the best of five rounds."""
    names = {"s": s, "kevy": kevy}
    result = eval(code, names)
    rounds = 2000
    best = min(timeit.repeat(code, globals=names, number=rounds, repeat=5)) / rounds
    text = show(result)
    line(code, text if len(text) <= 32 else text[:29] + "...", duration(best))


def query(s, file):
    title("Asking")
    s["big:1"] = s[max(s.scan(match="source:*"), key=s.strlen)]
    s.set("user:42", "alice", ttl=60)
    ask("s['self']", s)
    ask("s.get('no_such_word', 0)", s)
    ask("'yield' in s", s)
    ask(f"s['density:{file}']", s)
    ask(f"s['doc:{file}']", s)
    ask(f"s['sha1:{file}']", s)
    ask("s.mget(['if', 'for', 'while', 'goto'])", s)
    ask("s.ttl('user:42')", s)
    ask("s.expires_at('user:42')", s, lambda when: f"{when:%H:%M:%S} UTC")
    ask("s['big:1']", s, lambda text: f"a copy of {len(text):,} characters")
    ask("s.view('big:1')", s, lambda view: f"{view.nbytes:,} bytes where they are")
    ask("s.memory_usage('self')", s, lambda count: f"{count} bytes, key and all")
    del s["big:1"], s["user:42"]
    top(s)


def top(s):
    started = time.perf_counter()
    counts = [(count, word) for word, count in s.items() if ":" not in word]
    counts.sort(reverse=True)
    line("for word, count in s.items(): ...", f"{len(counts):,} counters", duration(time.perf_counter() - started))
    print("  " + dim("most used: ") + "  ".join(f"{bold(word)} {count:,}" for count, word in counts[:8]))


def speak_redis(s):
    title("Speaking Redis", "the same store by its commands")
    cursor, names = s.command("SCAN", 0, "MATCH", "assert*", "COUNT", 5000)
    line('s.command("SCAN", 0, "MATCH", "assert*", ...)', f"cursor {cursor.decode()}, {len(names)} keys")
    line('s.command("INCRBY", "self", 10)', f"{s.command('INCRBY', 'self', 10):,}")
    line('s.command("DECRBY", "self", 10)', f"{s.command('DECRBY', 'self', 10):,}")
    line('s.command_resp("MGET", "def", "goto", "x")', s.command_resp("MGET", "def", "goto", "x").decode("unicode_escape")
         .encode("unicode_escape").decode())


def hold_a_moment(s):
    title("Holding a moment", "a snapshot, while the store is written to")
    started = time.perf_counter()
    then = s.snapshot()
    opened = time.perf_counter() - started
    doomed = [word for word in s.scan(match="[a-f]*") if ":" not in word]
    started = time.perf_counter()
    for word in doomed:
        del s[word]
    s.incr("self", 1_000_000)
    took = time.perf_counter() - started
    line("then = s.snapshot()", f"of {len(then):,} keys", duration(opened))
    line("for word in s.scan('[a-f]*'): del s[word]", f"{len(doomed):,} deleted", duration(took))
    line("then['def'], then['self'], len(then)", f"{then['def']:,}  {then['self']:,}  {len(then):,}")
    line("s.get('def'), s['self'], len(s)", f"{s.get('def')}  {s['self']:,}  {len(s):,}")
    line("held only for the snapshot", megabytes(s.info()["retained_bytes"]))
    started = time.perf_counter()
    s.mset({word: then[word] for word in [*doomed, "self"]})
    then.close()
    line("s.mset({word: then[word] ...})", "all of it back, at once", duration(time.perf_counter() - started))


def fill(limit):
    with kevy.Store(maxmemory=limit) as s:
        try:
            for n in range(10**9):
                s[n.to_bytes(8, "big")] = n
        except MemoryError as error:
            line(f"kevy.Store(maxmemory={limit!r}), filled", said(error),
                 f"at {len(s):,} keys, {s.used_memory:,} bytes")


def refuse(s, file):
    title("Saying no", "errors are exceptions with a place in Python's hierarchy")
    for code in (
        f"s.incr('doc:{file}')",
        "s['no_such_word']",
        "s.set('flag', True)",
        "s.command('INCRBY', 'self', 'one')",
        "s.snapshot().set('a', 1)",
    ):
        try:
            eval(code, {"s": s})
        except Exception as error:
            line(code, said(error), str(error)[:60])
    fill("1mb")


def said(error):
    """The class of an exception, and for kevy's own the builtin one it also is."""
    also = [base.__name__ for base in type(error).__mro__[1:] if base.__module__ == "builtins"]
    own = type(error).__module__ != "builtins" and also[0] != "Exception"
    return type(error).__name__ + (f", a {also[0]}" if own else "")


# ---- Reading back -----------------------------------------------------------------------------------


def recount(sources):
    """The files read and counted again, by nothing of kevy."""
    counts, progress = Counter(), Progress(len(sources), "files read again")
    expected = {}
    for done, (name, path) in enumerate(sources, 1):
        data, source = read(path)
        words = words_of(source)
        counts.update(words)
        for kind, fact in facts_of(data, source, words).items():
            expected[kind + name] = fact
        progress(done)
    progress.finish()
    return counts, expected


def same(a, b):
    return type(a) is type(b) and a == b


def read_back(s, sources):
    title("Reading back", "against a recount of the files by collections.Counter")
    counts, facts = recount(sources)
    started = time.perf_counter()
    wrong = [word for word, count in counts.items() if not same(s.get(word), count)]
    wrong += [key for key, fact in facts.items() if not same(s.get(key), fact)]
    wrong += [name for name, _ in sources
              if hashlib.sha1(s.view("source:" + name)).digest() != facts["sha1:" + name]]
    extra = len(s) - len(counts) - len(facts) - len(sources)
    took = time.perf_counter() - started
    line(f"{len(counts):,} counters, {len(facts):,} facts, {len(sources):,} sources",
         f"{len(wrong)} differ, {extra} too many", duration(took))
    weigh(counts)
    return not wrong and extra == 0


def weigh(counts):
    strings = sum(map(sys.getsizeof, counts))
    integers = sum(sys.getsizeof(n) for n in counts.values() if n > 256)  # smaller ones CPython shares
    plain = sys.getsizeof(dict(counts)) + strings + integers
    with kevy.Store() as alone:
        started = time.perf_counter()
        alone.mset(counts)
        took = time.perf_counter() - started
        used = alone.used_memory
        line("the counters alone, s.mset(counter)", f"{megabytes(used)}, {used / len(counts):.0f} bytes each",
             duration(took))
    line("the same in a dict", f"{megabytes(plain)}, {plain / len(counts):.0f} bytes each")


def main(root):
    sources = list(find_sources(root))
    if not sources:
        sys.exit(f"no Python source under {root}")
    names = [name for name, _ in sources]
    file = "json/decoder.py" if "json/decoder.py" in names else names[0]
    print(bold(f"kevy {kevy.__version__}"), dim(f"in CPython {sys.version.split()[0]}, {os.cpu_count()} cores"))
    with kevy.Store() as s:
        build(s, root, sources)
        watch_expiry(s)
        query(s, file)
        speak_redis(s)
        hold_a_moment(s)
        refuse(s, file)
        whole = read_back(s, sources)
        info = s.info()
        title("In memory")
        line(f"{len(s):,} keys in {megabytes(info['used_memory'])}",
             f"{megabytes(info['blob_bytes'])} of it long sources", f"peak {megabytes(info['used_memory_peak'])}")
    print()
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib"))))
