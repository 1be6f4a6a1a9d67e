"""Reads the conformance cases (README.md has the format) and compares replies with them.

    for case in load():
        failures = run(case, execute, advance)

execute(arguments) gives the RESP2 bytes of a reply; advance(milliseconds) moves the clock."""

import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
EPOCH = 1_700_000_000_000  # where a case's clock stands at its start, Unix ms

WORD = re.compile(rb'\s*(?:"((?:[^"\\]|\\.)*)"(?:\*(\d+))?|(\S+))')
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.S)
PLAIN = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\", b'"': b'"'}


@dataclass
class Item:
    """One item of a reply. kind: bulk, int, range, status, error, nil, array, any, any-bulk; from RESP3 also map (its keys
    and values in turn), set, push, double, bool, big, verbatim."""

    kind: str
    value: object = None  # bytes, int, (low, high), or a list of items
    ordered: bool = True

    def __str__(self):
        return "\n".join(lines(self))


@dataclass
class Case:
    name: str
    file: str
    line: int
    tags: set = field(default_factory=set)
    steps: list = field(default_factory=list)  # ("command", arguments, Item) or ("clock", ms)

    @property
    def commands(self):
        return [step[1] for step in self.steps if step[0] == "command"]

    def __str__(self):
        return f"{self.file}:{self.line} {self.name}"


class FormatError(Exception):
    pass


# ---- Reading ---------------------------------------------------------------------------------


def unquote(text):
    def one(m):
        code = m.group(1)
        return bytes([int(code[1:], 16)]) if len(code) > 1 else PLAIN[code]

    return ESCAPE.sub(one, text)


def words(text):
    """The words of a line: bytes each."""
    result, at = [], 0
    text = text.rstrip()
    while at < len(text):
        m = WORD.match(text, at)
        quoted, times, bare = m.groups()
        result.append(bare if quoted is None else unquote(quoted) * int(times or 1))
        at = m.end()
    return result


def leaf(text):
    """The item that one line is; an array comes with the number of items it waits for."""
    if text.startswith(b'"'):
        return Item("bulk", words(text)[0])
    if text.startswith(b"+"):
        return Item("status", text[1:])
    if text.startswith(b"-"):
        return Item("error", text[1:])
    if text.startswith(b":"):
        low, dots, high = text[1:].partition(b"..")
        return Item("range", (int(low), int(high))) if dots else Item("int", int(low))
    kinds = {b"(nil)": "nil", b"(any)": "any", b"(bulk)": "any-bulk"}
    if text in kinds:
        return Item(kinds[text])
    raise FormatError(f"not an item: {text.decode()}")


def reply(rows):
    """The reply that some lines are: [(ordered, text), ...]; what is left over is an error."""

    def take():
        if not rows:
            raise FormatError("the reply ends too early")
        ordered, text = rows.pop(0)
        if not text.startswith(b"*"):
            return leaf(text)
        return Item("array", [take() for _ in range(int(text[1:]))], ordered)

    item = take()
    if rows:
        raise FormatError("the reply has items left over")
    return item


def parse(text, file="-"):
    """The cases of one file's bytes."""
    cases, case, arguments, rows = [], None, None, []

    def finish():
        nonlocal arguments, rows
        if arguments is not None:
            expected = rows[0] if rows and isinstance(rows[0], Item) else reply(rows)
            case.steps.append(("command", arguments, expected))
        arguments, rows = None, []

    number = 0
    try:
        for number, line in enumerate(text.split(b"\n"), 1):
            mark, _, rest = line.partition(b" ")
            if mark == b"##":
                finish()
                case = Case(rest.decode(), file, number)
                cases.append(case)
            elif mark == b">":
                finish()
                arguments = words(rest)
            elif mark == b"@":
                finish()
                directive = rest.decode().split()
                if directive[0] == "clock":
                    case.steps.append(("clock", int(directive[1])))
                else:
                    case.tags.add(directive[0])
            elif mark == b"!":
                rows = [Item("error", rest)]
            elif mark in (b"<", b"<~"):
                rows.append((mark == b"<", rest.strip()))
            elif line.strip() and not line.startswith(b"#"):
                raise FormatError(f"not a line of a case: {line.decode()}")
        finish()
    except (FormatError, ValueError, KeyError) as e:
        raise FormatError(f"{file}:{number}: {e}") from e
    return cases


def load(directory=HERE):
    """Every case of every .txt file, differences.txt aside."""
    cases = []
    for path in sorted(Path(directory).glob("*.txt")):
        if path.name != "differences.txt":
            cases += parse(path.read_bytes(), path.name)
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FormatError(f"two cases have one name: {twice}")
    return cases


# ---- Replies ---------------------------------------------------------------------------------


def unordered(item):
    """The reply with the items of every array sorted."""
    if item.kind == "array":
        item.value = sorted((unordered(each) for each in item.value), key=str)
    return item


