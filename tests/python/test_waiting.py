"""Commands that wait: threads without the GIL, Ctrl-C, order of arrival, asyncio without threads."""

import asyncio
import gc
import signal
import threading
import time

import pytest

import kevy


@pytest.fixture
def s():
    with kevy.Store() as store:
        yield store


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    return thread, results


def settle():
    time.sleep(0.15)


def test_at_once(s):
    s.List("l").extend(["a", 2])
    assert s.command("BLPOP", "none", "l", 0) == [b"l", b"a"]
    assert s.command("BRPOP", "l", 0) == [b"l", b"2"]


def test_a_thread_waits_while_others_run(s):
    thread, results = in_thread(lambda: s.command("BLPOP", "q", 10))
    settle()
    assert thread.is_alive()
    s.List("q").append("x")
    thread.join(5)
    assert results == [[b"q", b"x"]] and "q" not in s


def test_order_of_arrival(s):
    threads = []
    for i in range(5):
        threads.append(in_thread(lambda: s.command("BLPOP", "q", 10)))
        settle()
    s.List("q").extend(range(5))
    for i, (thread, results) in enumerate(threads):
        thread.join(5)
        assert results == [[b"q", str(i).encode()]]


def test_timeout(s):
    started = time.monotonic()
    assert s.command("BLPOP", "q", 0.05) is None
    assert 0.04 < time.monotonic() - started < 5
    with pytest.raises(kevy.CommandError, match="timeout is negative"):
        s.command("BLPOP", "q", -1)


def test_a_signal_ends_the_wait(s):
    class Enough(Exception):
        pass

    def ring(*_):
        raise Enough

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Enough):
            s.command("BLPOP", "q", 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    s.List("q").append(1)
    assert list(s.List("q")) == [1]  # the wait was given up: nothing was taken


def test_close_ends_the_wait():
    s = kevy.Store()

    def waits():
        with pytest.raises(kevy.ClosedError):
            s.command("BLPOP", "q", 0)
        return True

    thread, results = in_thread(waits)
    settle()
    s.close()
    thread.join(5)
    assert results == [True]


def test_sorted_sets_and_streams(s):
    zset, popped = in_thread(lambda: s.command("BZPOPMIN", "z", 10))
    stream, read = in_thread(lambda: s.command("XREAD", "BLOCK", 10000, "STREAMS", "x", "$"))
    settle()
    s.ZSet("z")["m"] = 1.5
    s.command("XADD", "x", "7-1", "a", "b")
    zset.join(5), stream.join(5)
    assert popped == [[b"z", b"m", 1.5]]
    assert read == [[[b"x", [[b"7-1", [b"a", b"b"]]]]]]


# ---- asyncio --------------------------------------------------------------------------------


def test_async_at_once_and_later(s):
    async def main():
        assert await s.command_async("SET", "k", 1) == "OK"
        waiting = [asyncio.create_task(s.command_async("BLPOP", "q", 10)) for _ in range(3)]
        await asyncio.sleep(0.01)
        threads = threading.active_count()
        s.List("q").extend("abc")
        assert await asyncio.gather(*waiting) == [[b"q", b"a"], [b"q", b"b"], [b"q", b"c"]]
        return threads

    assert asyncio.run(main()) == threading.active_count()


def test_async_timeout_and_error(s):
    async def main():
        assert await s.command_async("BLPOP", "q", 0.02) is None
        with pytest.raises(kevy.CommandError):
            await s.command_async("NOSUCH")

    asyncio.run(main())


def test_async_cancel_gives_up(s):
    async def main():
        task = asyncio.create_task(s.command_async("BLPOP", "q", 0))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gc.collect()
        s.List("q").append("kept")
        assert list(s.List("q")) == ["kept"]

    asyncio.run(main())


def test_async_served_from_a_thread(s):
    async def main():
        task = asyncio.create_task(s.command_async("BRPOP", "q", 10))
        await asyncio.sleep(0.01)
        threading.Thread(target=lambda: s.List("q").append("there")).start()
        assert await task == [b"q", b"there"]

    asyncio.run(main())


def test_async_closed_store():
    async def main():
        s = kevy.Store()
        task = asyncio.create_task(s.command_async("BLPOP", "q", 0))
        await asyncio.sleep(0.01)
        s.close()
        with pytest.raises(kevy.ClosedError):
            await task

    asyncio.run(main())
