"""The engine through its C ABI, against kevy-store 1.47 and newest, with a bare table as the floor.

Each side is driver.c linked with one backend (engine/engine.h), a process of its own, so memory is what the
system says the process takes, and the sides alternate line by line.
"""

from __future__ import annotations

import json
import statistics
from contextlib import ExitStack

from kit import (BENCH, BUILD, ROOT, Row, Unavailable, Worker, built, compare,
                 need, number, once, paired, ratios, run, rust, say, stamp)

SOURCE = BENCH / "engine"
OLD, NEW, FLOOR = "kevy-store 1.47", "kevy-store newest", "bare table"
FLAGS = ["-std=gnu11", "-O2", f"-I{SOURCE}"]


# ---- Building ---------------------------------------------------------------------------------------------


def compiled(source, *flags, watch=(), folder="engine"):
    target = BUILD / folder / (source.stem + ".o")
    mark = stamp(source, SOURCE / "engine.h", SOURCE / "measure.h", SOURCE / "alone.h", *watch) + " ".join(flags)
    return built(target, mark, lambda: run([need("cc"), *FLAGS, *flags, "-c", source, "-o", target]))


def linked(name, *parts):
    target = BUILD / "engine" / f"drive-{name}"
    libraries = ["-pthread", "-ldl", "-lm"]
    return built(target, stamp(*parts), lambda: run([need("cc"), *parts, "-o", target, *libraries]))


INCLUDES = [f"-I{ROOT / 'core'}", f"-I{ROOT / 'bindings'}"]


def kevy_engine():
    return compiled(
        ROOT / "bindings" / "amalgam.c",
        *INCLUDES,
        "-fvisibility=hidden",
        "-fPIC",
        "-pthread",
        watch=[ROOT / "core", ROOT / "bindings"],
    )


def kevy_driver():
    return linked("kevy", compiled(SOURCE / "driver.c"), compiled(SOURCE / "kevy.c", *INCLUDES), kevy_engine())


def drivers() -> dict[str, object]:
    driver = compiled(SOURCE / "driver.c")
    found = {"kevy": kevy_driver(), FLOOR: linked("table", driver, compiled(SOURCE / "table.c"))}
    try:
        found[OLD] = linked("1_47", driver, rust("libkevy_store_1_47.a", "bench-kevy-store-1-47"))
        found[NEW] = linked("newest", driver, rust("libkevy_store_newest.a", "bench-kevy-store-newest"))
    except Unavailable as why:
        say(f"without the Rust crates: {why}")
    return found


def size_name(n: int) -> str:
    return f"{n // 1_000_000} M" if n >= 1_000_000 else f"{n // 1000} k"


# ---- Memory -----------------------------------------------------------------------------------------------


def per_key(program, n, ttl):
    fill, memory = once([program], [f"fill {n} {ttl}", "memory"])
    final, peak = memory["rss"] - memory["before"], memory["peak"] - memory["before"]
    return {"rss": final / n, "peak": peak / n, "growth": peak / final, "used": memory["used"] / n}


def memory(quick: bool) -> list[Row]:
    n, programs = (1_000_000 if quick else 10_000_000), drivers()
    plain = {name: per_key(program, n, 0) for name, program in programs.items()}
    timed = {name: per_key(program, n, 3_600_000) for name, program in programs.items() if name != FLOOR}
    ours = plain["kevy"]

    def others(figures, key):
        return "; ".join(f"{name}: {number(f[key])} B" for name, f in figures.items() if name != "kevy")

    what = f"memory, {size_name(n)} keys of 14 + 16 bytes"
    return [
        Row(
            f"{what}: RSS per key",
            f"used_memory {number(ours['used'])} B",
            others(plain, "rss"),
            [ours["rss"]],
            "memory",
            " B",
        ),
        Row(
            f"{what}, all with TTL: RSS per key",
            f"used_memory {number(timed['kevy']['used'])} B",
            others(timed, "rss"),
            [timed["kevy"]["rss"]],
            "memory ttl",
            " B",
        ),
        Row(
            f"{what}: growth peak to final",
            f"peak {number(ours['peak'])} B",
            others(plain, "peak"),
            [ours["growth"]],
            "memory peak",
            "×",
        ),
    ]


