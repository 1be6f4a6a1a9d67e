"""kevy.redis: redis-py's own code on connections that call the engine."""

import gc
import os
import select
import threading
import time
import weakref

import kevy
import pytest

redis = pytest.importorskip("redis")
kevy_redis = pytest.importorskip("kevy.redis")


@pytest.fixture
def d(s):
    with kevy_redis.Redis(s, decode_responses=True) as client:
        yield client


def in_thread(function, *args):
    """Starts a thread; its result comes from the function that this returns."""
    results = []

    def work():
        try:
            results.append(function(*args))
        except BaseException as e:
            results.append(e)

    thread = threading.Thread(target=work)
    thread.start()

    def result():
        thread.join(20)
        return results[0]

    return result


def until(condition):
    for _ in range(20_000):
        if condition():
            return
        time.sleep(0.001)
    raise AssertionError("it did not come")


# ---- Commands -------------------------------------------------------------------------------------------------


def test_is_a_redis(s, r):
    assert isinstance(r, redis.Redis)
    assert isinstance(r.connection_pool, redis.ConnectionPool)
    assert r.set("k", "v") is True
    assert r.get("k") == b"v"
    assert s["k"] == b"v"
    s["of kevy"] = 5
    assert r.get("of kevy") == b"5"
    assert "kevy.redis.Connection" in repr(r)


def test_answers_have_redis_pys_types(r):
    assert r.ping() is True
    assert r.get("missing") is None
    assert r.incrbyfloat("f", 0.5) == 0.5
    assert r.hset("h", mapping={"a": 1, "b": b"\x00"}) == 2
    assert r.hgetall("h") == {b"a": b"1", b"b": b"\x00"}
    assert r.sadd("s", 1, 2) == 2
    assert r.smembers("s") == {b"1", b"2"}
    assert r.zadd("z", {"m": 1.5, "n": 2}) == 2
    assert r.zrange("z", 0, -1, withscores=True) == [(b"m", 1.5), (b"n", 2.0)]
    assert r.zscore("z", "m") == 1.5
    assert r.rpush("l", "a", "b", "c") == 3
    assert r.lrange("l", 0, -1) == [b"a", b"b", b"c"]
    assert r.type("l") == b"list"
    assert r.expire("k", 5) is False
    assert r.object("encoding", "f") in (b"embstr", b"raw", b"int")
    identity = r.xadd("x", {"f": "v"})
    assert r.xrange("x") == [(identity, {b"f": b"v"})]
    assert r.xread({"x": 0}) == [[b"x", [(identity, {b"f": b"v"})]]]
    assert isinstance(r.info()["used_memory"], int)
    assert r.time()[0] > 1_600_000_000


@pytest.mark.parametrize("value, stored", [
    ("é", "é".encode()), (b"\xff", b"\xff"), (5, b"5"), (-(1 << 70), b"-1180591620717411303424"), (1.0, b"1.0"),
    (1e300, b"1e+300"), (0.1, b"0.1"), (memoryview(b"view"), b"view"), ("", b""), (1 << 63, b"9223372036854775808"),
    (float("inf"), b"inf"),
])
def test_arguments_are_encoded_as_redis_py_does(r, value, stored):
    r.set("k", value)
    assert r.get("k") == stored
    r.set(value, 1)
    assert r.get(stored) == b"1"


class Str(str):
    pass


class Bytes(bytes):
    pass


def test_subclasses_are_arguments(r):
    r.set(Str("k"), Bytes(b"v"))
    assert r.get(Str("k")) == b"v"


@pytest.mark.parametrize("value", [None, True, [], object()])
def test_what_redis_py_refuses(r, value):
    with pytest.raises(redis.DataError):
        r.set("k", value)
    with pytest.raises(redis.DataError), r.pipeline() as p:
        p.set("before", 1).set("k", value).execute()
    assert r.exists("before") == 0
    assert r.ping()


def test_surrogates_are_refused(r):
    with pytest.raises(UnicodeEncodeError):
        r.get("\ud800")
    assert r.ping()


def test_many_arguments(r):
    values = [f"v{i}" for i in range(1000)]
    assert r.rpush("l", *values) == 1000
    assert r.lrange("l", 0, -1) == [v.encode() for v in values]
    assert r.execute_command("MGET", *["no"] * 20) == [None] * 20


