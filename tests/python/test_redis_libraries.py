"""Libraries that are written for redis-py do their work on a store inside the process."""

import contextlib
import threading
import time
import uuid

import kevy
import pytest

redis = pytest.importorskip("redis")
kevy_redis = pytest.importorskip("kevy.redis")


@pytest.fixture
def url():
    """The URL of a store that lives as long as the test."""
    name = uuid.uuid4().hex
    with kevy.open("mem://" + name):
        yield "kevy://" + name


# ---- Task queues ----------------------------------------------------------------------------------------------


def add(a, b):
    return a + b


def fail():
    raise ZeroDivisionError("as it should")


def test_rq(r):
    rq = pytest.importorskip("rq")
    queue = rq.Queue(connection=r)
    jobs = [queue.enqueue(add, i, 1) for i in range(5)]
    bad = queue.enqueue(fail)
    later = queue.enqueue(add, 10, 1, depends_on=jobs[0])
    assert later.get_status() == "deferred"
    worker = rq.SimpleWorker([queue], connection=r)
    assert worker.work(burst=True, with_scheduler=False)
    assert [job.return_value(refresh=True) for job in jobs] == [1, 2, 3, 4, 5]
    assert later.return_value(refresh=True) == 11
    assert bad.get_status(refresh=True) == "failed"
    assert "ZeroDivisionError" in bad.latest_result().exc_string
    assert queue.count == 0
    assert rq.registry.FailedJobRegistry(queue=queue).get_job_ids() == [bad.id]
    assert rq.Worker.all(connection=r) == []


def test_huey(r):
    huey = pytest.importorskip("huey")
    tasks = huey.RedisHuey("tests", connection_pool=r.connection_pool, blocking=True)

    @tasks.task(retries=1)
    def double(n):
        return n * 2

    with ended(threading.Thread(target=lambda: [tasks.execute(tasks.dequeue()) for _ in range(3)])):
        results = [double(n) for n in range(3)]
        assert [result.get(blocking=True, timeout=20) for result in results] == [0, 2, 4]
    assert len(tasks) == 0
    with tasks.lock_task("once"):
        with pytest.raises(huey.exceptions.TaskLockedException), tasks.lock_task("once"):
            pass


def test_huey_schedules(r):
    huey = pytest.importorskip("huey")
    tasks = huey.RedisHuey("later", connection_pool=r.connection_pool)

    @tasks.task()
    def double(n):
        return n * 2

    result = double.schedule((4,), delay=0)
    due = [tasks.dequeue()]
    assert due[0] is not None
    assert tasks.execute(due[0]) == 8 and result.get() == 8
    double.schedule((5,), delay=3600)
    tasks.add_schedule(tasks.dequeue()) if tasks.pending() else None
    assert tasks.read_schedule() == []


@contextlib.contextmanager
def ended(thread):
    thread.start()
    try:
        yield
    finally:
        thread.join(20)
        assert not thread.is_alive()


def carrier(store):
    """kombu's redis transport on a store: what says how to connect is a class attribute there."""
    transport = pytest.importorskip("kombu.transport.redis")

    class Channel(transport.Channel):
        def _connparams(self, asynchronous=False):
            return {**super()._connparams(asynchronous), "store": store}

        connection_class = kevy_redis.Connection

    class Transport(transport.Transport):
        pass

    Transport.Channel = Channel
    return Transport


def test_kombu(s):
    kombu = pytest.importorskip("kombu")
    got = []

    def take(body, message):
        got.append(body)
        message.ack()

    with kombu.Connection(transport=carrier(s)) as connection:
        exchange = kombu.Exchange("tasks", type="direct")
        queue = kombu.Queue("jobs", exchange, routing_key="jobs")
        with connection.Producer() as producer:
            for i in range(5):
                producer.publish({"n": i}, exchange=exchange, routing_key="jobs", declare=[queue])
        with connection.Consumer(queue, callbacks=[take]):
            for _ in range(5):
                connection.drain_events(timeout=20)
        assert [body["n"] for body in got] == list(range(5))
        simple = connection.SimpleQueue("simple")
        simple.put("hello")
        message = simple.get(timeout=20)
        assert message.payload == "hello"
        message.ack()
        simple.close()