# ---- Speed, and the moments of a big store ------------------------------------------------------------------

READS = {"get": "GET hit", "mget": "GET hit, batch of 16", "miss": "GET miss", "set": "SET overwrite"}


def against_all(what, samples, bar):
    """Rows of one case; beside the bar stands what the bare table reaches against the same crate."""
    rows = []
    if OLD in samples:
        row = compare(what, samples, "kevy", OLD, bar)
        floor = statistics.median(ratios(samples[FLOOR], samples[OLD]))
        row.against += f"; the bare table reaches {number(floor)}×"
        rows.append(row)
    return rows + [compare(what, samples, "kevy", name) for name in (NEW, FLOOR) if name in samples]


def speed_at(n: int, workers: dict[str, Worker], quick: bool) -> list[Row]:
    fills = 1 if n > 1_000_000 and quick else 3 if n > 1_000_000 else 5
    rounds = 5 if quick else 9
    count = 2_000_000 if n <= 10_000 else 500_000 if quick else 1_000_000
    name = size_name(n)

    def asking(line):
        return {side: (lambda w=w: w.ask(line)["ns"]) for side, w in workers.items()}

    fresh = paired(fills, asking(f"fill {n} 0"))
    rows = against_all(f"SET fresh, growing to {name}", fresh, "set") if n >= 1_000_000 else []
    for case, title in READS.items():
        samples = paired(rounds, asking(f"{case} {count}"))
        bar = (
            {"get": "get 10k", "mget": None, "miss": None, "set": None}
            if n < 1_000_000
            else {c: c for c in READS}
        )
        rows += against_all(f"{title}, {name} keys", samples, bar[case])
    return rows


def moments(n: int, workers: dict[str, Worker]) -> list[Row]:
    stores = {name: w for name, w in workers.items() if name != FLOOR}
    snapshots = {name: w.ask("snapshot") for name, w in stores.items()}
    endings = {}
    for word in ("clear", "close"):
        for w in stores.values():
            w.ask(f"fill {n} 0")
        endings[word] = {name: w.ask(word) for name, w in stores.items()}
    name = size_name(n)

    def others(figures, show):
        return "; ".join(f"{side}: {show(f)}" for side, f in figures.items() if side != "kevy")

    ours = snapshots["kevy"]
    extra = max(ours["rss"], ours["used"]) / 1e6
    rows = [
        Row(
            f"snapshot open, {name} keys",
            f"closing it {number(ours['close_ms'])} ms",
            others(snapshots, lambda f: f"{number(f['ms'])} ms"),
            [ours["ms"]],
            "snapshot time",
            " ms",
        ),
        Row(
            f"snapshot open, {name} keys: extra memory",
            f"RSS {ours['rss'] / 1e6:.2f} MB, used {ours['used'] / 1e6:.3f} MB",
            others(snapshots, lambda f: f"{number(f['rss'] / 1e6)} MB"),
            [extra],
            "snapshot memory",
            " MB",
        ),
    ]
    for word, figures in endings.items():
        rows.append(
            Row(
                f"{word} of a {name}-key store",
                f"CPU {number(figures['kevy']['cpu_ms'])} ms",
                others(figures, lambda f: f"{number(f['ms'])} ms"),
                [figures["kevy"]["ms"]],
                "drop",
                " ms",
            )
        )
    return rows


def speed(quick: bool) -> list[Row]:
    sizes = [10_000, 1_000_000] if quick else [10_000, 1_000_000, 10_000_000]
    rows: list[Row] = []
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker([program])) for name, program in drivers().items()}
        for n in sizes:
            say(f"speed at {size_name(n)} keys")
            rows += speed_at(n, workers, quick)
        rows += moments(sizes[-1], workers)
    return rows


# ---- The worst single SET --------------------------------------------------------------------------------------