LINES = {b"+": "status", b"-": "error", b",": "double", b"(": "big", b"#": "bool"}
STRINGS = {b"$": "bulk", b"=": "verbatim"}
AGGREGATES = {b"*": "array", b"~": "set", b">": "push", b"%": "map"}


def decode(data):
    """The item that RESP2 or RESP3 bytes are."""

    def take(at):
        end = data.index(b"\r\n", at)
        mark, rest, at = data[at:at + 1], data[at + 1:end], end + 2
        if mark in LINES:
            return Item(LINES[mark], rest), at
        if mark == b":":
            return Item("int", int(rest)), at
        if mark == b"_":
            return Item("nil"), at
        length = int(rest)
        if length == -1:
            return Item("nil"), at
        if mark in STRINGS:
            if data[at + length:at + length + 2] != b"\r\n":
                raise ValueError("a bulk string that does not end where it says")
            return Item(STRINGS[mark], data[at:at + length]), at + length + 2
        items = []
        for _ in range(2 * length if mark == b"%" else length):
            item, at = take(at)
            items.append(item)
        return Item(AGGREGATES[mark], items, mark != b"~"), at

    item, at = take(0)
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes behind the reply")
    return item


def pairs(items):
    return [Item("array", items[i:i + 2]) for i in range(0, len(items), 2)]


def shape(item):
    """What an item is made of, whatever its values and their order."""
    if not isinstance(item.value, list):
        return item.kind
    of = sorted((shape(each) for each in item.value), key=str)
    return (item.kind, *of)


def as_resp2(command, item):
    """What RESP2 says in place of a RESP3 reply to a command."""
    name = command[0].upper()
    if item.kind in ("double", "big", "verbatim"):
        return Item("bulk", item.value[4:] if item.kind == "verbatim" else item.value)
    if item.kind == "bool":
        return Item("int", int(item.value == b"t"))
    if not isinstance(item.value, list):
        return item
    items = [as_resp2([b""], each) for each in item.value]
    if item.kind == "map" and name in (b"XREAD", b"XREADGROUP"):
        return Item("array", pairs(items))
    nested = name in (b"ZPOPMIN", b"ZPOPMAX") or {w.upper() for w in command[1:]} & {b"WITHSCORES", b"WITHVALUES"}
    if nested and items and all(each.kind == "array" for each in items):
        items = [one for each in items for one in each.value]
    return Item("array", items, item.ordered)


def matches(expected, got):
    if expected.kind == "any":
        return True
    if expected.kind == "any-bulk":
        return got.kind == "bulk"
    if expected.kind == "range":
        return got.kind == "int" and expected.value[0] <= got.value <= expected.value[1]
    if expected.kind != got.kind:
        return False
    if not isinstance(expected.value, list):
        return expected.value == got.value
    if expected.kind == "map":
        return matches(Item("array", pairs(expected.value), False), Item("array", pairs(got.value), False))
    if len(expected.value) != len(got.value):
        return False
    if expected.ordered and got.ordered:
        return all(map(matches, expected.value, got.value))
    left = list(got.value)
    for item in expected.value:
        at = next((i for i, other in enumerate(left) if matches(item, other)), None)
        if at is None:
            return False
        left.pop(at)
    return True


def quote(data):
    text = "".join(
        chr(b) if 32 <= b < 127 and b not in b'"\\' else
        {13: "\\r", 10: "\\n", 9: "\\t", 34: '\\"', 92: "\\\\"}.get(b, f"\\x{b:02x}") for b in data)
    return f'"{text}"'


def lines(item):
    """A reply as the lines of a case."""
    kind, value = item.kind, item.value
    if isinstance(value, list):
        mark = {"map": "%", "set": "~", "push": ">"}.get(kind, "*")
        return [("< " if item.ordered else "<~ ") + f"{mark}{len(value)}"] + [
            line.replace("! ", "< -", 1) if line.startswith("! ") else line for each in value for line in lines(each)]
    if kind == "error":
        return ["! " + value.decode("latin-1")]
    text = {
        "bulk": lambda: quote(value),
        "int": lambda: f":{value}",
        "range": lambda: f":{value[0]}..{value[1]}",
        "status": lambda: "+" + value.decode("latin-1"),
        "any-bulk": lambda: "(bulk)",
        "double": lambda: "," + value.decode(),
        "bool": lambda: "#" + value.decode(),
        "big": lambda: "(" + value.decode(),
        "verbatim": lambda: "=" + quote(value),
    }.get(kind, lambda: f"({kind})")()
    return ["< " + text]


# ---- Running ---------------------------------------------------------------------------------


def run(case, execute, advance):
    """Runs a case on an empty store; returns what went wrong, one text per wrong reply."""
    failures = []
    for step in case.steps:
        if step[0] == "clock":
            advance(step[1])
            continue
        _, arguments, expected = step
        got = decode(execute(arguments))
        if not matches(expected, got):
            command = " ".join(a.decode() if a.isalnum() else quote(a) for a in arguments)
            failures.append(f"{case}\n> {command[:300]}\nexpected\n{expected}\ngot\n{got}")
    return failures
