"""kevy.redis.asyncio: redis.asyncio's own code on connections that call the engine."""

import asyncio
import sys
import threading

import kevy
import pytest

redis = pytest.importorskip("redis.asyncio")
kevy_redis = pytest.importorskip("kevy.redis.asyncio")
errors = pytest.importorskip("redis.exceptions")


def running(test):
    """A test that is a coroutine, with a client of a store of its own."""

    def run(s):
        async def main():
            async with kevy_redis.Redis(s, decode_responses=True) as r:
                return await test(s, r)

        asyncio.run(asyncio.wait_for(main(), 60))

    run.__name__ = test.__name__
    return run


@running
async def test_is_a_redis(s, r):
    assert isinstance(r, redis.Redis)
    assert await r.set("k", 1.0) is True
    assert await r.get("k") == "1.0"
    assert await r.hset("h", mapping={"a": 1}) == 1
    assert await r.hgetall("h") == {"a": "1"}
    assert isinstance(await r.dump("k"), bytes)
    assert await r.memory_usage("k") > 0
    with pytest.raises(errors.ResponseError, match="^WRONGTYPE"):
        await r.lpush("k", 1)
    with pytest.raises(errors.DataError):
        await r.set("k", None)
    assert sorted([k async for k in r.scan_iter()]) == ["h", "k"]


@running
async def test_replies_of_a_pipeline_are_those_of_calls(s, r):
    await r.hset("h", mapping={"a": 1}), await r.set("text", "é"), await r.rpush("l", 1, 1)
    async with r.pipeline(transaction=False) as p:
        together = await p.hgetall("h").dump("text").blpop("l", 1).blpop("none", 0.01).lpush("h", 1).get("text").execute(False)
    assert isinstance(together.pop(4), errors.ResponseError)
    assert together == [await r.hgetall("h"), await r.dump("text"), ("l", "1"), None, "é"]


@running
async def test_pipelines(s, r):
    async with r.pipeline(transaction=False) as p:
        assert await p.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
    async with r.pipeline() as p:
        await p.watch("a")
        s["a"] = 5
        p.multi()
        with pytest.raises(errors.WatchError):
            await p.incr("a").execute()
    async with r.pipeline() as p:
        with pytest.raises(errors.DataError):
            await p.set("b", 1).set("b", None).execute()
    assert await r.get("b") is None


@running
async def test_waiting_leaves_the_loop_free(s, r):
    waiting = [asyncio.ensure_future(r.blpop("l", 0)) for _ in range(5)]
    await asyncio.sleep(0)
    while r.connection_pool._in_use_connections and len(r.connection_pool._in_use_connections) < 5:
        await asyncio.sleep(0)
    for i in range(5):
        await r.rpush("l", i)
    assert sorted([await w for w in waiting]) == [("l", str(i)) for i in range(5)]
    assert await r.blpop("l", 0.01) is None
    assert await r.xread({"x": "$"}, block=1) == []


@running
async def test_served_by_a_thread(s, r):
    waiting = asyncio.ensure_future(r.blpop("l", 0))
    await asyncio.sleep(0.01)
    threading.Thread(target=s.command, args=("RPUSH", "l", "v")).start()
    assert await waiting == ("l", "v")


@running
async def test_a_wait_that_is_cancelled_takes_nothing(s, r):
    waiting = asyncio.ensure_future(r.blpop("l", 0))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await r.rpush("l", "kept")
    assert await r.llen("l") == 1


@running
async def test_commands_behind_one_that_waits(s, r):
    async def push():
        for value in ("one", "two"):
            await asyncio.sleep(0.005)
            s.command("RPUSH", "l", value)

    async with r.pipeline(transaction=False) as p:
        p.blpop("l", 0).set("after", 1).blpop("l", 0).get("after")
        results = await asyncio.gather(p.execute(), push())
    assert results[0] == [("l", "one"), True, ("l", "two"), "1"]


def test_socket_timeout(s):
    async def main():
        async with kevy_redis.Redis(s, socket_timeout=0.02) as r:
            with pytest.raises(errors.TimeoutError):
                await r.blpop("l", 0)
            await r.rpush("l", "kept")
            assert await r.llen("l") == 1

    asyncio.run(main())


def test_urls():
    async def main():
        with kevy.open("mem://aio") as s:
            for r in (redis.from_url("kevy://aio"), kevy_redis.from_url("kevy://aio"), redis.Redis.from_url("kevy://aio?db=0")):
                async with r:
                    await r.incr("n")
            assert s["n"] == 3

    asyncio.run(main())


@running
async def test_one_connection_for_all(s, r):
    async with kevy_redis.Redis(s, single_connection_client=True, health_check_interval=1) as one:
        await asyncio.gather(*(one.incr("n") for _ in range(100)))
        assert await one.get("n") == b"100"
    async with redis.Redis(connection_pool=redis.BlockingConnectionPool(
            connection_class=kevy_redis.Connection, store=s, max_connections=2)) as few:
        await asyncio.gather(*(few.incr("n") for _ in range(100)))
        assert await few.get("n") == b"200"


def test_a_store_that_is_closed(s):
    async def main():
        r = kevy_redis.Redis(s)
        waiting = asyncio.ensure_future(r.blpop("l", 0))
        await asyncio.sleep(0.01)
        s.close()
        with pytest.raises(kevy.ClosedError):
            await waiting
        with pytest.raises(kevy.ClosedError):
            await r.get("k")

    asyncio.run(main())


@pytest.mark.skipif(sys.version_info < (3, 10), reason="what redis-py makes of asyncio there belongs to the loop it was made in")
def test_a_loop_after_another(s):
    r = kevy_redis.Redis(s)
    assert asyncio.run(r.set("k", 1)) is True
    assert asyncio.run(r.get("k")) == b"1"


@pytest.mark.parametrize("protocol", [2, 3])
def test_messages(s, protocol):
    async def main():
        async with kevy_redis.Redis(s, protocol=protocol, decode_responses=True) as r, r.pubsub() as p:
            await p.subscribe("a")
            assert (await p.get_message(timeout=20))["type"] == "subscribe"
            assert await p.get_message(timeout=0.001) is None
            listening = asyncio.ensure_future(p.__class__.get_message(p, timeout=20))
            await asyncio.sleep(0.01)
            assert await r.publish("a", "hello") == 1
            assert (await listening)["data"] == "hello"
            threading.Thread(target=s.command, args=("PUBLISH", "a", "from a thread")).start()
            async for message in p.listen():
                assert message["data"] == "from a thread"
                break
            await p.unsubscribe("a")
            assert (await p.get_message(timeout=20))["type"] == "unsubscribe"

    asyncio.run(asyncio.wait_for(main(), 60))


@running
async def test_locks_and_scripts(s, r):
    async with r.lock("lock", timeout=10):
        assert not await r.lock("lock").acquire(blocking=False)
    assert await r.exists("lock") == 0
    assert await r.register_script("return ARGV[1]")(args=["x"]) == "x"
