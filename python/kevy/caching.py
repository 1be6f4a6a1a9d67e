"""Results of functions, kept in a store: what Store.cached() makes of a function.

A result is the value of one ordinary key, made of the function's name and the call's arguments: it expires, is evicted,
saved and rolled back as any other. No lock is held while a function runs or while the store is written to. The
few tables here are dicts and sets of which every step is one atomic operation, so that the collector may run a
finalizer that calls a cached function again at any point.
"""

import collections
import contextlib
import datetime
import functools
import inspect
import itertools
import math
import os
import threading
from threading import get_ident

from kevy import codecs
from kevy._kevy import ClosedError, OutOfMemoryError, WrongTypeError
from kevy.calls import Names

CacheInfo = collections.namedtuple("CacheInfo", "hits misses stale shared unstored")

_MISSING = object()
_SCALARS = frozenset((str, bytes, int, float))  # what a string of the store's comes back as

# ---- Flights: computations that are under way ----


class _Flight:
    """One computation: who makes it, and what came of it."""

    __slots__ = ("key", "valid", "pid", "thread", "task", "latch", "waiters", "over", "packed", "error", "__weakref__")

    def __init__(self, key, task=None):
        self.key = key
        self.valid = True  # nobody invalidated the key since it began
        self.pid = os.getpid()
        self.thread = get_ident()
        self.task = task  # of a coroutine function
        self.latch = threading.Lock()
        self.latch.acquire()
        self.waiters = []  # (loop, future)
        self.over = False
        self.packed = _MISSING
        self.error = None

    def land(self):
        """It is over: whoever waits goes on."""
        self.over = True
        for loop, future in self.waiters:
            try:
                loop.call_soon_threadsafe(_wake, future)
            except RuntimeError:  # that loop is closed
                pass
        self.latch.release()


def _wake(future):
    if not future.done():
        future.set_result(None)


_waiting: dict = {}  # a thread's number or a task: the flight that it waits for


def _would_deadlock(flight, thread, task):
    """Whether who is to wait for the flight is waited for by it: a flight waits for what its thread and task wait for."""
    seen = set()
    while flight is not None and not flight.over and flight not in seen:
        if flight.task is None or task is None:
            if flight.thread == thread:
                return True
        elif flight.task is task:
            return True
        seen.add(flight)
        flight = _waiting.get(flight.task) or _waiting.get(flight.thread)
    return False


class _Wait:
    """The with statement around waiting for a flight; .allowed: it does not lead to a deadlock."""

    __slots__ = ("who", "before", "allowed")

    def __init__(self, flight, task=None):
        thread = get_ident()
        self.who = thread if task is None else task
        self.before = _waiting.get(self.who)
        _waiting[self.who] = flight
        self.allowed = not _would_deadlock(flight, thread, task)

    def __enter__(self):
        return self.allowed

    def __exit__(self, *exc):
        if self.before is None:
            _waiting.pop(self.who, None)
        else:
            _waiting[self.who] = self.before


# ---- The functions ----


def _seconds(value, name):
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is seconds or a timedelta, not {type(value).__qualname__}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be more than 0 seconds, and finite")
    return value


