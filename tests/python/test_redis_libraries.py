"""Libraries that are written for redis-py do their work on a store inside the process."""

import contextlib
import gc
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


@pytest.fixture
def socket(s, tmp_path):
    """A window for clients that know nothing of kevy: the path of its unix socket."""
    with s.serve(f"unix:{tmp_path}/sock", write=True):
        yield f"{tmp_path}/sock"


def celery_does_its_work(app, s):
    """A worker in this process, and who asks it, with the results in the store."""
    testing = pytest.importorskip("celery.contrib.testing.worker")
    celery = pytest.importorskip("celery")

    @app.task(name="add")
    def add(a, b):
        return a + b

    @app.task(name="fails")
    def fails():
        raise ZeroDivisionError("as it should")

    @app.task(name="again", bind=True, max_retries=1)
    def again(self):
        if self.request.retries == 0:
            raise self.retry(countdown=0)
        return "at last"

    with testing.start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20, loglevel="CRITICAL"):
        assert [result.get(timeout=20) for result in [add.delay(i, 1) for i in range(5)]] == [1, 2, 3, 4, 5]
        with pytest.raises(ZeroDivisionError, match="as it should"):
            fails.delay().get(timeout=20)
        assert again.delay().get(timeout=20) == "at last"
        assert celery.chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=20) == 10
        assert celery.chord([add.s(1, 1), add.s(2, 2)], app.signature("total"))().get(timeout=20) == 6
        assert len(s.command("KEYS", "celery-task-meta-*")) >= 10
    assert s.command("LLEN", "celery") == 0
    gc.collect()  # results that go now still reach the store


def celery_app(**options):
    celery = pytest.importorskip("celery")
    app = celery.Celery("tests", set_as_current=False, **options)
    app.conf.update(broker_connection_retry_on_startup=False, worker_hijack_root_logger=False, worker_proc_alive_timeout=20)

    @app.task(name="total")
    def total(numbers):
        return sum(numbers)

    return app


def test_celery(s, socket):
    celery_does_its_work(celery_app(broker=f"redis+socket://{socket}", backend=f"redis+socket://{socket}"), s)


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


@pytest.mark.parametrize("way", ["kevy://", "a window"])
def test_django(s, url, socket, way):
    pytest.importorskip("django")
    from django.conf import settings
    from django.core.cache import caches

    if not settings.configured:
        settings.configure(CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}})
    where = url if way == "kevy://" else f"unix://{socket}"
    backend = pytest.importorskip("django.core.cache.backends.redis")
    cache = backend.RedisCache(where, {"KEY_PREFIX": "web", "TIMEOUT": 60})
    assert caches["default"] is not cache
    cache.set("a", {"some": ["thing", 1]})
    assert cache.get("a") == {"some": ["thing", 1]} and cache.get("missing", "default") == "default"
    assert cache.add("a", 1) is False and cache.add("b", 1) is True and cache.incr("b", 4) == 5
    assert cache.get_or_set("c", lambda: "made") == "made" and cache.get("c") == "made"
    cache.set_many({"d": 1, "e": None}, timeout=None)
    assert cache.get_many(["d", "e", "nothing"]) == {"d": 1, "e": None}
    assert cache.touch("a", 100) and "a" in cache and not cache.touch("nothing")
    assert redis.from_url(where).ttl("web:1:a") > 60 and redis.from_url(where).ttl("web:1:d") == -1
    with pytest.raises(ValueError):
        cache.incr("nothing")
    assert cache.delete("a") and not cache.delete("a")
    cache.delete_many(["b", "c"])
    assert cache.get("b") is None
    cache.clear()
    assert redis.from_url(where).dbsize() == 0
    cache.close()


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