def worst(quick: bool) -> list[Row]:
    n, runs = (1_000_000, 3) if quick else (10_000_000, 5)
    programs = drivers()
    (counted,) = once([programs["kevy"]], [f"work {n}"])
    warm, idle = once([programs["kevy"]], [f"worst {n} {runs}", f"idle {n} {runs}"])
    (cold,) = once([programs["kevy"]], [f"cold {n}"])
    theirs = {name: once([programs[name]], [f"worst {n} 1"])[0] for name in (OLD, NEW) if name in programs}
    crates = "; ".join(f"{name}, 1 run: {number(f['single_us'])} µs" for name, f in theirs.items())
    what = f"worst SET while growing to {size_name(n)}"
    rows = []
    if counted["counted"]:
        rows += [
            Row(
                f"{what}: entries moved",
                f"{counted['entries'] / n:.2f} per key in all",
                "a whole-table rehash moves every key",
                [counted["most_entries"]],
                "worst entries",
            ),
            Row(
                f"{what}: copied or zeroed",
                f"{number(counted['bytes'] / n)} B per key in all",
                "",
                [counted["most_bytes"] / 1024],
                "worst bytes",
                " KiB",
            ),
        ]
    else:
        say("the engine exports no work counters: counted work is left out")
    rows.append(
        Row(
            f"{what}: thread CPU, memory warm, least of {runs} runs by operation",
            f"{warm['least_over_100us']} over 100 µs; in single runs {number(warm['single_us'])} µs, "
            f"{warm['single_over_300us']} over 300 µs",
            f"idle loop: {number(idle['least_us'])} µs; its single runs {number(idle['single_us'])} µs, "
            f"{idle['single_over_300us']} over 300 µs; {crates}",
            [warm["least_us"]],
            "worst time",
            " µs",
        )
    )
    rows.append(
        Row(
            f"{what}: memory fresh, one run",
            f"{cold['over_300us']} over 300 µs, {cold['over_1ms']} over 1 ms; {cold['faults'] / n:.4f} page faults per "
            f"key, at most {cold['most_faults']} in one SET, {cold['single_faults']} in the worst",
            f"first touch of a 4 KiB page: {number(cold['page_us'])} µs",
            [cold["single_us"]],
            None,
            " µs",
        )
    )
    return rows


# ---- Transactions --------------------------------------------------------------------------------------------


def rolled_back(worker: Worker, name: str, rounds: int) -> Row:
    runs = [worker.ask("rollback 1000") for _ in range(rounds)]
    writes, back = ([run[what] for run in runs] for what in ("writes", "rollback"))
    return Row(f"rollback of 1,000 SETs, {name} keys", f"{number(statistics.median(back) / 1e3)} µs",
               f"the SETs: {number(statistics.median(writes) / 1e3)} µs", ratios(back, writes), "rollback", "× the time")


def transactions(quick: bool) -> list[Row]:
    program = linked("transactions", compiled(SOURCE / "transactions.c", *INCLUDES), kevy_engine())
    rows = []
    with Worker([program]) as worker:
        for n in (10_000, 1_000_000):
            worker.ask(f"fill {n}")
            name = size_name(n)
            sides = {what: (lambda line=line: worker.ask(line)["ns"])
                     for what, line in {"begin, SET, commit": "commit 500000", "SET": "set 500000"}.items()}
            rows += [compare(f"begin, SET and commit, {name} keys", paired(5 if quick else 9, sides), *sides, "commit"),
                     rolled_back(worker, name, 15 if quick else 51)]
    return rows


# ---- Eviction ------------------------------------------------------------------------------------------------

SHARED_DICT_HOLDS = 521_000  # ngx.shared.DICT of 64 MB, keys of 10 bytes, values of 16


def at_the_limit(program, policy: str, n: int, quick: bool) -> Row:
    """SETs of new keys into a full store, beside SETs of new keys into one that grows from the same size."""
    count = 200_000

    def grown(worker):
        worker.ask(f"open {policy} 0")
        worker.ask(f"fill {n}")
        return worker.ask(f"set {count}")["ns"]

    with Worker([program]) as full, Worker([program]) as growing:
        for line in (f"open {policy} 0", f"fill {n}", "tight", f"set {count}"):
            full.ask(line)
        sides = {"at the limit": lambda: full.ask(f"set {count}")["ns"], "below it": lambda: grown(growing)}
        return compare(f"SET at the limit, {policy}, {size_name(n)} keys", paired(5 if quick else 9, sides), *sides, "set at limit")