class Cached:
    """A function whose results a store keeps; Store.cached() makes one.

    It is called as the function is. Its attributes are the function's, which is __wrapped__ itself. Exceptions are not
    kept. Gotten from an object it is a method of it.
    """

    def __init__(self, store, function, ttl, key, prefix, codec, stale, lock):
        functools.update_wrapper(self, function)
        self._store = store
        self._function = function
        self._names = Names(function, key, prefix)
        self._encode, self._decode = codecs.codec(codec)
        self._stale = stale
        self._ttl = ttl + (stale or 0) if ttl is not None else None
        self._lock = bool(lock)
        self._patience = -1 if lock is True or not lock else lock
        self._frozen = store.mode == "snapshot"
        self._flights = {}  # key: the computation that others may wait for
        self._running = set()  # all computations
        self._counts = {}  # a thread's number: its counts, as CacheInfo has them

    def __repr__(self):
        return f"<cached {self._function!r}>"

    def __get__(self, owner, kind=None):
        return self if owner is None else _Bound(self, owner)

    # ---- What users ask ----

    def cache_key(self, /, *args, **kwargs):
        """The key in the store of the call with these arguments."""
        return self._names.of(args, kwargs)

    def cache_info(self):
        """CacheInfo(hits, misses, stale, shared, unstored) since the function was decorated.

        hits were answered by the store, stale of them with an old value that is being renewed; misses called the function;
        shared waited for another's call; unstored results found no room in the store.
        """
        return CacheInfo(*map(sum, zip((0,) * len(CacheInfo._fields), *list(self._counts.values()))))

    def invalidate(self, /, *args, **kwargs):
        """Forget the result of the call with these arguments; whether there was one.

        What a call returns that began before is not kept.
        """
        key = self.cache_key(*args, **kwargs)
        self._flights.pop(key, None)
        for flight in list(self._running):
            if flight.key == key:
                flight.valid = False
        return self._store.delete(key) == 1

    def cache_clear(self):
        """Forget every result of the function, also those of other processes and objects; how many there were.

        It looks at every key of the store.
        """
        self._flights.clear()
        for flight in list(self._running):
            flight.valid = False
        keys, removed = self._store.scan(match=self._names.pattern()), 0
        while True:
            batch = list(itertools.islice(keys, 500))
            if not batch:
                return removed
            removed += self._store.delete(*batch)

    # ---- The store ----

    def _count(self, what):
        counts = self._counts.get(get_ident())
        if counts is None:
            counts = self._counts.setdefault(get_ident(), [0] * len(CacheInfo._fields))
        counts[what] += 1

    def _look(self, key):
        """What is kept of a call, _MISSING for nothing."""
        value = self._store.get(key)
        if value is None:
            return _MISSING
        if type(value) not in _SCALARS:
            raise WrongTypeError(f"{key!r} holds a {type(value).__name__}, not a result")
        try:
            return self._decode(value)
        except Exception:  # what another codec wrote, or classes that have changed
            return _MISSING

    def _held(self, key, args, kwargs):
        """What is kept of a call, counted as a hit, renewed when it is old; _MISSING for nothing."""
        held = self._look(key)
        if held is not _MISSING:
            self._count(_HITS)
            if self._stale is not None and self._is_old(key):
                self._count(_STALE)
                self._renew(key, args, kwargs)
        return held

    def _is_old(self, key):
        try:
            left = self._store.ttl(key)
        except KeyError:
            return False
        return left is not None and left <= self._stale

    def _keep(self, flight, packed):
        if not flight.valid or self._frozen:
            return
        try:
            self._store.set(flight.key, packed, ttl=self._ttl)
        except OutOfMemoryError:
            self._count(_UNSTORED)
        if not flight.valid:
            self._store.delete(flight.key)

    def _finish(self, flight, result):
        """Keeps a result; as it is kept."""
        packed = self._encode(result)
        self._keep(flight, packed)
        return packed

    @contextlib.contextmanager
    def _computing(self, flight):
        """Around a call of the function."""
        self._count(_MISSES)
        self._running.add(flight)
        try:
            yield
        finally:
            self._running.discard(flight)

    @contextlib.contextmanager
    def _leading(self, flight):
        """Around a computation that others wait for."""
        try:
            yield
        except Exception as error:
            flight.error = error
            raise
        finally:
            self._land(flight)

    def _landed_before(self, flight):
        """What the flight before kept, if it landed between the look and the lead: then this one is over, too."""
        try:
            held = self._look(flight.key)
        except BaseException:
            self._land(flight)
            raise
        if held is not _MISSING:
            self._land(flight)
            self._count(_HITS)
        return held

    def _is_led(self, flight):
        """Whether this flight is the one that others wait for, of what this process computes."""
        first = self._flights.setdefault(flight.key, flight)
        if first.pid != flight.pid:  # left over from before a fork
            self._flights[flight.key] = first = flight
        return first is flight

    def _may_renew(self, flight):
        """Leads the renewal of an old result, unless somebody does or just did."""
        if self._frozen or not self._is_led(flight):
            return False
        if self._is_old(flight.key):
            return True
        self._land(flight)
        return False

    def _land(self, flight):
        if self._flights.get(flight.key) is flight:
            self._flights.pop(flight.key, None)
        flight.land()

    def _shared(self, flight):
        """What came of a flight that was waited for; _MISSING when nothing did."""
        if flight.error is not None:
            raise flight.error
        if flight.packed is _MISSING:
            return _MISSING
        self._count(_SHARED)
        return self._decode(flight.packed)

    def _may_wait(self):
        """Nobody who is waited for can write to the store while a transaction is open."""
        return self._lock and not self._store.in_transaction


