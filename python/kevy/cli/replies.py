"""Replies as redis-cli prints them: pretty() for a person at a terminal, raw() for a program. Both give bytes with the last newline."""

from kevy.cli.resp import AGGREGATES

_EMPTY = {"*": b"(empty array)\n", "%": b"(empty hash)\n", "~": b"(empty set)\n", ">": b"(empty push)\n"}
_AFTER_INDEX = {"%": b"#", "~": b"~"}
_ESCAPES = {ord("\\"): b"\\\\", ord('"'): b'\\"', 10: b"\\n", 13: b"\\r", 9: b"\\t", 7: b"\\a", 8: b"\\b"}
_QUOTED = [_ESCAPES.get(c) or (b"%c" % c if 32 <= c < 127 else b"\\x%02x" % c) for c in range(256)]


def quoted(text):
    """Bytes in quotes, with escapes for what is not printable ASCII."""
    return b'"' + b"".join(map(_QUOTED.__getitem__, text)) + b'"'


# ---- For a person ----


def pretty(reply, prefix=b""):
    """A reply's lines; the prefix is what lines after the first are indented by."""
    kind, value = reply
    if value is None:
        return b"(nil)\n"
    if kind in AGGREGATES:
        return _pretty_items(kind, value, prefix) if value else _EMPTY[kind]
    if kind == "$":
        return quoted(value) + b"\n"
    if kind == "#":
        return b"(true)\n" if value else b"(false)\n"
    return {"-": b"(error) ", ":": b"(integer) ", ",": b"(double) "}.get(kind, b"") + value + b"\n"


def _pretty_items(kind, items, prefix):
    step = 2 if kind == "%" else 1
    width = len(str(len(items) // step))
    inner = prefix + b" " * (width + 2)
    out = []
    for at in range(0, len(items), step):
        index = b"%*d%s " % (width, at // step + 1, _AFTER_INDEX.get(kind, b")"))
        out.append((prefix if at else b"") + index + pretty(items[at], inner))
        if step == 2:
            out[-1] = out[-1][:-1] + b" => " + pretty(items[at + 1], inner)
    return b"".join(out)


# ---- For a program ----


def raw(reply):
    """A reply without quotes and types, one item a line."""
    return _raw(reply) + b"\n"


def _raw(reply):
    kind, value = reply
    if value is None:
        return b""
    if kind == "%":
        return b"\n".join(_raw(key) + b" " + _raw(item) for key, item in zip(value[::2], value[1::2]))
    if kind in AGGREGATES:
        return b"\n".join(map(_raw, value))
    if kind == "#":
        return b"(true)" if value else b"(false)"
    return value + b"\n" if kind == "-" else value


_PAGES = {"INFO", "LOLWUT", "MEMORY DOCTOR", "MEMORY MALLOC-STATS", "CLIENT LIST", "CLIENT INFO", "CLUSTER NODES", "CLUSTER INFO",
          "LATENCY GRAPH", "LATENCY DOCTOR"}


def is_page(words):
    """Whether a command answers with text for people, which is printed as it is even on a terminal."""
    names = [w.decode("latin-1").upper() for w in words[:2]]
    return names[0] in _PAGES or " ".join(names) in _PAGES