def tracked(program, policy: str, n: int, quick: bool) -> Row:
    with Worker([program]) as on, Worker([program]) as off:
        for worker, word in ((on, policy), (off, "noeviction")):
            worker.ask(f"open {word} 0")
            worker.ask(f"fill {n}")
        sides = {policy: lambda: on.ask("get 500000")["ns"], "noeviction": lambda: off.ask("get 500000")["ns"]}
        return compare(f"GET, {policy}, {size_name(n)} keys", paired(7 if quick else 15, sides), *sides, "get tracked")


def limits(program, policy: str) -> list[Row]:
    """What 64 MB hold, and the most that one SET evicted."""
    with Worker([program]) as worker:
        worker.ask(f"open {policy} {64 << 20}")
        worker.ask("fill 2000000")
        held = worker.ask("held")["keys"]
        worst = worker.ask("worst 100000")
    return [Row(f"keys held in 64 MB, {policy}", f"{held:,}", f"ngx.shared.DICT: {SHARED_DICT_HOLDS:,}",
                [held / SHARED_DICT_HOLDS], "held", "×"),
            Row(f"worst SET at the limit, {policy}", f"used_memory beyond it afterwards: {worst['over']} bytes",
                "keys evicted per KiB written", [worst["entries"]], "worst evicted", " keys")]


def eviction(quick: bool) -> list[Row]:
    program = linked("eviction", compiled(SOURCE / "eviction.c", *INCLUDES), kevy_engine())
    policies = ("allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-adaptive")
    rows = [at_the_limit(program, policy, 1_000_000, quick) for policy in policies]
    rows += [tracked(program, policy, 1_000_000 if quick else 10_000_000, quick) for policy in policies if policy != "allkeys-random"]
    return rows + [row for policy in policies for row in limits(program, policy)]


def resident(quick: bool) -> list[Row]:
    program = linked("resident", compiled(SOURCE / "resident.c", *INCLUDES), kevy_engine())
    runs = [json.loads(run([program, "15", str(seed)])) for seed in range(1, 3 if quick else 9)]
    return [Row("RSS after any history", f"worst of {sum(run['looks'] for run in runs)} looks, {len(runs)} runs",
                "used_memory × 1.10 + 8 MB", [run["worst"] for run in runs], "resident", "×")]


# ---- Expiry --------------------------------------------------------------------------------------------------


def back_after(program, n: int, how: str, rounds: int) -> Row:
    """Many keys with one deadline: till what they took is back."""
    runs = [once([program], [f"burst {n} {how}"])[0] for _ in range(rounds)]
    cpu = statistics.median(run["cpu_ms"] for run in runs)
    return Row(f"{size_name(n)} keys with one deadline, paid by {how}: 99.9 % of their memory back", f"CPU {number(cpu)} ms",
               f"{number(runs[0]['bytes'] / 1e6)} MB", [run["ms"] for run in runs], "expired back", " ms")


def expiry(quick: bool) -> list[Row]:
    program = linked("expiry", compiled(SOURCE / "expiry.c", *INCLUDES), kevy_engine())
    n, rate = 1_000_000, 200_000  # of fewer keys what the table keeps for those that stay is more than 0.1 %
    rows = [back_after(program, n, how, 1 if quick else 3) for how in ("background", "ticks", "writes")]
    (stream,) = once([program], [f"steady {rate} {4 if quick else 10}"])
    (worst_one,) = once([program], [f"worst {n} {3 if quick else 5}"])
    what = f"worst operation while {size_name(n)} keys expire"
    return rows + [
        Row(f"a stream of {rate:,} expirations a second: gone within a second", f"{number(stream['made'])} made a second",
            f"least of {stream['looks']} looks", [100 * stream["share"]], "expired share", " %"),
        Row(f"{what}: keys freed", f"{worst_one['operations']:,} operations", "", [worst_one["freed"]], "expired keys", " keys"),
        Row(f"{what}: thread CPU, least of the runs by operation", f"{worst_one['over_100us']} over 100 µs",
            f"single runs {number(worst_one['single_us'])} µs", [worst_one["least_us"]], "expired time", " µs"),
    ]


PARTS = {"memory": memory, "speed": speed, "worst": worst, "transactions": transactions, "eviction": eviction, "expiry": expiry, "resident": resident}