def test_names_of_two_words(r):
    r.set("k", "v")
    assert r.execute_command("OBJECT ENCODING", "k") == b"embstr"
    assert r.execute_command(b"MEMORY USAGE", "k") > 0
    assert r.memory_usage("k") > 0


def test_no_command_at_all(r):
    with pytest.raises(redis.ResponseError, match="unknown command"):
        r.execute_command("NOPE", 1)
    with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
        r.execute_command("GET")


def test_errors_are_redis_pys(r):
    r.set("k", "text")
    with pytest.raises(redis.ResponseError, match="^WRONGTYPE "):
        r.lpush("k", 1)
    with pytest.raises(redis.ResponseError, match="^value is not an integer"):
        r.incr("k")
    with pytest.raises(redis.exceptions.ExecAbortError):
        with r.client() as c:
            c.execute_command("MULTI")
            with pytest.raises(redis.ResponseError):
                c.execute_command("NOPE")
            c.execute_command("EXEC")


def test_out_of_memory(s):
    s.maxmemory = "4mb"
    r = kevy_redis.Redis(s)
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        r.set("k", b"x" * (8 << 20))


# ---- Decoding -------------------------------------------------------------------------------------------------


def test_decoded_responses(d):
    d.set("k", "é")
    assert d.get("k") == "é"
    d.hset("h", mapping={"a": 1})
    assert d.hgetall("h") == {"a": "1"}
    assert d.type("h") == "hash"
    d.set("raw", b"\xff")
    with pytest.raises(UnicodeDecodeError):
        d.get("raw")
    assert isinstance(d.dump("k"), bytes)
    assert d.execute_command("GET", "raw", NEVER_DECODE=True) == b"\xff"


def test_other_encodings(s):
    r = kevy_redis.Redis(s, encoding="latin-1", decode_responses=True)
    r.set("k", "é")
    assert s["k"] == b"\xe9"
    assert r.get("k") == "é"
    r = kevy_redis.Redis(s, encoding_errors="replace", decode_responses=True)
    assert r.get("k") == "\ufffd"
    r = kevy_redis.Redis(s, encoding="no such", decode_responses=True)
    with pytest.raises(LookupError):
        r.get("k")


# ---- Pipelines and transactions -------------------------------------------------------------------------------


def test_pipeline(r):
    with r.pipeline(transaction=False) as p:
        p.set("a", 1).incr("a").get("a").lpush("l", "x").smembers("none")
        assert p.execute() == [True, 2, b"2", 1, set()]


def read_calls(r):
    """Calls whose replies redis-py makes something of, or reads in a way of its own."""
    return [r.hgetall("h"), r.zrange("z", 0, -1, withscores=True), r.dump("text"), r.get("text"), r.ttl("none"), r.smembers("m"),
            r.blpop("l", 1), r.blpop("l", 0.01), r.get("text"), r.type("z"), r.echo("x")]


@pytest.mark.parametrize("protocol", [2, 3])
def test_replies_of_a_pipeline_are_those_of_calls(s, protocol):
    with kevy_redis.Redis(s, decode_responses=True, protocol=protocol) as r:
        r.hset("h", mapping={"a": 1, "b": "x"}), r.zadd("z", {"m": 1.5}), r.sadd("m", "é"), r.set("text", "é"), r.rpush("l", 1)
        with r.pipeline(transaction=False) as p:
            read_calls(p)
            together = p.execute()
        r.rpush("l", 1)
        assert together == read_calls(r)


def test_callbacks_that_fail_in_a_pipeline(r):
    def refuse(response, **options):
        raise redis.ResponseError("no")

    r.set_response_callback("ECHO", refuse)
    with r.pipeline(transaction=False) as p:
        answers = p.set("a", 1).echo("x").lpush("a", 1).get("a").execute(raise_on_error=False)
    assert [type(one) for one in answers] == [bool, redis.ResponseError, redis.ResponseError, bytes]


def test_a_pipeline_may_watch(r):
    with r.pipeline(transaction=False) as p:
        p.watch("a")
        assert p.watching and p.get("a") is None
        p.unwatch()
        assert not p.watching


