"""Redis data types inside your process.

    import kevy

    with kevy.Store() as s:
        s["user:1"] = "alice"
        s.set("session", b"\x00\x01", ttl=60)
        s.incr("visits")
        s["user:2"] = {"name": "bob", "logins": 1}
        s["user:2"].incr("logins")
        s.ZSet("scores").add({"alice": 12, "bob": 7.5})

A Store is a mapping of keys to values in the memory of this process, with times to live, counters and
Redis's commands; help(kevy.Store) lists what it can do. kevy.open(url) opens one by its URL. Hash, List, Set,
ZSet and Stream are live views of the collections under its keys.
"""

from kevy._kevy import (
    ClosedError,
    CommandError,
    CorruptFileError,
    CounterOverflowError,
    DurabilityError,
    Error,
    Group,
    Hash,
    List,
    NotFloatError,
    NotIntegerError,
    OutOfMemoryError,
    Session,
    Set,
    Store,
    Stream,
    TransactionError,
    Version,
    Window,
    WrongTypeError,
    ZSet,
    __version__,
    exclusive,
    open,
)
from kevy.reporting import report

__all__ = [
    "ClosedError",
    "CommandError",
    "CorruptFileError",
    "CounterOverflowError",
    "DurabilityError",
    "Error",
    "Group",
    "Hash",
    "List",
    "NotFloatError",
    "NotIntegerError",
    "OutOfMemoryError",
    "Session",
    "Set",
    "Store",
    "Stream",
    "TransactionError",
    "Version",
    "Window",
    "WrongTypeError",
    "ZSet",
    "__version__",
    "exclusive",
    "open",
    "report",
]
