"""What a store's memory is spent on: kevy.report(), as text with bars and as a page.

All of it is read from a snapshot, key by key, so a live store may be looked at while others write to it. What it costs in
memory does not grow with the store: the biggest keys are a heap, and prefixes beyond the first ten thousand are
counted together.
"""

import collections
import heapq
import html
import time
import weakref

Part = collections.namedtuple("Part", "name keys bytes")
Key = collections.namedtuple("Key", "key type encoding bytes ttl")
Sample = collections.namedtuple("Sample", "time hits misses used")

_MOST_PREFIXES = 10_000
_MOST_SAMPLES = 1_000
_SPANS = ((1, "under 1 s"), (60, "under 1 min"), (600, "under 10 min"), (3600, "under 1 h"), (86400, "under 1 day"),
          (604800, "under 1 week"), (float("inf"), "longer"))
_FOREVER = "none"

# ---- Samples: figures over time ----

_sampled = {}  # id of a store: (weak reference to it, its samples)


def sample(store):
    """Note the store's hits, misses and used memory now; reports of it draw what was noted. Call it from a timer.

    The last thousand are kept for as long as the store's object lives. report() takes one, too.
    """
    at = id(store)
    known = _sampled.get(at)
    if known is None or known[0]() is not store:
        known = _sampled[at] = (weakref.ref(store, lambda ref: _sampled.pop(at, None)), collections.deque(maxlen=_MOST_SAMPLES))
    info = store.info()
    known[1].append(Sample(time.time(), info["hits"], info["misses"], info["used_memory"]))
    return list(known[1])


# ---- Gathering ----


class _Counts:
    """Keys and bytes by name."""

    def __init__(self, names=()):
        self.counts = {name: [0, 0] for name in names}

    def add(self, name, size):
        if name not in self.counts and len(self.counts) >= _MOST_PREFIXES:
            name = "(others)"
        count = self.counts.setdefault(name, [0, 0])
        count[0] += 1
        count[1] += size

    def parts(self, ordered=True):
        parts = [Part(name, *count) for name, count in self.counts.items() if count[0]]
        return sorted(parts, key=lambda p: (-p.bytes, p.name)) if ordered else parts


def _text(key):
    return key if isinstance(key, str) else key.decode("utf-8", "backslashreplace")


def _prefix(key, separator):
    name, found, _ = _text(key).partition(separator)
    return name + separator if found else "(no prefix)"


def _span(ttl):
    return _FOREVER if ttl is None else next(name for end, name in _SPANS if ttl < end)


def _looked_at(moment, key):
    """What there is to know of a key of a snapshot; None when it is due, and so counts as gone."""
    try:
        encoding = moment.command("OBJECT", "ENCODING", key).decode()
        return Key(key, moment.type(key), encoding, moment.memory_usage(key), moment.ttl(key))
    except KeyError:
        return None
    except AttributeError:  # OBJECT ENCODING answered nil
        return None


class Report:
    """A moment of a store: str() is for a terminal, html() a page of its own, the attributes are for programs.

    info is what store.info() said; types, encodings, prefixes and ttls are lists of Part(name, keys, bytes); biggest is a list of
    Key(key, type, encoding, bytes, ttl); samples one of Sample(time, hits, misses, used).
    """

    def __init__(self, info, samples, types, encodings, prefixes, ttls, biggest):
        self.info = info
        self.samples = samples
        self.types = types
        self.encodings = encodings
        self.prefixes = prefixes
        self.ttls = ttls
        self.biggest = biggest

    def __repr__(self):
        return f"<kevy.Report of {self.keys} keys, {_size(self.bytes)}>"

    @property
    def keys(self):
        """How many keys were looked at."""
        return sum(part.keys for part in self.types)

    @property
    def bytes(self):
        """What they take."""
        return sum(part.bytes for part in self.types)

    def __str__(self):
        return _as_text(self)

    def html(self):
        """One page that needs nothing else: no script, no style sheet, no font."""
        return _as_page(self)

    def save(self, path):
        """Writes html() to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.html())


def report(store, *, separator=":", top=10):
    """Look at every key of a store, or snapshot, and tell what its memory is spent on.

    print(kevy.report(s)) is for a terminal, kevy.report(s).save("store.html") for a browser. A key's prefix is what comes before
    the first separator; top is how many of the biggest keys and prefixes are shown. It reads a snapshot: others may write
    meanwhile. O(keys).
    """
    samples = sample(store)
    types, encodings, prefixes, biggest = _Counts(), _Counts(), _Counts(), []
    ttls = _Counts([name for _, name in _SPANS] + [_FOREVER])
    with store.snapshot() as moment:
        info = store.info()
        for number, name in enumerate(moment):
            key = _looked_at(moment, name)
            if key is None:
                continue
            types.add(key.type, key.bytes)
            encodings.add(f"{key.type}, {key.encoding}", key.bytes)
            prefixes.add(_prefix(name, separator), key.bytes)
            ttls.add(_span(key.ttl), key.bytes)
            heapq.heappush(biggest, (key.bytes, number, key))
            if len(biggest) > top:
                heapq.heappop(biggest)
    shown = [key for _, _, key in sorted(biggest, key=lambda b: (-b[0], b[1]))]
    return Report(info, samples, types.parts(), encodings.parts(), prefixes.parts()[:top], ttls.parts(ordered=False), shown)


# ---- What both forms show ----


def _size(n):
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1024 or unit == "GB":
            return f"{n} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024


def _ttl(ttl):
    if ttl is None:
        return ""
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if ttl >= length:
            return f"{ttl / length:.1f} {unit}"
    return f"{ttl:.1f} s"


def _headline(report):
    """Pairs of a figure's name and text."""
    info = report.info
    reads = info["hits"] + info["misses"]
    limit = f" of {_size(info['maxmemory'])}" if info["maxmemory"] else ""
    return [
        ("keys", f"{report.keys:,}"),
        ("used", _size(info["used_memory"]) + limit),
        ("peak", _size(info["used_memory_peak"])),
        ("keys and values", _size(report.bytes)),
        ("hit ratio", f"{info['hits'] / reads:.1%} of {reads:,} reads" if reads else "no reads"),
        ("expired", f"{info['expired']:,}"),
        ("evicted", f"{info['evicted']:,}"),
    ]