def test_pipeline_of_many(r):
    with r.pipeline(transaction=False) as p:
        for i in range(1000):
            p.set(f"k{i}", i)
        for i in range(1000):
            p.get(f"k{i}")
        assert p.execute()[1000:] == [str(i).encode() for i in range(1000)]


@pytest.mark.parametrize("transaction", [False, True])
def test_errors_in_a_pipeline(r, transaction):
    r.set("text", "x")
    with r.pipeline(transaction=transaction) as p:
        p.set("a", 1).lpush("text", 1).set("b", 2)
        with pytest.raises(redis.ResponseError, match=r"^Command # 2 \(LPUSH text 1\) of pipeline caused error: WRONGTYPE"):
            p.execute()
        p.set("a", 1).lpush("text", 1).set("b", 2)
        done = p.execute(raise_on_error=False)
        assert done[::2] == [True, True]
        assert isinstance(done[1], redis.ResponseError)


def test_a_transaction_of_a_command_that_is_none(r):
    with r.pipeline() as p:
        p.set("a", 1).execute_command("NOPE")
        with pytest.raises(redis.ResponseError, match="unknown command"):
            p.execute()
    assert r.get("a") is None


def test_watch(s, r):
    with r.pipeline() as p:
        p.watch("k")
        assert p.get("k") is None
        s["k"] = "by another"
        p.multi()
        p.set("k", "mine")
        with pytest.raises(redis.WatchError):
            p.execute()
        assert r.get("k") == b"by another"
        p.watch("k")
        p.multi()
        p.set("k", "mine")
        assert p.execute() == [True]


def test_transaction_of_a_function(s, r):
    tries = []

    def double(p):
        tries.append(1)
        n = int(p.get("n") or 1)
        if len(tries) == 1:
            s["n"] = 5
        p.multi()
        p.set("n", n * 2)

    assert r.transaction(double, "n") == [True]
    assert r.get("n") == b"10"
    assert len(tries) == 2


def test_sessions_are_apart(r):
    with r.client() as a, r.client() as b:
        a.execute_command("MULTI")
        a.execute_command("SADD", "s", 1)
        a.execute_command("INCR", "k")
        assert b.get("k") is None
        assert a.execute_command("EXEC") == [1, 1]
        assert b.get("k") == b"1"


# ---- Waiting --------------------------------------------------------------------------------------------------


def test_blpop_finds_and_times_out(r):
    r.rpush("l", "a")
    assert r.blpop(["none", "l"]) == (b"l", b"a")
    assert r.blpop("l", timeout=0.01) is None
    assert r.bzpopmin("z", timeout=0.01) is None
    assert r.xread({"x": "$"}, block=10) == []


def test_blpop_is_served_by_another_thread(s, r):
    result = in_thread(r.blpop, [5, "other"], 0)
    until(lambda: s.command("INFO") and r.connection_pool._in_use_connections)
    s.List("5").append("v")
    assert result() == (b"5", b"v")


def test_waiters_are_served_in_order(s):
    clients = [kevy_redis.Redis(s, single_connection_client=True) for _ in range(3)]
    for c in clients:
        c.connection.send_command("BLPOP", "l", 0)
    for i in range(3):
        s.command("RPUSH", "l", i)
    assert [c.connection.read_response() for c in clients] == [[b"l", b"0"], [b"l", b"1"], [b"l", b"2"]]


def test_commands_behind_one_that_waits(s, r):
    with r.pipeline(transaction=False) as p:
        p.blpop("l", 0).set("after", 1).blpop("l", 0).get("after")
        result = in_thread(p.execute)
        time.sleep(0.01)
        assert "after" not in s
        s.command("RPUSH", "l", "one")
        s.command("RPUSH", "l", "two")
        assert result() == [(b"l", b"one"), True, (b"l", b"two"), b"1"]


def test_socket_timeout(s):
    r = kevy_redis.Redis(s, socket_timeout=0.02)
    with pytest.raises(redis.TimeoutError):
        r.blpop("l", 0)
    s.command("RPUSH", "l", "kept")  # nobody waits for it any more
    assert r.lrange("l", 0, -1) == [b"kept"]


def test_a_transaction_does_not_wait(r):
    with r.pipeline() as p:
        assert p.blpop("l", 0).set("k", 1).execute() == [None, True]


