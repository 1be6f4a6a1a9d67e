"""The engine through ctypes and the generated prototypes: the same stores, no C of kevy's own in between.

    from kevy import ctypes_door
    with ctypes_door.open("mem://shared") as s:
        s["n"] = 42

It is several times slower than kevy.Store and offers less of it. It is there for hosts that cannot
load the extension, for tests that want the C ABI from Python, and as the proof that the ABI is whole.
Where the extension is installed its own file is the library, since it exports the ABI: the process then
has one engine, and "mem://name" is one store whichever door opens it.

Why nothing here reads borrowed memory of a live store. ctypes lets the GIL go during a call, so stores are
opened with KEVY_THREADS; and between a call and the copying of what it lent, another thread, a
finalizer or a signal handler may run Python code that calls the store and moves the lent bytes.
Holding kevy_lock meanwhile would be wrong too: a thread must not wait for the GIL with the store's
lock held, since one that has the GIL may be waiting for that lock. So results come in memory that
only this call knows: numbers in its own kevy_value, strings in its own buffer (kevy_get_into), replies
in its own kevy_reply, and everything else from a snapshot or an iterator of its own.

Closing while another thread is inside a call is safe: the C object lives in a _Handle that each call
keeps a reference to, and is released with the last one."""

import builtins
import ctypes
import ctypes.util
import importlib.util
import os
import threading

import kevy
from kevy import _abi

__all__ = ["Snapshot", "Store", "load", "open"]

_Buffer = ctypes.c_char * 256  # a longer value is asked for again with room enough


# ---- The library ----------------------------------------------------------------------------


def _find():
    """The extension's own file; else what KEVY_LIB names; else libkevy.so where the linker looks."""
    spec = importlib.util.find_spec("kevy._kevy")
    if spec and spec.origin:
        return spec.origin
    return os.environ.get("KEVY_LIB") or ctypes.util.find_library("kevy") or "libkevy.so"


def load(path=None):
    """The library at path (or where it is found), with prototypes. ImportError when its ABI differs."""
    library = _abi.declare(ctypes.CDLL(path or _find()))
    if library.kevy_abi() != _abi.KEVY_ABI:
        raise ImportError(
            f"{library._name} has ABI {library.kevy_abi()}, this door is made for {_abi.KEVY_ABI}")
    return library


_loaded = None


def _default():
    global _loaded
    if _loaded is None:
        _loaded = load()
    return _loaded


class _Handle:
    """One C object and the function that releases it."""

    __slots__ = ("pointer", "_release")

    def __init__(self, pointer, release):
        self.pointer = pointer
        self._release = release

    def __del__(self):
        self._release(self.pointer)


# ---- Values ---------------------------------------------------------------------------------


def _key(key):
    """(bytes, flags) of a key."""
    if isinstance(key, str):
        return key.encode(), _abi.KEVY_TEXT_KEY
    if isinstance(key, (bytes, bytearray, memoryview)):
        return bytes(key), 0
    raise TypeError(f"a key must be str, bytes, bytearray or memoryview, not {type(key).__name__}")


def _string(data, kind):
    """(kevy_value, what must live as long)."""
    value = _abi.kevy_value(kind=kind, len=len(data))
    value.as_.ptr = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
    return value, data


def _scalar(x):
    """(kevy_value, what must live as long) of a scalar."""
    if isinstance(x, str):
        return _string(x.encode(), _abi.KEVY_TEXT)
    if isinstance(x, (bytes, bytearray, memoryview)):
        return _string(bytes(x), _abi.KEVY_BYTES)
    if isinstance(x, int) and not isinstance(x, bool):
        if not -(1 << 63) <= x < 1 << 63:
            raise OverflowError("an int must fit in 64 bits")
        value = _abi.kevy_value(kind=_abi.KEVY_INT)
        value.as_.i = x
        return value, None
    if isinstance(x, float):
        value = _abi.kevy_value(kind=_abi.KEVY_FLOAT)
        value.as_.d = x
        return value, None
    raise TypeError("a value must be str, bytes, bytearray, memoryview, int or float, "
                    f"not {type(x).__name__}")


