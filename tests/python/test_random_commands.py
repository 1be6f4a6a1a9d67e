"""What differential.py asks: every command that kevy and redis-server have, and nothing is left out without a reason."""

import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1] / "conformance"
sys.path.insert(0, str(HERE))
import differential  # noqa: E402
import differential_rows as rows  # noqa: E402


def reasons(name):
    lines = (HERE / name).read_text().splitlines()
    return {line.split(" | ")[0].strip() for line in lines if line.strip() and not line.startswith("#")}


def test_every_row_is_asked_or_has_a_reason_not_to_be():
    names = {row.name for row in rows.all_rows()}
    assert rows.left_out() <= names
    assert {name for name, _, _ in rows.ROWS} == (names & rows.known()) - rows.left_out()


def test_every_row_makes_fair_commands():
    q = differential.Questions(7)

    def makes(name, words, syntax):
        return any(differential.fair([*words, *rows.Writer(q, name).items(syntax)]) for _ in range(60))

    assert [row[0] for row in rows.ROWS if not makes(*row)] == []


def test_a_row_uses_every_word_of_its_syntax():
    q = differential.Questions(7)
    name, words, syntax = next(row for row in rows.ROWS if row[0] == "ZRANGESTORE")
    said = {word for _ in range(300) for word in rows.Writer(q, name).items(syntax)}
    assert {b"BYSCORE", b"BYLEX", b"REV", b"LIMIT"} <= said


def test_what_is_left_out_has_a_row_that_says_why():
    known = reasons("unlike.list") | reasons("differences.txt")
    given = {why for seed in range(40, 60) for why in differential.make_round(seed).left_out}
    assert given <= known
    text = "".join(path.read_text() for path in HERE.glob("differential*.py"))
    assert [name for name in reasons("unlike.list") if name not in text] == []


def test_a_seed_makes_one_round():
    def shown(seed):
        return [differential.show_command(command) for command in differential.make_round(seed).commands]

    state = random.getstate()
    assert shown(12) == shown(12) != shown(13)
    assert random.getstate() == state