def test_the_descriptor_tells_of_answers(s, r):
    c = r.connection_pool.get_connection()

    def readable():
        return bool(select.select([c._sock], [], [], 0)[0])

    assert not readable()
    c.send_command("GET", "k")
    assert readable() and c.can_read()
    assert c.read_response() is None
    assert not readable()
    c.send_command("BLPOP", "l", 0)
    assert not readable() and not c.can_read(0.001)
    s.command("RPUSH", "l", "v")
    assert readable()
    assert c.read_response() == [b"l", b"v"]
    assert not readable()
    c.send_command("BLPOP", "l", 0.01)
    assert select.select([c._sock], [], [], 20)[0]
    assert c.read_response() is None
    r.connection_pool.release(c)


def test_a_connection_that_is_closed_gives_up(s, r):
    c = r.connection_pool.get_connection()
    c.send_command("BLPOP", "l", 0)
    c.disconnect()
    s.command("RPUSH", "l", "kept")
    assert r.llen("l") == 1
    c.send_command("GET", "k")  # connects again
    assert c.read_response() is None


def test_a_reader_is_woken_by_closing(r):
    c = r.connection_pool.get_connection()
    c.send_command("BLPOP", "l", 0)
    result = in_thread(c.read_response)
    time.sleep(0.02)
    c.disconnect()
    assert isinstance(result(), (redis.ConnectionError, AttributeError))


def test_what_was_not_read_is_not_anothers_answer(r):
    c = r.connection_pool.get_connection()
    c.send_command("GET", "k")
    r.connection_pool.release(c)
    assert r.ping() is True


# ---- Scans, locks ---------------------------------------------------------------------------------------------


def test_scan_iterators(r):
    for i in range(100):
        r.set(f"k:{i}", i)
        r.hset("h", f"f{i}", i)
        r.sadd("s", i)
        r.zadd("z", {f"m{i}": i})
    assert len(set(r.scan_iter("k:*"))) == 100
    assert set(r.scan_iter(_type="hash")) == {b"h"}
    assert len(dict(r.hscan_iter("h"))) == 100
    assert len(set(r.sscan_iter("s", match="1*"))) == 11
    assert sorted(r.zscan_iter("z"))[0] == (b"m0", 0.0)


def test_lock(r):
    lock = r.lock("lock", timeout=10)
    assert lock.acquire(blocking=False)
    assert not r.lock("lock").acquire(blocking=False)
    assert lock.owned() and lock.locked()
    lock.extend(5)
    lock.release()
    with pytest.raises(redis.exceptions.LockError):
        lock.release()
    with r.lock("lock", blocking_timeout=5):
        assert r.exists("lock")


def test_scripts(r):
    add = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert add(keys=["n"], args=[5]) == 5
    with r.pipeline() as p:
        add(keys=["n"], args=[1], client=p)
        p.get("n")
        assert p.execute() == [6, b"6"]
    assert r.eval("return {1, 'two', false}", 0) == [1, b"two", None]
    with pytest.raises(redis.exceptions.NoScriptError):
        r.evalsha("0" * 40, 0)


# ---- Stores, URLs, pools --------------------------------------------------------------------------------------


def test_without_a_store_there_is_a_new_one():
    with kevy_redis.Redis() as a, kevy_redis.Redis() as b:
        a.set("k", 1)
        assert b.get("k") is None


def test_urls():
    with kevy.open("mem://redis-py") as s:
        for client in (redis.Redis.from_url("kevy://redis-py"), kevy_redis.from_url("kevy://redis-py?decode_responses=yes"),
                       redis.Redis(connection_pool=redis.ConnectionPool.from_url("kevy://redis-py", decode_responses=True)),
                       kevy_redis.Redis("mem://redis-py"), redis.from_url("kevy://redis-py")):
            client.incr("n")
        assert s["n"] == 5
        assert kevy_redis.from_url("kevy://redis-py?decode_responses=yes").get("n") == "5"
    assert redis.connection.parse_url("redis://there:1/2")["db"] == 2
    with pytest.raises(ValueError):
        redis.from_url("nope://x")


def test_a_directory(tmp_path):
    with kevy_redis.from_url(f"kevy://{tmp_path}/d") as r:
        r.set("k", "v")
        assert redis.from_url(f"kevy://{tmp_path}/d").get("k") == b"v"
        r.connection_pool.connection_kwargs["store"].close()
    with kevy.Store(str(tmp_path / "d")) as s:
        assert s["k"] == b"v"


