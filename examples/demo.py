#!/usr/bin/env python3
"""kevy at work: index the source of the Python standard library, ask it things, read everything back.

    python examples/demo.py [DIRECTORY [FILE]]

One store holds all of it: a counter per word, all words ranked by their count, the set of files that each word
is in, facts and text of every file, the queue and the log of the work, and what was seen in the last two seconds,
under keys that expire (demo_index.py has the keys). All of it is saved to FILE, where one is given. Every figure on the screen is measured in this run. Exits with
1 if anything read back differs from the files, or the saved file from the store.
"""

import hashlib
import os
import sys
import sysconfig
import time
from pathlib import Path

import kevy
from demo_index import Recount, build
from demo_screen import ask, bold, dim, duration, line, megabytes, redraw, said, title

# ---- What it shows ----------------------------------------------------------------------------------


def watch_expiry(s):
    title("Forgetting", "words seen in the last two seconds; nobody sweeps")
    before, started, samples = s.used_memory, time.perf_counter(), []
    while not samples or samples[-1]:
        for _ in range(2000):
            len(s)  # any call pays its small slice of what is due
        samples.append(sum(1 for _ in s.scan(match="seen:*")))
        redraw(f"  {samples[-1]:,} seen   {megabytes(s.used_memory)}")
        time.sleep(0.05)
    took = time.perf_counter() - started
    redraw()
    steps = samples[: -1 : max(1, len(samples) // 6)] + [0]
    line(" > ".join(f"{n:,}" for n in steps))
    line(f"expired {s.stats()['expired']:,} keys since the start", f"the last ones in {took:.1f} s",
         f"memory {megabytes(before)} > {megabytes(s.used_memory)}")


def query(s):
    title("Asking")
    names = {"s": s, "kevy": kevy}
    s["big:1"] = s[max(s.scan(match="source:*"), key=s.strlen)]
    s.set("user:42", "alice", ttl=60)
    ask("s['self']", names)
    ask("s.get('no_such_word', 0)", names)
    ask("'yield' in s", names)
    ask("s.mget(['if', 'for', 'while', 'goto'])", names)
    ask("s.ttl('user:42')", names)
    ask("s.expires_at('user:42')", names, lambda when: f"{when:%H:%M:%S} UTC")
    ask("s['big:1']", names, lambda text: f"a copy of {len(text):,} characters")
    ask("s.view('big:1')", names, lambda view: f"{view.nbytes:,} bytes where they are")
    del s["big:1"], s["user:42"]


def rank(s):
    title("A sorted set", "all words by how often they are used; up to date after every file")
    names, ranks = {"ranks": s.ZSet("rank:words"), "kevy": kevy}, s.ZSet("rank:words")
    best = ask("ranks.range(0, 9, rev=True, withscores=True)", names, lambda pairs: f"the top {len(pairs)}")
    print("  " + dim("most used: ") + "  ".join(f"{bold(word)} {count:,.0f}" for word, count in best))
    ask("ranks.get('yield')", names)
    ask("ranks.rank('yield', rev=True)", names, str)
    ask("ranks.count(kevy.exclusive(1000), None)", names, lambda n: f"{n:,} words")
    ask("ranks.range(1000, 1020, by='score')", names, lambda words: ", ".join(words) or "none")


def gather(s, file):
    title("Hashes and sets", "what is known about a file, and which files have a word")
    names = {"s": s}
    ask(f"s['module:{file}']['density']", names)
    ask(f"s['module:{file}']['doc']", names)
    ask(f"s['module:{file}']['sha1']", names)
    ask(f"s['module:{file}'].mget(['lines', 'author'])", names)
    ask("len(s.Set('in:yield'))", names, lambda n: f"{n:,} files")
    ask(f"'{file}' in s.Set('in:yield')", names)
    ask("s.Set('in:asyncio') & s.Set('in:socket')", names, files)
    ask("s.Set('in:async') - s.Set('in:await')", names, files)
    ask("s.Set('in:asyncio') | s.Set('in:threading')", names, files)


def files(names):
    return f"{len(names):,}: {', '.join(sorted(names))}" if names else "none"


def follow(s, consumers):
    title("A stream", "the log of what was read, and how far its group is")
    names = {"log": s.Stream("log:processed")}
    ask("len(log)", names, lambda n: f"{n:,} entries")
    ask("log.range(count=1, rev=True)", names, lambda entries: f"{entries[0][1]['file']}")
    ask("log.group('sums').pending_summary()['pending']", names, lambda n: f"{n} not acknowledged")
    line("words, as the consumers have summed them up", " + ".join(f"{c.words:,}" for c in consumers))


def speak_redis(s):
    title("Speaking Redis", "the same store by its commands")
    cursor, names = s.command("SCAN", 0, "MATCH", "assert*", "COUNT", 5000)
    line('s.command("SCAN", 0, "MATCH", "assert*", ...)', f"cursor {cursor.decode()}, {len(names)} keys")
    line('s.command("INCRBY", "self", 10)', f"{s.command('INCRBY', 'self', 10):,}")
    line('s.command("DECRBY", "self", 10)', f"{s.command('DECRBY', 'self', 10):,}")
    line('s.command("ZREVRANGE", "rank:words", 0, 2)', b" ".join(s.command("ZREVRANGE", "rank:words", 0, 2)).decode())
    line('s.command("SINTERCARD", 2, "in:async", "in:await")', f"{s.command('SINTERCARD', 2, 'in:async', 'in:await'):,}")
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
    s.ZSet("rank:words").remove_range(0, -1)
    took = time.perf_counter() - started
    line("then = s.snapshot()", f"of {len(then):,} keys", duration(opened))
    line("for word in s.scan('[a-f]*'): del s[word]", f"{len(doomed):,} deleted", duration(took))
    line("then['def'], then['self'], len(then)", f"{then['def']:,}  {then['self']:,}  {len(then):,}")
    line("s.get('def'), s['self'], len(s)", f"{s.get('def')}  {s['self']:,}  {len(s):,}")
    line("len(then['rank:words']), len(s.ZSet('rank:words'))",
         f"{len(then['rank:words']):,}  {len(s.ZSet('rank:words')):,}")
    line("held only for the snapshot", megabytes(s.info()["retained_bytes"]))
    started = time.perf_counter()
    s.mset({word: then[word] for word in [*doomed, "self"]})
    s["rank:words"] = then["rank:words"]
    then.close()
    line("s.mset({...}), s['rank:words'] = then['rank:words']", "all of it back",
         duration(time.perf_counter() - started))


def all_or_nothing(s):
    title("All or nothing", "a transaction; an exception returns the store to the moment before")
    keys, started = len(s), time.perf_counter()
    try:
        with s.transaction():
            gone = s.delete(*(word for word in s.scan(match="[g-z]*") if ":" not in word))
            s["self"] = "me"
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        took = time.perf_counter() - started
    line("with s.transaction(): delete(...); raise", f"{gone:,} deleted, and back", duration(took))
    line("len(s) - before, s['self']", f"{len(s) - keys}  {s['self']:,}")


def save(s, path):
    """Saves a moment, and compares what a fresh store loads of it value by value."""
    title("A file", "in Redis's own format; redis-server loads it, too")
    moment, started = s.snapshot(), time.perf_counter()
    future, writes = s.save(path, background=True), 0
    while not future.done():
        s.incr("self")
        writes += 1
    future.result()
    s["self"] = moment["self"]
    line(f"s.save({os.path.basename(path)!r}, background=True)",
         f"{megabytes(os.path.getsize(path))}, {writes:,} writes meanwhile", duration(time.perf_counter() - started))
    started = time.perf_counter()
    with kevy.Store.load(path) as loaded:
        line(f"kevy.Store.load({os.path.basename(path)!r})", f"{len(loaded):,} keys",
             duration(time.perf_counter() - started))
        wrong = sum(1 for key, value in moment.items() if loaded[key] != value) + abs(len(loaded) - len(moment))
    line("compared value by value", f"{wrong} differ")
    moment.close()
    return wrong == 0


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
        f"s['module:{file}'].incr('doc')",
        "s.incr('rank:words')",
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


# ---- Reading back -----------------------------------------------------------------------------------


def same(a, b):
    return type(a) is type(b) and a == b


def differing(s, again, consumers):
    """What is not as the files have it: the keys, and the places in a collection."""
    wrong = [word for word, count in again.counts.items() if not same(s.get(word), count)]
    wrong += [word for word, places in again.places.items() if set(s.Set("in:" + word)) != places]
    for name, facts in again.facts.items():
        found = dict(s["module:" + name])
        wrong += [(name, fact) for fact in facts.keys() | found.keys() if not same(found.get(fact), facts.get(fact))]
        if hashlib.sha1(s.view("source:" + name)).digest() != facts["sha1"]:
            wrong.append("source:" + name)
    ranked = sorted(((word, float(count)) for word, count in again.counts.items()),
                    key=lambda pair: (pair[1], pair[0].encode()))
    if list(s["rank:words"].items()) != ranked:
        wrong.append("rank:words")
    return wrong + differing_log(s, again, consumers)


def differing_log(s, again, consumers):
    log = s.Stream("log:processed")
    logged = [fields["file"] for _, fields in log]
    summed = [sum(getattr(c, what) for c in consumers) for what in ("entries", "words", "lines")]
    checks = {
        "the log": logged == list(again.facts),
        "the sums": summed == [len(logged), sum(again.counts.values()), again.lines],
        "pending": log.group("sums").pending_summary()["pending"] == 0,
    }
    return [what for what, right in checks.items() if not right]


def read_back(s, root, names, consumers):
    title("Reading back", "against a recount of the files by collections.Counter")
    again = Recount(root, names)
    started = time.perf_counter()
    wrong = differing(s, again, consumers)
    extra = len(s) - len(again.counts) - len(again.places) - 2 * len(names) - 2
    took = time.perf_counter() - started
    line(f"{len(s):,} keys, {sum(map(len, again.places.values())):,} places of words",
         f"{len(wrong)} differ, {extra} too many", duration(took))
    weigh(again.counts)
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


def weigh_collections(s, file):
    for key, what in (
        ("rank:words", "words"), (f"module:{file}", "facts"), ("in:self", "files"), ("log:processed", "entries"),
    ):
        if key in s:
            size, used = len(s[key]), s.memory_usage(key)
            line(f"s.memory_usage({key!r})", f"{used:,} bytes", f"{size:,} {what}, {used / size:.0f} bytes each")


def main(root, path=None):
    print(bold(f"kevy {kevy.__version__}"), dim(f"in CPython {sys.version.split()[0]}, {os.cpu_count()} cores"))
    with kevy.Store() as s:
        names, consumers = build(s, root)
        if not names:
            sys.exit(f"no Python source under {root}")
        file = "json/decoder.py" if "json/decoder.py" in names else names[0]
        watch_expiry(s)
        query(s)
        rank(s)
        gather(s, file)
        follow(s, consumers)
        speak_redis(s)
        hold_a_moment(s)
        all_or_nothing(s)
        refuse(s, file)
        whole = read_back(s, root, names, consumers)
        info = s.info()
        title("In memory")
        weigh_collections(s, file)
        line(f"{len(s):,} keys in {megabytes(info['used_memory'])}",
             f"{megabytes(info['blob_bytes'])} of it long sources", f"peak {megabytes(info['used_memory_peak'])}")
        whole = (path is None or save(s, path)) and whole
    print()
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib")), *sys.argv[2:3]))
