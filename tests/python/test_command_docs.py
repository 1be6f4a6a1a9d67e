"""COMMAND DOCS: what arguments commands take, read from the rows' syntax, beside what a redis-server tells."""

import pathlib
import shutil
import sys

import kevy
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import conformance  # noqa: E402
import oracle  # noqa: E402

# Where another structure says the same, kevy takes more, or 7.0 tells none.
OTHERWISE = set(
    "BITFIELD BITOP CLIENT|KILL CLIENT|LIST CLUSTER|KEYSLOT COMMAND|GETKEYS COMMAND|GETKEYSANDFLAGS CONFIG|GET GEOHASH GEOPOS GEORADIUS "
    "GEORADIUSBYMEMBER GEOSEARCH GEOSEARCHSTORE HSCAN PFMERGE PSUBSCRIBE XINFO|STREAM XTRIM ZRANK ZREVRANK".lower().split())


def plain(item):
    return [plain(each) for each in item.value] if item.kind == "array" else item.value


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def shape(argument):
    """An argument's structure, without names and the types of single words."""
    it = pairs(argument)
    kind = it[b"type"] if it[b"type"] in (b"key", b"oneof", b"block", b"pure-token") else b"word"
    return kind, it.get(b"token"), it.get(b"flags"), list(map(shape, it.get(b"arguments", [])))


def shapes(reply):
    """{command: the shapes of its arguments}, subcommands with them."""
    found = {}
    for name, doc in pairs(plain(conformance.decode(reply))).items():
        each = {name: pairs(doc), **{sub: pairs(its) for sub, its in pairs(pairs(doc).get(b"subcommands", [])).items()}}
        found.update({its.decode(): list(map(shape, it.get(b"arguments", []))) for its, it in each.items()})
    return found


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")
def test_arguments_are_those_of_redis(s):
    with oracle.Redis() as redis:
        theirs = shapes(redis.execute([b"COMMAND", b"DOCS"]))
    ours = shapes(s.command_resp("COMMAND", "DOCS"))
    both = theirs.keys() & ours.keys()
    assert len(both) > 300
    assert {name for name in both if theirs[name] != ours[name]} == OTHERWISE


def test_an_argument(s):
    docs = s.command("COMMAND", "DOCS", "SET")[b"set"][b"arguments"]
    assert [it[b"name"] for it in docs] == [b"key", b"value", b"nx_xx", b"get", b"seconds_milliseconds_unix-time-seconds_unix-time-"
                                            b"milliseconds_keepttl"]
    assert docs[4][b"arguments"][0] == {b"name": b"seconds", b"type": b"integer", b"display_text": b"seconds", b"token": b"EX"}
    assert docs[3] == {b"name": b"get", b"type": b"pure-token", b"display_text": b"get", b"token": b"GET", b"flags": {"optional"}}