def test_network_options_mean_nothing(s):
    r = kevy_redis.Redis(s, host="example.org", port=1, socket_keepalive=True, ssl_cert_reqs="none", health_check_interval=30,
                         client_name=None, socket_connect_timeout=1)
    assert r.ping()


def test_pools(s):
    pool = redis.BlockingConnectionPool(connection_class=kevy_redis.Connection, store=s, max_connections=1, timeout=1)
    r = redis.Redis(connection_pool=pool)
    assert r.set("k", 1)
    assert kevy_redis.Redis.from_pool(pool).get("k") == b"1"
    with kevy_redis.Redis(s, max_connections=1) as few:
        held = few.connection_pool.get_connection()
        with pytest.raises(redis.ConnectionError):
            few.ping()
        few.connection_pool.release(held)
        assert few.ping()


def test_health_checks(s):
    r = kevy_redis.Redis(s, health_check_interval=1, single_connection_client=True)
    r.connection.next_health_check = 0
    assert r.set("k", 1)
    assert r.connection.next_health_check > time.monotonic()


def test_a_store_that_is_closed(s):
    r = kevy_redis.Redis(s)
    r.set("k", 1)
    result = in_thread(kevy_redis.Redis(s).blpop, "l", 0)
    time.sleep(0.02)
    s.close()
    assert isinstance(result(), kevy.ClosedError)
    with pytest.raises(kevy.ClosedError):
        r.get("k")


def test_transactions_of_the_store(s, r):
    with pytest.raises(ZeroDivisionError), s.transaction():
        r.set("k", 1)
        1 / 0
    assert r.get("k") is None


def test_threads(r):
    def work():
        for _ in range(300):
            with r.pipeline() as p:
                p.incr("n").incr("m").execute()

    results = [in_thread(work) for _ in range(4)]
    assert [result() for result in results] == [None] * 4
    assert r.get("n") == r.get("m") == b"1200"


def test_a_child_has_a_store_of_its_own(r):
    r.set("k", "parent")
    pid = os.fork()
    if pid == 0:
        try:
            fine = r.get("k") == b"parent" and r.set("k", "child") and r.blpop("l", 0.01) is None
            os._exit(0 if fine else 1)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    assert r.get("k") == b"parent"


def test_nothing_is_kept(s):
    r = kevy_redis.Redis(s)
    r.set("k", 1)
    c = weakref.ref(r.connection_pool._available_connections[0])
    r.connection_pool._available_connections[0].send_command("BLPOP", "l", 0)
    del r
    gc.collect()
    assert c() is None
    s.command("RPUSH", "l", 1)
    assert s.command("LLEN", "l") == 1


def test_an_encoder_that_calls_back(s, r):
    c = r.connection_pool.get_connection()
    wire = s._wire(lambda value: wire.call(("SET", "inner", 1)) or b"made", ValueError, "utf-8", "strict", 2)
    wire.call(("SET", "k", object()))
    assert wire.read(False) == b"OK"
    assert wire.read(False) == b"OK"
    assert (s["k"], s["inner"]) == (b"made", b"1")
    wire.call(("NOPE",))
    assert isinstance(wire.read(True), ValueError)
    with pytest.raises(BlockingIOError):
        wire.read(True)
    with pytest.raises(TypeError):
        wire.send([("GET", object())])
    with pytest.raises(TypeError):
        wire.call(["GET"])
    with pytest.raises(TypeError):
        wire.send(5)
    with pytest.raises((kevy.Error, ValueError)):
        wire.call(())
    with pytest.raises(TypeError):
        s._wire(None)
    wire.close()
    wire.close()
    with pytest.raises(ConnectionResetError):
        wire.ready()
    r.connection_pool.release(c)


