"""valkey-py, unchanged, on a store inside the process: what it shares with redis-py's connections is tests/python/test_redis_py.py's."""

import asyncio
import threading
import uuid

import kevy
import pytest

valkey = pytest.importorskip("valkey")
kevy_valkey = pytest.importorskip("kevy.valkey")
kevy_valkey_asyncio = pytest.importorskip("kevy.valkey.asyncio")


@pytest.fixture(params=[{}, {"protocol": 3}], ids=["RESP2", "RESP3"])
def v(s, request):
    with kevy_valkey.Valkey(s, **request.param) as client:
        yield client


def test_commands(s, v):
    assert isinstance(v, valkey.Valkey)
    assert v.set("k", "v", ex=60) and v.get("k") == b"v" and s["k"] == b"v"
    assert 59 <= v.ttl("k") <= 60
    assert v.zadd("z", {"a": 1, "b": 2.5}) == 2 and v.zrange("z", 0, -1, withscores=True)[1] in [(b"b", 2.5), [b"b", 2.5]]
    assert v.hset("h", mapping={"f": 1}) == 1 and v.hgetall("h") == {b"f": b"1"}
    assert sorted(v.scan_iter(match="[kz]")) == [b"k", b"z"]
    with pytest.raises(valkey.ResponseError, match="WRONGTYPE|wrong kind"):
        v.lpush("k", 1)
    assert kevy_valkey.Valkey(s, decode_responses=True).get("k") == "v"
    assert v.client_list()[0]["lib-name"] == "valkey-py"


def test_pipelines_and_transactions(v):
    with v.pipeline() as p:
        assert p.set("n", 1).incr("n").get("n").execute() == [True, 2, b"2"]
    with v.pipeline() as p:
        p.watch("n")
        v.set("n", 5)
        p.multi()
        p.incr("n")
        with pytest.raises(valkey.WatchError):
            p.execute()
    assert v.transaction(lambda p: (p.multi(), p.incr("n")), "n") == [6]


def test_publishing(v):
    with v.pubsub() as p:
        p.subscribe("news")
        p.psubscribe("n*")
        assert [p.get_message(timeout=5)["type"] for _ in range(2)] == ["subscribe", "psubscribe"]
        assert v.publish("news", "fresh") == 2
        assert [p.get_message(timeout=5)["data"] for _ in range(2)] == [b"fresh", b"fresh"]


def test_scripts_and_locks(v):
    add = v.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
    assert [add(keys=["n"], args=[2]) for _ in range(2)] == [2, 4]
    with v.lock("lock", timeout=60):
        assert not v.lock("lock", timeout=60).acquire(blocking=False)
    assert v.exists("lock") == 0


def test_waiting(v):
    got = []
    t = threading.Thread(target=lambda: got.append(v.blpop("l", timeout=60)))
    t.start()
    while v.info("clients")["blocked_clients"] == 0:
        pass
    v.rpush("l", "x")
    t.join()
    assert [tuple(pair) for pair in got] == [(b"l", b"x")]


def test_urls():
    name = uuid.uuid4().hex
    with kevy.open("mem://" + name) as s:
        s["k"] = 1
        assert valkey.from_url(f"kevy://{name}?decode_responses=true").get("k") == "1"
        assert kevy_valkey.from_url("kevy://" + name).incr("k") == 2
        assert s["k"] == 2


def test_a_window(s):
    with s.serve("127.0.0.1:0", write=True) as w:
        with valkey.Valkey(port=int(w.address.rpartition(":")[2])) as v:
            assert v.set("k", "v") and s["k"] == b"v"


@pytest.mark.parametrize("protocol", [2, 3])
def test_asyncio(s, protocol):
    async def work():
        v = kevy_valkey_asyncio.Valkey(s, protocol=protocol, decode_responses=True)
        assert await v.set("k", "v") and await v.get("k") == "v"
        async with v.pipeline() as p:
            assert await p.incr("n").incr("n").execute() == [1, 2]
        waits = asyncio.ensure_future(v.blpop("l", timeout=60))
        await asyncio.sleep(0)
        s.command("RPUSH", "l", "x")
        assert list(await waits) == ["l", "x"]
        async with v.pubsub() as p:
            await p.subscribe("news")
            assert (await p.get_message(timeout=5))["type"] == "subscribe"
            await v.publish("news", "fresh")
            assert (await p.get_message(timeout=5))["data"] == "fresh"
        await v.aclose()

    asyncio.run(work())


def test_a_closed_store(s):
    v = kevy_valkey.Valkey(s)
    v.set("k", 1)
    s.close()
    with pytest.raises((kevy.ClosedError, valkey.ConnectionError)):
        v.get("k")