_HITS, _MISSES, _STALE, _SHARED, _UNSTORED = range(5)


class CachedFunction(Cached):
    def __call__(self, /, *args, **kwargs):
        key = self._names.of(args, kwargs)
        held = self._held(key, args, kwargs)
        if held is not _MISSING:
            return held
        if self._may_wait():
            return self._call_once(key, args, kwargs)
        return self._decode(self._run(_Flight(key), args, kwargs))

    def _run(self, flight, args, kwargs):
        """Calls the function and keeps its result; as it is kept."""
        with self._computing(flight):
            return self._finish(flight, self._function(*args, **kwargs))

    def _lead(self, flight, args, kwargs):
        """Runs a flight that others wait for."""
        with self._leading(flight):
            flight.packed = self._run(flight, args, kwargs)
            return flight.packed

    def _call_once(self, key, args, kwargs):
        while True:
            flight = _Flight(key)
            if self._is_led(flight):
                return self._lead_unless_there(flight, args, kwargs)
            first = self._flights.get(key)
            if first is None:
                continue
            if not self._wait(first):
                return self._decode(self._run(flight, args, kwargs))
            result = self._shared(first)
            if result is not _MISSING:
                return result

    def _lead_unless_there(self, flight, args, kwargs):
        held = self._landed_before(flight)
        return self._decode(self._lead(flight, args, kwargs)) if held is _MISSING else held

    def _wait(self, flight):
        """Waits until a flight is over; False: not to be waited for, or not any longer."""
        with _Wait(flight) as allowed:
            if not allowed or not flight.latch.acquire(timeout=self._patience):
                return False
            flight.latch.release()
            return True

    def _renew(self, key, args, kwargs):
        """Another thread calls the function, unless one does already."""
        flight = _Flight(key)
        if not self._may_renew(flight):
            return
        import contextvars

        run = contextvars.copy_context().run
        try:
            threading.Thread(target=run, args=(self._renew_now, flight, args, kwargs), name="kevy renew").start()
        except RuntimeError:  # no more threads: the next call tries again
            self._land(flight)

    def _renew_now(self, flight, args, kwargs):
        flight.thread = get_ident()
        try:
            self._lead(flight, args, kwargs)
        except ClosedError:
            pass


