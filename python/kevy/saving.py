"""Saving in the background: a thread writes a snapshot's file while the store goes on."""

import concurrent.futures
import threading


def _save(snapshot, path, future):
    try:
        with snapshot:
            snapshot.save(path)
    except BaseException as e:
        future.set_exception(e)
    else:
        future.set_result(None)


def start(store, path):
    """Begins to save this moment of a store; a Future of None. The interpreter waits for it before it exits."""
    future = concurrent.futures.Future()
    future.set_running_or_notify_cancel()
    snapshot = store.snapshot()
    try:
        threading.Thread(target=_save, args=(snapshot, path, future), name="kevy save").start()
    except BaseException:
        snapshot.close()
        raise
    return future
