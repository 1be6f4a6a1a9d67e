"""The conformance cases through the Python doors, as exact RESP bytes and as Python values, and the parity of
what the library answers with what the cases cover."""

import re
import sys
from pathlib import Path

import kevy
import pytest
from kevy import ctypes_door

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
import conformance  # noqa: E402
from conformance import Item  # noqa: E402

CASES = conformance.load()


class TypeDoor:
    """kevy.Store, with a clock of its own."""

    def __init__(self):
        self.store = kevy.Store()
        self.set_clock = self.store._debug_clock

    def speaker(self, case):
        """Whose command() a case calls."""
        return self.store.session() if "session" in case.tags else self.store


class CtypesDoor:
    """The same through ctypes and the C ABI."""

    def __init__(self):
        self.store = ctypes_door.open()
        self.set_clock = self.store.debug_clock

    def speaker(self, case):
        if "session" in case.tags:
            pytest.skip("this door has no sessions")
        return self.store


DOORS = {"type": TypeDoor, "ctypes": CtypesDoor}


@pytest.fixture(params=DOORS)
def door(request):
    door = DOORS[request.param]()
    door.now = conformance.EPOCH
    door.set_clock(door.now)

    def advance(milliseconds):
        door.now += milliseconds
        door.set_clock(door.now)

    door.advance = advance
    yield door
    door.store.close()


def shortest(value):
    """A float as commands print it."""
    if value.is_integer() and abs(value) < 1e17:
        return b"%d" % value
    return re.sub(r"e([+-])0+", r"e\1", repr(value)).encode()


def item_of(value):
    """A Python value as an item of a reply."""
    if value is None:
        return Item("nil")
    if isinstance(value, bytes):
        return Item("bulk", value)
    if isinstance(value, str):
        return Item("status", value.encode())
    if isinstance(value, int):
        return Item("int", value)
    if isinstance(value, float):
        return Item("bulk", shortest(value))
    if isinstance(value, Exception):
        return Item("error", str(value).encode())
    if isinstance(value, list):
        return Item("array", [item_of(v) for v in value])
    if isinstance(value, (set, frozenset)):
        return Item("array", [item_of(v) for v in value], ordered=False)
    if isinstance(value, dict):
        return Item("array", [item_of(v) for pair in value.items() for v in pair])
    raise AssertionError(f"not the value of a reply: {value!r}")


def value_of(store, arguments):
    try:
        return item_of(store.command(*arguments))
    except kevy.CommandError as e:
        return Item("error", str(e).encode())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_resp(door, case):
    speaker = door.speaker(case)
    failures = conformance.run(case, lambda arguments: speaker.command_resp(*arguments), door.advance)
    assert not failures, "\n\n".join(failures)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values(door, case):
    speaker = door.speaker(case)
    for step in case.steps:
        if step[0] == "clock":
            door.advance(step[1])
            continue
        _, arguments, expected = step
        got = value_of(speaker, arguments)
        assert conformance.matches(expected, got), f"{arguments!r}\nexpected\n{expected}\ngot\n{got}"


# ---- Parity ----------------------------------------------------------------------------------


def row_names():
    store = kevy.Store()
    return sorted(name.decode() for name in store.command("COMMAND", "LIST"))


def asked_names():
    """The rows that the cases run, by their whole names."""
    names = set()
    for case in CASES:
        for arguments in case.commands:
            words = [a.decode("latin-1").lower() for a in arguments[:2]]
            names.update({words[0], "|".join(words)})
    return names


def test_every_row_has_a_case():
    assert set(row_names()) - asked_names() == set()


@pytest.mark.parametrize("name", row_names())
def test_every_row_is_reached_by_name(door, name):
    """In any case of letters: what comes back is no complaint about an unknown command."""
    for spelling in (name.upper(), name.title()):
        reply = door.store.command_resp(*spelling.split("|"))
        assert not reply.startswith(b"-ERR unknown"), reply


def test_a_row_answers_its_own_arity(door):
    for info in door.store.command("COMMAND"):
        name, arity = info[0], info[1]
        if arity == -1:
            continue
        too_few = [name] * (abs(arity) - 1)
        if len(too_few) > 0 and not info[9]:
            assert door.store.command_resp(*too_few) == (
                b"-ERR wrong number of arguments for '%s' command\r\n" % name)


# ---- The format ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    b"## a\n> GET k\n",
    b"## a\n> GET k\n< *2\n< :1\n",
    b"## a\n> GET k\n< :1\n< :2\n",
    b"## a\n> GET k\n< what\n",
    b"## a\n> GET k\n+OK\n",
    b"## a\n> GET k\n< :x\n",
    b'## a\n> GET "\\q"\n< (nil)\n',
])
def test_a_wrong_file_is_refused(text):
    with pytest.raises(conformance.FormatError):
        conformance.parse(text)


def test_arguments_and_replies_are_read():
    case, = conformance.parse(
        b'## n\n> SET "a\\x00\\r\\n\\"" "xy"*3 z\n<~ *2\n< "p"\n< *1\n< :3..5\n@ clock +20\n> X\n! ERR y\n')
    (kind, arguments, reply), clock, (_, _, error) = case.steps
    assert arguments == [b"SET", b'a\x00\r\n"', b"xyxyxy", b"z"]
    assert conformance.matches(reply, conformance.decode(b"*2\r\n*1\r\n:4\r\n$1\r\np\r\n"))
    assert not conformance.matches(reply, conformance.decode(b"*2\r\n*1\r\n:6\r\n$1\r\np\r\n"))
    assert clock == ("clock", 20)
    assert (error.kind, error.value) == ("error", b"ERR y")


def test_a_reply_prints_as_the_lines_it_is_read_from():
    for case in CASES:
        for kind, *rest in case.steps:
            if kind == "command":
                text = f"## n\n> X\n{rest[1]}\n".encode("latin-1")
                assert conformance.parse(text)[0].steps[0][2] == rest[1]
