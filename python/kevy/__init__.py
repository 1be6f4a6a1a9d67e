"""Redis data types inside your process.

    import kevy

    with kevy.Store() as s:
        s["user:1"] = "alice"
        s.set("session", b"\x00\x01", ttl=60)
        s.incr("visits")

A Store is a mapping of keys to values in the memory of this process, with times to live, counters and
Redis's commands; help(kevy.Store) lists what it can do. kevy.open(url) opens one by its URL.
"""

from kevy._kevy import (
    ClosedError,
    CommandError,
    CorruptFileError,
    CounterOverflowError,
    DurabilityError,
    Error,
    NotFloatError,
    NotIntegerError,
    OutOfMemoryError,
    Store,
    TransactionError,
    WrongTypeError,
    __version__,
    open,
)

__all__ = [
    "ClosedError",
    "CommandError",
    "CorruptFileError",
    "CounterOverflowError",
    "DurabilityError",
    "Error",
    "NotFloatError",
    "NotIntegerError",
    "OutOfMemoryError",
    "Store",
    "TransactionError",
    "WrongTypeError",
    "__version__",
    "open",
]