def _sections(report):
    """Titles and their rows: (name, what is behind the bar, share of the longest bar)."""
    for title, parts in (("Memory by type", report.types), ("Encodings", report.encodings), ("Memory by prefix", report.prefixes),
                         ("Time to live", report.ttls)):
        most = max((part.bytes for part in parts), default=0)
        yield title, [(p.name, f"{_size(p.bytes)} in {p.keys:,} key{'s' if p.keys != 1 else ''}", p.bytes / most) for p in parts]
    most = max((key.bytes for key in report.biggest), default=0)
    rows = []
    for key in report.biggest:
        ttl = f", {_ttl(key.ttl)} left" if key.ttl is not None else ""
        rows.append((_text(key.key), f"{_size(key.bytes)} {key.type}, {key.encoding}{ttl}", key.bytes / most))
    yield "Biggest keys", rows


def _ratios(samples):
    """Hit ratios between one sample and the next that saw reads: (time, ratio)."""
    points = []
    for before, after in zip(samples, samples[1:]):
        reads = after.hits + after.misses - before.hits - before.misses
        if reads > 0 and after.hits >= before.hits:
            points.append((after.time, (after.hits - before.hits) / reads))
    return points


# ---- For a terminal ----

_WIDTH, _NAME = 30, 28
_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"


def _bar(share):
    eighths = max(1, round(share * _WIDTH * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _printable(text, width):
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"


def _as_text(report):
    lines = ["  ".join(f"{name} {text}" for name, text in _headline(report))]
    for title, rows in _sections(report):
        lines += ["", title]
        for name, text, share in rows:
            lines.append(f"  {_printable(name, _NAME):<{_NAME}} {_bar(share):<{_WIDTH}} {text}")
    points = _ratios(report.samples)[-60:]
    if points:
        lines += ["", "Hit ratio over time", "  " + "".join(_LEVELS[min(7, int(r * 8))] for _, r in points) + f" {points[-1][1]:.0%}"]
    return "\n".join(lines)


# ---- For a browser ----

_STYLE = """
:root { color-scheme: light dark; --bar: #4078c0; --line: #8886; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; } dt { opacity: .7; font-size: .85em; } dd { margin: 0; font-weight: 600; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
td { padding: .15rem .5rem .15rem 0; vertical-align: top; overflow-wrap: anywhere; }
td:first-child { width: 30%; } td:last-child { width: 32%; font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; } rect { fill: var(--bar); }
polyline { fill: none; stroke: var(--bar); stroke-width: 2; vector-effect: non-scaling-stroke; }
.plot { height: 8rem; border: 1px solid var(--line); }
"""


def _rows_html(rows):
    out = []
    for name, text, share in rows:
        bar = f'<svg height="16" preserveAspectRatio="none" viewBox="0 0 100 10"><rect y="2" height="7" width="{max(.5, share * 100):.1f}"/></svg>'
        out.append(f"<tr><td>{html.escape(_printable(name, 200))}</td><td>{bar}</td><td>{html.escape(text)}</td></tr>")
    return "<table>" + "".join(out) + "</table>" if out else "<p>none</p>"


def _plot_html(points):
    first, last = points[0][0], points[-1][0]
    length = last - first or 1
    at = " ".join(f"{(when - first) / length * 100:.2f},{100 - ratio * 100:.1f}" for when, ratio in points)
    return (f'<svg class="plot" preserveAspectRatio="none" viewBox="0 -2 100 104"><polyline points="{at}"/></svg>'
            f"<p>0 to 100 %, over {length:.0f} seconds; at last {points[-1][1]:.1%}</p>")


def _as_page(report):
    figures = "".join(f"<div><dt>{name}</dt><dd>{html.escape(text)}</dd></div>" for name, text in _headline(report))
    body = [f"<h1>A kevy store, {time.strftime('%Y-%m-%d %H:%M:%S')}</h1><dl>{figures}</dl>"]
    points = _ratios(report.samples)
    if len(points) > 1:
        body.append("<h2>Hit ratio over time</h2>" + _plot_html(points))
    body += [f"<h2>{title}</h2>{_rows_html(rows)}" for title, rows in _sections(report)]
    return ('<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>kevy store</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n")