def test_protocol_3(s):
    r = kevy_redis.Redis(s, protocol=3, decode_responses=True)
    assert r.hset("h", mapping={"a": 1}) == 1
    assert r.execute_command("HGETALL", "h") == {"a": "1"}
    r.zadd("z", {"m": 1.5})
    assert r.execute_command("ZSCORE", "z", "m") == 1.5
    assert r.zrange("z", 0, -1, withscores=True) == [["m", 1.5]]
    r.sadd("s", 1)
    assert r.smembers("s") == {"1"}
    identity = r.xadd("x", {"f": "v"})
    assert r.xread({"x": 0}) == {"x": [[(identity, {"f": "v"})]]}
    assert r.xread({"x": "$"}, block=1) == {}
    result = in_thread(r.bzpopmin, "y", 0)
    time.sleep(0.01)
    s.ZSet("y").add({"m": 2})
    assert result() == ["y", "m", 2.0]


# ---- Messages -------------------------------------------------------------------------------------------------


def heard(p, count):
    """The next messages; the confirmations among them, too."""
    return [p.get_message(timeout=20) for _ in range(count)]


@pytest.mark.parametrize("protocol", [2, 3])
def test_messages(s, protocol):
    r = kevy_redis.Redis(s, protocol=protocol, decode_responses=True)
    with r.pubsub() as p:
        p.subscribe("a", "b")
        p.psubscribe("n*")
        assert [(m["type"], m["channel"], m["data"]) for m in heard(p, 3)] == [
            ("subscribe", "a", 1), ("subscribe", "b", 2), ("psubscribe", "n*", 3)]
        assert p.get_message() is None
        assert r.publish("a", "hello") == 1
        assert r.publish("news", b"\xc3\xa9") == 1
        assert r.publish("nobody", 1) == 1
        assert r.publish("other", 1) == 0
        assert [(m["type"], m["pattern"], m["channel"], m["data"]) for m in heard(p, 3)] == [
            ("message", None, "a", "hello"), ("pmessage", "n*", "news", "é"), ("pmessage", "n*", "nobody", "1")]
        assert p.get_message(timeout=0.001) is None
        assert r.pubsub_channels() == ["a", "b"]
        assert r.pubsub_numsub("a", "x") == [("a", 1), ("x", 0)]
        p.unsubscribe()
        p.punsubscribe("n*")
        assert {m["type"] for m in heard(p, 3)} == {"unsubscribe", "punsubscribe"}
        assert not p.subscribed
    assert r.publish("a", "nobody hears") == 0


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_listener_in_a_thread(s, protocol):
    r = kevy_redis.Redis(s, protocol=protocol)
    got = []
    p = r.pubsub(ignore_subscribe_messages=True)
    p.subscribe(news=lambda message: got.append(message["data"]))
    thread = p.run_in_thread(sleep_time=0.01)
    for i in range(100):
        r.publish("news", i)
    until(lambda: len(got) == 100)
    assert got == [b"%d" % i for i in range(100)]
    thread.stop()
    thread.join(20)


def test_listening(s, r):
    p = r.pubsub(ignore_subscribe_messages=True)
    p.subscribe("c")
    result = in_thread(lambda: [m["data"] for _, m in zip(range(2), p.listen())])
    until(lambda: s.command("PUBLISH", "c", 0))
    s.command("PUBLISH", "c", 1)
    assert result() == [b"0", b"1"]
    p.close()
    assert s.command("PUBSUB", "NUMSUB", "c") == [b"c", 0]


def test_health_checks_of_a_listener(s):
    r = kevy_redis.Redis(s, health_check_interval=1)
    with r.pubsub(ignore_subscribe_messages=True) as p:
        p.subscribe("c")
        assert p.get_message(timeout=1) is None
        p.connection.next_health_check = 0
        r.publish("c", "m")
        assert any(m and m["data"] == b"m" for m in heard(p, 2))


def test_a_pubsub_that_is_disconnected_subscribes_again(s, r):
    with r.pubsub(ignore_subscribe_messages=True) as p:
        p.subscribe("c")
        p.get_message()
        p.connection.disconnect()
        assert r.publish("c", 1) == 0
        p.get_message(timeout=0.01)
        assert r.publish("c", 2) == 1
        assert [m for m in heard(p, 1)][0]["data"] == b"2"


def test_a_listener_on_a_store_that_is_closed(s, r):
    p = r.pubsub(ignore_subscribe_messages=True)
    p.subscribe("c")
    p.get_message()
    result = in_thread(lambda: next(p.listen()))
    time.sleep(0.02)
    s.close()
    assert isinstance(result(), (kevy.ClosedError, redis.ConnectionError))
