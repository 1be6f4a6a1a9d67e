"""The words of a line, by the rules of redis-cli: blanks between them, "double quotes" with escapes, 'single quotes' without."""

import re

_PLAIN = re.compile(r"[^\s\"']+")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)', re.S)
_SINGLE = re.compile(r"'((?:[^'\\]|\\.)*)'(?=\s|$)", re.S)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.S)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


def _encoded(text):
    return text.encode("utf-8", "surrogateescape")


def _unescaped(found):
    return bytes([int(found[1], 16)]) if found[1] else _LETTERS.get(found[2], found[2])


def split(line):
    """The words of a line as bytes. ValueError where quotes do not close, or close within a word."""
    words, at, line = [], 0, line.strip()
    while at < len(line):
        word, blank = b"", False
        while at < len(line) and not blank:
            for pattern in (_PLAIN, _DOUBLE, _SINGLE):
                found = pattern.match(line, at)
                if found:
                    break
            else:
                raise ValueError("Invalid argument(s)")
            if pattern is _PLAIN:
                word += _encoded(found[0])
            elif pattern is _DOUBLE:
                word += _ESCAPE.sub(_unescaped, _encoded(found[1]))
            else:
                word += _encoded(found[1].replace("\\'", "'"))
            at = found.end()
            blank = at < len(line) and line[at].isspace()
        words.append(word)
        while at < len(line) and line[at].isspace():
            at += 1
    return words