def test_kombu_fanout(s):
    kombu = pytest.importorskip("kombu")
    got = []
    exchange = kombu.Exchange("news", type="fanout")
    with kombu.Connection(transport=carrier(s)) as connection:
        with connection.Consumer(kombu.Queue("reader", exchange), callbacks=[lambda body, message: got.append(body)], no_ack=True):
            with contextlib.suppress(TimeoutError, OSError):
                connection.drain_events(timeout=0.01)  # subscribes
            with connection.Producer() as producer:
                producer.publish("fresh", exchange=exchange)
            while not got:
                connection.drain_events(timeout=20)
    assert got == ["fresh"]


# ---- Caches, limits, locks ------------------------------------------------------------------------------------


def test_flask_caching(url):
    flask = pytest.importorskip("flask")
    caching = pytest.importorskip("flask_caching")
    app = flask.Flask("tests")
    cache = caching.Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url, "CACHE_KEY_PREFIX": "web:"})
    calls = []

    @app.route("/page")
    @cache.cached(timeout=60)
    def page():
        calls.append(1)
        return f"page {len(calls)}"

    @cache.memoize(timeout=60)
    def square(n):
        calls.append(n)
        return n * n

    with app.test_client() as client:
        assert [client.get("/page").data for _ in range(3)] == [b"page 1"] * 3
    with app.app_context():
        assert [square(7), square(7)] == [49, 49]
        cache.delete_memoized(square)
        assert square(7) == 49
        assert calls == [1, 7, 7]
        assert cache.set_many({"a": 1, "b": [2]}) and cache.get_many("a", "b") == [1, [2]]
        cache.clear()
        assert cache.get("a") is None
    assert redis.from_url(url).dbsize() == 0


@pytest.mark.parametrize("strategy", ["FixedWindowRateLimiter", "MovingWindowRateLimiter", "SlidingWindowCounterRateLimiter"])
def test_limits(r, strategy):
    limits = pytest.importorskip("limits")
    pytest.importorskip("limits.strategies")
    storage = limits.storage.RedisStorage("redis://", connection_pool=r.connection_pool)
    limiter = getattr(limits.strategies, strategy)(storage)
    three = limits.parse("3/hour")
    assert [limiter.hit(three, "user", "1") for _ in range(5)] == [True, True, True, False, False]
    assert limiter.hit(three, "user", "2")
    assert limiter.get_window_stats(three, "user", "1").remaining == 0
    assert storage.reset()
    assert limiter.hit(three, "user", "1")


def test_a_lock_on_several_stores():
    """The way of redlock: a majority of stores, a token of one's own, and a script that gives back only that."""
    release = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
    stores = [kevy_redis.Redis() for _ in range(3)]

    def acquire(token):
        held = [r for r in stores if r.set("lock", token, nx=True, px=10_000)]
        if len(held) * 2 > len(stores):
            return held
        for r in held:
            r.eval(release, 1, "lock", token)
        return []

    mine = acquire("mine")
    assert len(mine) == 3 and acquire("another's") == []
    stores[0].delete("lock")
    assert acquire("another's") == []  # one of three is no majority, and is given back
    assert stores[0].get("lock") is None
    assert [r.eval(release, 1, "lock", "another's") for r in mine] == [0, 0, 0]
    assert [r.eval(release, 1, "lock", "mine") for r in mine] == [0, 1, 1]
    assert len(acquire("another's")) == 3


def test_many_threads_and_one_lock(r):
    inside, most = [0], [0]

    def work():
        for _ in range(5):
            with r.lock("one at a time", timeout=60, sleep=0.001):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert most == [1] and r.exists("one at a time") == 0
