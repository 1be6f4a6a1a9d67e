"""Messages: sessions that listen, from one thread and from several."""
import gc
import os
import select
import threading
import time

import pytest

import kevy


@pytest.fixture
def store():
    with kevy.Store() as s:
        yield s


def test_subscribe_and_next_message(store):
    with store.session() as listener:
        assert listener.command("SUBSCRIBE", "news") == [b"subscribe", b"news", 1]
        assert listener.next_message(0) is None
        assert store.command("PUBLISH", "news", "hello") == 1
        assert listener.next_message() == [b"message", b"news", b"hello"]
        assert listener.next_message(timeout=0.01) is None


def test_several_channels_are_several_replies(store):
    with store.session() as listener:
        assert listener.command("PSUBSCRIBE", "a*", "b*") == [[b"psubscribe", b"a*", 1], [b"psubscribe", b"b*", 2]]
        assert listener.command_resp("PUNSUBSCRIBE").count(b"*3\r\n") == 2
        assert listener.command("UNSUBSCRIBE") == [b"unsubscribe", None, 0]


def test_patterns_shards_and_binary(store):
    payload = bytes(range(256))
    with store.session() as listener:
        listener.command("PSUBSCRIBE", "h?llo")
        listener.command("SSUBSCRIBE", b"\0shard")
        assert store.command("PUBLISH", "hello", payload) == 1
        assert store.command("SPUBLISH", b"\0shard", b"") == 1
        assert store.command("PUBLISH", b"\0shard", b"") == 0
        assert listener.next_message() == [b"pmessage", b"h?llo", b"hello", payload]
        assert listener.next_message() == [b"smessage", b"\0shard", b""]


def test_a_listening_session_is_limited_in_protocol_2(store):
    with store.session() as listener:
        listener.command("SUBSCRIBE", "c")
        with pytest.raises(kevy.CommandError, match="Can't execute 'set'"):
            listener.command("SET", "k", 1)
        assert listener.command("PING") == [b"pong", b""]
        listener.command("UNSUBSCRIBE")
        assert listener.command("SET", "k", 1) == "OK"


def test_protocol_3_does_not_limit(store):
    with store.session() as listener:
        listener.command("HELLO", 3)
        listener.command("SUBSCRIBE", "c")
        assert listener.command("PUBLISH", "c", "mine") == 1
        assert listener.next_message() == [b"message", b"c", b"mine"]
        listener.command("PUBLISH", "c", "mine")
        assert store.session().command("PUBSUB", "NUMSUB", "c") == [b"c", 1]


def test_a_thread_that_waits(store):
    heard = []
    with store.session() as listener:
        listener.command("SUBSCRIBE", "c")

        def listen():
            heard.extend(listener.messages())

        thread = threading.Thread(target=listen)
        thread.start()
        for i in range(1000):
            store.command("PUBLISH", "c", i)
        while len(heard) < 1000:
            time.sleep(0.001)
        listener.close()
        thread.join(30)
        assert not thread.is_alive()
    assert [int(m[2]) for m in heard] == list(range(1000))


def test_closing_the_store_ends_the_wait():
    store = kevy.Store()
    listener = store.session()
    listener.command("SUBSCRIBE", "c")
    ended = []

    def listen():
        try:
            ended.append(list(listener.messages()))
        except kevy.ClosedError as e:
            ended.append(e)

    thread = threading.Thread(target=listen)
    thread.start()
    time.sleep(0.02)
    store.close()
    thread.join(30)
    assert not thread.is_alive() and len(ended) == 1
    listener.close()
    with pytest.raises(kevy.ClosedError):
        listener.next_message(0)


def test_a_closed_session(store):
    listener = store.session()
    listener.command("SUBSCRIBE", "c")
    listener.close()
    listener.close()
    assert store.command("PUBLISH", "c", "x") == 0
    with pytest.raises(kevy.ClosedError):
        listener.next_message(0)
    with pytest.raises(kevy.ClosedError):
        listener.command("PING")
    with pytest.raises(kevy.ClosedError):
        listener.fileno()
    assert list(listener.messages()) == []


def test_a_dropped_session_listens_no_more(store):
    store.session().command("SUBSCRIBE", "c")
    gc.collect()
    assert store.command("PUBLISH", "c", "x") == 0


def test_fileno(store):
    with store.session() as listener:
        listener.command("SUBSCRIBE", "c")
        fd = listener.fileno()
        assert select.select([fd], [], [], 0)[0] == []
        store.command("PUBLISH", "c", 1)
        store.command("PUBLISH", "c", 2)
        assert select.select([fd], [], [], 0)[0] == [fd]
        assert listener.next_message(0)[2] == b"1"
        assert select.select([fd], [], [], 0)[0] == [fd]
        assert listener.next_message(0)[2] == b"2"
        assert select.select([fd], [], [], 0)[0] == []


def test_timeouts(store):
    with store.session() as listener:
        assert listener.next_message(0) is None
        assert listener.next_message(0.001) is None
        for bad in (-1, float("nan")):
            with pytest.raises(ValueError):
                listener.next_message(bad)
        with pytest.raises(TypeError):
            listener.next_message("soon")
        with pytest.raises(TypeError):
            listener.next_message(1, 2)
        with pytest.raises(TypeError):
            listener.next_message(seconds=2)


def test_a_transaction_is_heard_at_its_commit(store):
    with store.session() as listener:
        listener.command("SUBSCRIBE", "c")
        with store.transaction():
            assert store.command("PUBLISH", "c", "kept") == 1
            assert listener.next_message(0) is None
        assert listener.next_message(0) == [b"message", b"c", b"kept"]
        with pytest.raises(ZeroDivisionError):
            with store.transaction():
                store.command("PUBLISH", "c", "lost")
                1 / 0
        assert listener.next_message(0) is None


def test_a_shared_store_from_many_threads():
    name = "mem://pubsub-%d" % os.getpid()
    with kevy.open(name) as s, kevy.open(name) as other:
        listeners = [s.session() for _ in range(3)]
        counts = []
        for listener in listeners:
            listener.command("SUBSCRIBE", "c")

        def listen(listener):
            counts.append(sum(1 for _ in zip(range(400), listener.messages())))

        threads = [threading.Thread(target=listen, args=(x,)) for x in listeners]
        threads += [threading.Thread(target=lambda: [other.command("PUBLISH", "c", i) for i in range(200)])
                    for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        assert counts == [400] * 3
        for listener in listeners:
            listener.close()


def test_what_too_many_messages_do(store):
    with store.session() as listener:
        listener.command("SUBSCRIBE", "c")
        big = b"x" * (1 << 20)
        for _ in range(40):
            store.command("PUBLISH", "c", big)
        with pytest.raises(kevy.Error, match="dropped"):
            listener.next_message(0)
        store.command("PUBLISH", "c", "again")
        assert listener.next_message(0)[2] == b"again"