def _array(xs):
    """(kevy_value array, what must live as long)."""
    pairs = [_scalar(x) for x in xs]
    return (_abi.kevy_value * len(pairs))(*(v for v, _ in pairs)), pairs


def _python(value):
    """The Python object of a kevy_value whose bytes stay put."""
    if value.kind == _abi.KEVY_INT:
        return value.as_.i
    if value.kind == _abi.KEVY_FLOAT:
        return value.as_.d
    if value.kind == _abi.KEVY_NIL:
        return None
    data = ctypes.string_at(value.as_.ptr, value.len)
    return data.decode() if value.kind == _abi.KEVY_TEXT else data


def _milliseconds(seconds):
    """A TTL for C; None is KEVY_NO_TTL. Rounded up, as everywhere in kevy."""
    if seconds is None:
        return _abi.KEVY_NO_TTL
    if not 0 < seconds < 1 << 53:
        raise ValueError("a TTL must be a positive number of seconds")
    return -int(-seconds * 1000 // 1)


def _exception(status):
    """The class that a status raises."""
    name = _abi.ERRORS[status][2] if status in _abi.ERRORS else "Error"
    return getattr(kevy, name, None) or getattr(builtins, name)


# ---- Stores ---------------------------------------------------------------------------------


class Store:
    """A store; open() makes one. The methods mean what they mean on kevy.Store."""

    def __init__(self, library, pointer):
        self._c = library
        self._handle = _Handle(pointer, library.kevy_close)

    def _live(self):
        handle = self._handle
        if handle is None:
            raise _exception(_abi.KEVY_ECLOSED)("the store is closed")
        return handle

    def _call(self, function, *arguments):
        """Calls a function of the ABI on this store; its status."""
        handle = self._live()  # kept until the function returns
        return function(handle.pointer, *arguments)

    def _do(self, function, *arguments):
        """The same, where an error raises."""
        return self._checked(self._call(function, *arguments))

    def _checked(self, status):
        if status < 0:
            raise _exception(status)(self._c.kevy_strerror(status).decode())
        return status

    def _snapshot(self):
        """A moment as a _Handle of the caller's own."""
        out = ctypes.POINTER(_abi.kevy_store)()
        self._do(self._c.kevy_snapshot, ctypes.byref(out))
        return _Handle(out, self._c.kevy_close)

    # -- life

    def close(self):
        """Closes the store, once the calls that other threads are in have returned."""
        self._handle = None

    def __enter__(self):
        self._live()
        return self

    def __exit__(self, *_):
        self.close()

    def snapshot(self):
        """A read-only store of this moment."""
        return Snapshot(self._c, self._snapshot())

    # -- strings

    def get(self, key, default=None):
        """The value of a key, in the kind it was stored."""
        data, _ = _key(key)
        value, buffer = _abi.kevy_value(), _Buffer()
        while True:
            status = self._do(self._c.kevy_get_into, data, len(data), buffer, len(buffer),
                              ctypes.byref(value))
            if status == _abi.KEVY_MISSING:
                return default
            if value.kind > _abi.KEVY_TEXT or value.len <= len(buffer):
                return _python(value)
            buffer = ctypes.create_string_buffer(value.len)

    def set(self, key, value, ttl=None, *, nx=False, xx=False, keepttl=False):
        """Stores a scalar; False when nx or xx forbids."""
        data, flags = _key(key)
        scalar, _anchor = _scalar(value)
        flags |= _abi.KEVY_NX * bool(nx) | _abi.KEVY_XX * bool(xx)
        flags |= _abi.KEVY_KEEPTTL * bool(keepttl)
        status = self._do(self._c.kevy_set, data, len(data), ctypes.byref(scalar),
                          _milliseconds(ttl), flags, None)
        return status == _abi.KEVY_OK

    def incr(self, key, by=1):
        """Adds an int or a float; the new number."""
        data, flags = _key(key)
        if isinstance(by, float):
            out, function = ctypes.c_double(), self._c.kevy_incr_float
        elif isinstance(by, int) and not isinstance(by, bool):
            if not -(1 << 63) <= by < 1 << 63:
                raise OverflowError("an int must fit in 64 bits")
            out, function = ctypes.c_int64(), self._c.kevy_incr
        else:
            raise TypeError(f"by must be int or float, not {type(by).__name__}")
        self._do(function, data, len(data), by, flags, ctypes.byref(out))
        return out.value

    def mget(self, keys):
        """The values of several keys at one moment; None where there is none."""
        moment = self._snapshot()
        array, _anchors = _array(keys)
        out = (_abi.kevy_value * len(array))()
        self._checked(self._c.kevy_mget(moment.pointer, len(array), array, out))
        return [_python(v) for v in out]

    # -- keys and time

    def delete(self, *keys):
        """How many of the keys were there."""
        return sum(self._do(self._c.kevy_delete, k, len(k)) == _abi.KEVY_OK
                   for k, _ in map(_key, keys))

    def exists(self, *keys):
        """How many of the keys are there."""
        return sum(self._do(self._c.kevy_exists, k, len(k)) == _abi.KEVY_OK
                   for k, _ in map(_key, keys))

    def type(self, key):
        """"string", "hash", ...; None when there is no such key."""
        data, _ = _key(key)
        out = ctypes.c_int32()
        status = self._do(self._c.kevy_type, data, len(data), ctypes.byref(out))
        return self._c.kevy_type_name(out.value).decode() if status == _abi.KEVY_OK else None

    def ttl(self, key):
        """Seconds left, None without a TTL; KeyError when there is no such key."""
        data, _ = _key(key)
        out = ctypes.c_int64()
        if self._do(self._c.kevy_ttl, data, len(data), ctypes.byref(out)) == _abi.KEVY_MISSING:
            raise KeyError(key)
        return None if out.value == _abi.KEVY_NO_TTL else out.value / 1000

    def expire(self, key, ttl, *, nx=False, xx=False, gt=False, lt=False):
        """Gives the key a TTL; False when there is no such key or a condition forbids."""
        data, _ = _key(key)
        if ttl is None:
            raise TypeError("a TTL must be a number of seconds")
        flags = (_abi.KEVY_NX * bool(nx) | _abi.KEVY_XX * bool(xx)
                 | _abi.KEVY_GT * bool(gt) | _abi.KEVY_LT * bool(lt))
        return self._do(self._c.kevy_expire, data, len(data), _milliseconds(ttl),
                        flags) == _abi.KEVY_OK

    def persist(self, key):
        """Whether there was a TTL to take away."""
        data, _ = _key(key)
        return self._do(self._c.kevy_persist, data, len(data)) == _abi.KEVY_OK

    def clear(self):
        """Forgets every key."""
        self._do(self._c.kevy_clear)

    # -- as a mapping

    def __getitem__(self, key):
        value = self.get(key, _Handle)
        if value is _Handle:
            raise KeyError(key)
        return value

    def __setitem__(self, key, value):
        self.set(key, value)

    def __delitem__(self, key):
        if not self.delete(key):
            raise KeyError(key)

    def __contains__(self, key):
        return self.exists(key) == 1

    def __len__(self):
        out = ctypes.c_uint64()
        self._do(self._c.kevy_len, ctypes.byref(out))
        return out.value

    def __iter__(self):
        return self.scan()

    def items(self, match=None, type=None):
        """(key, value) of the moment of the call; value is None for a collection."""
        return self._iterate(match, type, True)

    def scan(self, match=None, type=None):
        """The keys of the moment of the call."""
        return self._iterate(match, type, False)

    def _iterate(self, match, type, with_values):
        pattern, _ = _key(match) if match is not None else (b"", 0)
        wanted = getattr(_abi, f"KEVY_TYPE_{str(type or 'none').upper()}", None)
        if wanted is None:
            raise ValueError(f"unknown type: {type!r}")
        out = ctypes.POINTER(_abi.kevy_iter)()
        self._do(self._c.kevy_iter_open, pattern, len(pattern), wanted, ctypes.byref(out))
        return self._walk(_Handle(out, self._c.kevy_iter_close), with_values)

    def _walk(self, handle, with_values):
        """A generator runs in one thread at a time, and so does the iterator that only it knows."""
        key, value = _abi.kevy_value(), _abi.kevy_value()
        wanted = ctypes.byref(value) if with_values else None
        while True:
            status = self._c.kevy_iter_next(handle.pointer, ctypes.byref(key), wanted)
            if self._checked(status) == _abi.KEVY_MISSING:
                return
            yield (_python(key), _python(value)) if with_values else _python(key)

    # -- commands

    def _reply(self):
        pointer = self._c.kevy_reply_new()
        if not pointer:
            raise MemoryError("no memory for a reply")
        return _Handle(pointer, self._c.kevy_reply_free)

    def command(self, *arguments):
        """Runs a Redis command; its reply as Python values. An error raises kevy.CommandError."""
        array, _anchors = _array(arguments)
        reply = self._reply()
        status = self._call(self._c.kevy_call, len(array), array, reply.pointer)
        if status == _abi.KEVY_ECOMMAND:
            raise self._item(reply)
        self._checked(status)
        return self._item(reply)

    def _item(self, reply):
        """The next item of a reply, with what it is made of."""
        item = _abi.kevy_item()
        self._c.kevy_reply_next(reply.pointer, ctypes.byref(item))
        if item.type == _abi.KEVY_REPLY_NIL:
            return None
        if item.type == _abi.KEVY_REPLY_ERROR:
            return _exception(_abi.KEVY_ECOMMAND)(_python(item.value).decode())
        if item.type == _abi.KEVY_REPLY_STATUS:
            return _python(item.value).decode()
        if item.type == _abi.KEVY_REPLY_BOOL:
            return bool(item.value.as_.i)
        if item.type == _abi.KEVY_REPLY_ARRAY or item.type == _abi.KEVY_REPLY_SET:
            return [self._item(reply) for _ in range(item.count)]
        if item.type == _abi.KEVY_REPLY_MAP:
            return {self._item(reply): self._item(reply) for _ in range(item.count)}
        return _python(item.value)

    def command_resp(self, *arguments):
        """Runs a Redis command; the RESP2 bytes of its reply, errors included."""
        array, _anchors = _array(arguments)
        reply = self._reply()
        at, length = ctypes.c_void_p(), ctypes.c_size_t()
        self._do(self._c.kevy_call_resp, len(array), array, reply.pointer, ctypes.byref(at),
                 ctypes.byref(length))
        return ctypes.string_at(at.value, length.value)

    # -- watching and tests

    @property
    def used_memory(self):
        """Bytes that the store's memory has handed out."""
        return self._do(self._c.kevy_used_memory)

    def tick(self, microseconds=0):
        """Reclaims what expired and what snapshots left behind; whether nothing is left to do."""
        return self._do(self._c.kevy_tick, microseconds, None) == _abi.KEVY_OK

    def debug_clock(self, now):
        """Sets the store's present to Unix milliseconds; None gives the clock back to the system."""
        self._do(self._c.kevy_debug_clock, _abi.KEVY_NO_TTL if now is None else now)


class Snapshot(Store):
    """A read-only store of one moment. The engine gives it no lock, so it has one of Python's."""

    def __init__(self, library, handle):
        self._c = library
        self._handle = handle
        self._lock = threading.RLock()

    def _call(self, function, *arguments):
        with self._lock:
            return super()._call(function, *arguments)


def open(url=None, *, maxmemory=0, policy=None, library=None):
    """Opens a store: "mem://" (also None) one of its own, "mem://name" the process's of that name."""
    c = library or _default()
    options = _abi.kevy_options(
        size=ctypes.sizeof(_abi.kevy_options), flags=_abi.KEVY_THREADS, maxmemory=maxmemory,
        url=url and url.encode(), policy=policy and policy.encode())
    out = ctypes.POINTER(_abi.kevy_store)()
    status = c.kevy_open(ctypes.byref(options), ctypes.byref(out))
    if status < 0:
        raise _exception(status)(c.kevy_errmsg(None).decode())
    return Store(c, out)
