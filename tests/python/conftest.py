"""Fixtures that the Python tests share."""

import kevy
import pytest


class Clock:
    """A store's present, moved by hand; milliseconds since 1970."""

    def __init__(self, store, now=1_700_000_000_000):
        self.store = store
        self.set(now)

    def set(self, now):
        self.now = now
        self.store._debug_clock(now)

    def advance(self, seconds):
        self.set(self.now + round(seconds * 1000))


@pytest.fixture
def s():
    with kevy.Store() as store:
        yield store


@pytest.fixture
def clock(s):
    return Clock(s)


@pytest.fixture(params=["mem://", "mem://tests"])
def either(request):
    """A store of its own, and one that carries the engine's lock."""
    with kevy.open(request.param) as store:
        yield store


@pytest.fixture
def r(s):
    """redis-py on the store."""
    with pytest.importorskip("kevy.redis").Redis(s) as client:
        yield client
