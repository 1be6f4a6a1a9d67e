"""Redis's protocol, as a client reads it: one reply at a time from anything with read() and readline().

A Reply's kind is the byte that it begins with in the protocol, as text. Its value is bytes for text and numbers (RESP's own
spelling of them), None for the nulls, a bool, or a list; that of a map has keys and values in turn.
"""

import collections

Reply = collections.namedtuple("Reply", "kind value")

AGGREGATES = "*~>%"
_DEEPEST = 128


class ProtocolError(ValueError):
    """What came is not Redis's protocol."""


def _line(file):
    line = file.readline()
    if not line:
        raise ConnectionError("the other side closed the connection")
    if not line.endswith(b"\r\n"):
        raise ProtocolError(f"a line without an end: {line[:40]!r}")
    return line[:-2]


def _bulk(file, length):
    text = file.read(length + 2)
    if len(text) < length + 2:
        raise ConnectionError("the connection ended within a reply")
    return text[:-2]


def _number(text):
    try:
        return int(text)
    except ValueError:
        raise ProtocolError(f"a length that is no number: {text[:40]!r}") from None


def read_reply(file, depth=0):
    """The next reply of a file. ConnectionError where it ends, ProtocolError for anything else that is no reply."""
    line = _line(file)
    kind, rest = line[:1].decode("latin-1"), line[1:]
    if kind in "+-:,(" and kind:
        return Reply(kind, rest)
    if kind == "_":
        return Reply("_", None)
    if kind == "#":
        return Reply("#", rest == b"t")
    if kind and kind in "$=!":
        length = _number(rest)
        text = _bulk(file, length) if length >= 0 else None
        return Reply("-", text) if kind == "!" else Reply("=", text[4:]) if kind == "=" and text else Reply("$", text)
    if kind and kind in "*~>%|":
        length = _number(rest)
        if depth == _DEEPEST:
            raise ProtocolError("replies in replies, too deep")
        if length < 0:
            return Reply(kind, None)
        items = [read_reply(file, depth + 1) for _ in range(length * 2 if kind in "%|" else length)]
        return read_reply(file, depth) if kind == "|" else Reply(kind, items)
    raise ProtocolError(f"no reply of Redis: {line[:40]!r}")


def request(words):
    """The bytes that ask for a command; its words are bytes."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
