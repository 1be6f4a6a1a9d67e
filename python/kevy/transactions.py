"""The with statement of store.transaction()."""

import sys


def _running_loop():
    asyncio = sys.modules.get("asyncio")
    return asyncio._get_running_loop() if asyncio is not None else None


class Transaction:
    """What is done inside happens as one; an exception takes it back, and goes on.

    It must end before the event loop runs on: a call that the loop was asked for at the beginning, and that was made before
    the end, tells of an await.
    """

    __slots__ = ("_store", "_soon", "_awaited")

    def __init__(self, store):
        self._store = store
        self._soon = None
        self._awaited = False

    def _note_await(self):
        self._awaited = True

    def __enter__(self):
        self._store.begin()
        loop = _running_loop()
        self._awaited = False
        self._soon = loop.call_soon(self._note_await) if loop is not None else None
        return self._store

    def __exit__(self, kind, error, trace):
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if kind is not None:
            self._store.rollback()
        elif self._awaited:
            self._store.rollback()
            from kevy import TransactionError

            raise TransactionError("an await inside a transaction: it was rolled back")
        else:
            self._store.commit()
