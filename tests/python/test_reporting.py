"""kevy.report(): what it counts, as text and as a page; on live stores, snapshots and empty ones."""

import html.parser
import threading

import kevy
import pytest
from kevy import reporting


def fill(s):
    for i in range(100):
        s.set(f"session:{i}", "x" * 100, ttl=30 if i % 2 else 3000)
    s["user:1"] = {"name": "bob"}
    s["queue"] = list(range(5000))
    s["<b>&\n\x00\x1b[31m"] = "hostile" * 100
    s[b"\xff:raw"] = b"y" * 50_000
    s.ZSet("board").add({"a": 1})


def test_figures(s):
    fill(s)
    r = kevy.report(s)
    assert r.keys == len(s) == 105
    assert {p.name: p.keys for p in r.types} == {"string": 102, "hash": 1, "list": 1, "zset": 1}
    assert r.bytes == sum(s.memory_usage(k) for k in s)
    for parts in (r.types, r.encodings, r.prefixes, r.ttls):
        assert sum(p.keys for p in parts) == 105 and sum(p.bytes for p in parts) == r.bytes
    assert {p.name: p.keys for p in r.prefixes} == {"session:": 100, "user:": 1, "\\xff:": 1, "(no prefix)": 3}
    assert {p.name: p.keys for p in r.ttls} == {"under 1 min": 50, "under 1 h": 50, "none": 5}
    assert r.biggest[0].key in ("queue", b"\xff:raw") and len(r.biggest) == 10
    assert [k.bytes for k in r.biggest] == sorted((k.bytes for k in r.biggest), reverse=True)
    assert any(p.name == "hash, listpack" for p in r.encodings)


def test_options(s):
    s.mset({"a/b": 1, "a/c": 2, "d": 3})
    r = kevy.report(s, separator="/", top=1)
    assert [p.name for p in r.prefixes] == ["a/"] and len(r.biggest) == 1


def test_text(s):
    fill(s)
    text = str(kevy.report(s))
    for word in ("keys 105", "Memory by type", "string", "session:", "Biggest keys", "under 1 min", "█", "queue"):
        assert word in text
    assert "\x1b" not in text and "\x00" not in text
    assert max(map(len, text.splitlines())) < 160


class Page(html.parser.HTMLParser):
    """Notes what a page is made of."""

    def __init__(self):
        super().__init__()
        self.open, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(name in ("src", "href") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page(s, tmp_path):
    fill(s)
    for _ in range(4):
        s.get("queue"), s.get("nobody")
        reporting.sample(s)
    r = kevy.report(s)
    r.save(tmp_path / "store.html")
    page = Page()
    page.feed((tmp_path / "store.html").read_text(encoding="utf-8"))
    assert page.open == [] and {"table", "svg", "polyline", "rect"} <= page.tags
    assert not page.tags & {"script", "link", "img", "b"}
    assert "&lt;b&gt;&amp;" in r.html()


def test_hit_ratio_over_time(s):
    s["k"] = 1
    reporting.sample(s)
    s.get("k"), s.get("k"), s.get("k"), s.get("no")
    reporting.sample(s)
    r = kevy.report(s)
    assert len(r.samples) == 3
    assert [ratio for _, ratio in reporting._ratios(r.samples)] == [0.75]
    assert "Hit ratio over time" in str(r)


@pytest.mark.parametrize("of", ["live", "snapshot"])
def test_empty(s, of):
    r = kevy.report(s if of == "live" else s.snapshot())
    assert r.keys == r.bytes == 0 and "keys 0" in str(r) and "none" in r.html()


def test_while_others_write(either):
    stop = threading.Event()

    def write():
        i = 0
        while not stop.is_set():
            either.set(f"k{i % 1000}", "x" * (i % 300))
            either.delete(f"k{(i + 500) % 1000}")
            i += 1

    t = threading.Thread(target=write)
    t.start()
    try:
        for _ in range(5):
            r = kevy.report(either)
            assert sum(p.keys for p in r.types) == r.keys <= 1000
    finally:
        stop.set()
        t.join()


def test_a_closed_store_says_so(s):
    s.close()
    with pytest.raises(kevy.ClosedError):
        kevy.report(s)
