"""kevy bench: how many calls a second this machine does in one thread of Python, as a first idea of it."""

import itertools
import time

import kevy

_KEYS = 100_000
_BATCH = 2_000


def _cases(store):
    """Names and functions of a number that walks through the keys."""
    keys = [f"key:{n}" for n in range(_KEYS)]
    members = [f"member:{n}" for n in range(_KEYS)]
    board, user, jobs = store.ZSet("board"), store.Hash("user"), store.List("jobs")
    return [
        ("set", lambda n: store.set(keys[n], "value")),
        ("get", lambda n: store.get(keys[n])),
        ("get, through command()", lambda n: store.command("GET", keys[n])),
        ("incr", lambda n: store.incr("counter")),
        ("hset", lambda n: user.__setitem__(members[n], n)),
        ("hget", lambda n: user.get(members[n])),
        ("zadd", lambda n: board.__setitem__(members[n], n)),
        ("zrank", lambda n: board.rank(members[n])),
        ("rpush", lambda n: jobs.append(n)),
        ("rpop", lambda n: jobs.pop() if jobs else None),
    ]


def rate(function, seconds):
    """Calls a second, over about so many seconds."""
    walk = itertools.cycle(range(0, _KEYS, 7))
    done, began = 0, time.perf_counter()
    while True:
        for n in itertools.islice(walk, _BATCH):
            function(n)
        done += _BATCH
        passed = time.perf_counter() - began
        if passed >= seconds:
            return done / passed


def run(args):
    print(f"{'operation':<24} {'per second':>12} {'ns each':>9}")
    with kevy.Store() as store:
        for name, function in _cases(store):
            found = rate(function, args.seconds)
            print(f"{name:<24} {found:>12,.0f} {1e9 / found:>9,.0f}", flush=True)
        print(f"{len(store):,} keys, {store.info()['used_memory']:,} bytes")
    return 0


def add(subparsers):
    p = subparsers.add_parser("bench", help="operations per second, in a few seconds", description=__doc__)
    p.add_argument("--seconds", type=float, default=0.3, metavar="S", help="for each operation (0.3)")
    p.set_defaults(run=run)
