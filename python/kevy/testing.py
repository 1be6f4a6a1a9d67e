"""Fixtures for pytest: a Redis of its own for every test, inside the process.

Installing kevy registers this module with pytest; a test only names what it wants:

    def test_visits(kevy_redis):              # a redis.Redis on a new, empty store
        visit(kevy_redis)
        assert kevy_redis.get("visits") == b"1"

| fixture | is |
| --- | --- |
| kevy_store | a new kevy.Store, closed after the test |
| kevy_redis | a redis.Redis on it |
| kevy_redis_text | one that decodes responses |
| kevy_redis_async | a redis.asyncio.Redis on it |
| kevy_redis_url | a URL by which redis.from_url and redis.asyncio.from_url reach it |
| kevy_clock | moves its time: kevy_clock.advance(60) lets a minute pass at once |
| kevy_redis_everywhere | while the test runs, every new redis.Redis and redis.asyncio.Redis, whatever its address, is on it |

All of a test's fixtures are on one store.
"""

import itertools

import pytest

import kevy

_names = itertools.count(1)


class Clock:
    """The time of a store, which stands still but for advance()."""

    def __init__(self, store):
        self._store = store
        seconds, microseconds = map(int, store.command("TIME"))
        self._now = seconds * 1000 + microseconds // 1000
        store._debug_clock(self._now)

    def advance(self, seconds):
        """Lets a time pass, in which keys expire."""
        self._now += round(seconds * 1000)
        self._store._debug_clock(self._now)


@pytest.fixture
def kevy_redis_url():
    name = f"kevy.testing.{next(_names)}"
    with kevy.open("mem://" + name):
        yield "kevy://" + name


@pytest.fixture
def kevy_store(kevy_redis_url):
    import kevy.redis  # noqa: F401, which knows kevy:// URLs
    from kevy.clients import common

    yield common.named_store(kevy_redis_url)


@pytest.fixture
def kevy_clock(kevy_store):
    return Clock(kevy_store)


@pytest.fixture
def kevy_redis(kevy_store):
    from kevy.redis import Redis

    with Redis(kevy_store) as client:
        yield client


@pytest.fixture
def kevy_redis_text(kevy_store):
    from kevy.redis import Redis

    with Redis(kevy_store, decode_responses=True) as client:
        yield client


@pytest.fixture
def kevy_redis_async(kevy_store):
    from kevy.redis.asyncio import Redis

    return Redis(kevy_store)


@pytest.fixture
def kevy_redis_everywhere(kevy_store, monkeypatch):
    import redis.asyncio
    import redis.connection

    import kevy.redis.asyncio

    def instead(pool_class, connection_class):
        begin = pool_class.__init__

        def __init__(self, *args, **options):
            begin(self, *args, **options)
            self.connection_class = connection_class
            self.connection_kwargs["store"] = kevy_store

        monkeypatch.setattr(pool_class, "__init__", __init__)

    instead(redis.connection.ConnectionPool, kevy.redis.Connection)
    instead(redis.asyncio.ConnectionPool, kevy.redis.asyncio.Connection)
    return kevy_store