class CachedCoroutine(Cached):
    """The same for async def: the function is awaited, and so is what another task computes."""

    def __init__(self, *args):
        super().__init__(*args)
        if hasattr(inspect, "markcoroutinefunction"):
            inspect.markcoroutinefunction(self)
        else:
            from asyncio import coroutines

            self._is_coroutine = coroutines._is_coroutine

    async def __call__(self, /, *args, **kwargs):
        key = self._names.of(args, kwargs)
        held = self._held(key, args, kwargs)
        if held is not _MISSING:
            return held
        if self._may_wait():
            return await self._call_once(key, args, kwargs)
        return self._decode(await self._run(_Flight(key), args, kwargs))

    async def _run(self, flight, args, kwargs):
        with self._computing(flight):
            return self._finish(flight, await self._function(*args, **kwargs))

    async def _lead(self, flight, args, kwargs):
        with self._leading(flight):
            flight.packed = await self._run(flight, args, kwargs)
            return flight.packed

    async def _call_once(self, key, args, kwargs):
        import asyncio

        while True:
            flight = _Flight(key, asyncio.current_task())
            if self._is_led(flight):
                return await self._lead_unless_there(flight, args, kwargs)
            first = self._flights.get(key)
            if first is None:
                continue
            if not await self._wait(first, flight.task):
                return self._decode(await self._run(flight, args, kwargs))
            result = self._shared(first)
            if result is not _MISSING:
                return result

    async def _lead_unless_there(self, flight, args, kwargs):
        held = self._landed_before(flight)
        return self._decode(await self._lead(flight, args, kwargs)) if held is _MISSING else held

    async def _wait(self, flight, task):
        import asyncio

        loop = asyncio.get_running_loop()
        landed = loop.create_future()
        flight.waiters.append((loop, landed))
        if flight.over:
            return True
        with _Wait(flight, task) as allowed:
            if not allowed:
                return False
            done, _ = await asyncio.wait([landed], timeout=self._patience if self._patience >= 0 else None)
            return bool(done)

    def _renew(self, key, args, kwargs):
        """Another task calls the function, unless one does already."""
        import asyncio

        flight = _Flight(key)
        if not self._may_renew(flight):
            return
        flight.task = asyncio.ensure_future(self._renew_now(flight, args, kwargs))

    async def _renew_now(self, flight, args, kwargs):
        import asyncio

        try:
            await self._lead(flight, args, kwargs)
        except ClosedError:
            pass
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"renewing a result of {self._function!r} failed", "exception": error}
            )


class _Bound:
    """A cached function as a method of an object."""

    __slots__ = ("__func__", "__self__")

    def __init__(self, function, owner):
        self.__func__ = function
        self.__self__ = owner

    def __call__(self, /, *args, **kwargs):
        return self.__func__(self.__self__, *args, **kwargs)

    def cache_key(self, /, *args, **kwargs):
        """The key in the store of the call with these arguments."""
        return self.__func__.cache_key(self.__self__, *args, **kwargs)

    def invalidate(self, /, *args, **kwargs):
        """Forget the result of the call with these arguments; whether there was one."""
        return self.__func__.invalidate(self.__self__, *args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.__func__, name)

    def __eq__(self, other):
        if not isinstance(other, _Bound):
            return NotImplemented
        return self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self):
        return hash((id(self.__func__), id(self.__self__)))

    def __repr__(self):
        return f"<cached method {self.__func__.__qualname__} of {self.__self__!r}>"


def _check(function):
    if isinstance(function, (staticmethod, classmethod)):
        raise TypeError(f"@cached belongs below @{type(function).__name__}, next to the function")
    if not callable(function):
        raise TypeError(f"cached() decorates a function, not {type(function).__qualname__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError("what a generator yields cannot be kept: cache a function that returns it")


def cached(store, function=None, /, *, ttl=None, key=None, prefix=None, codec=None, stale=None, lock=False):
    """Store.cached(), whose docstring says what these are."""
    if ttl is not None:
        ttl = _seconds(ttl, "ttl")
    if stale is not None:
        if ttl is None:
            raise ValueError("stale is for results with a ttl")
        stale = _seconds(stale, "stale")
    if key is not None and not callable(key):
        raise TypeError(f"key is a function of the arguments, not {type(key).__qualname__}")
    if prefix is not None and (not isinstance(prefix, str) or not prefix):
        raise ValueError("prefix is a str, and not empty")
    if lock is not True and lock is not False:
        lock = _seconds(lock, "lock")
    codecs.codec(codec)

    def decorate(function):
        _check(function)
        kind = CachedCoroutine if inspect.iscoroutinefunction(function) else CachedFunction
        return kind(store, function, ttl, key, prefix, codec, stale, lock)

    return decorate if function is None else decorate(function)
