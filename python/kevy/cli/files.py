"""Stores in files, as the subcommands open them: an RDB file, a directory, or a look at a directory that leaves it as it is."""

import contextlib
import os
import shutil
import tempfile
import time

import kevy
from kevy.cli.progress import Progress

LOGS = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"


def load(path, db=None, skip_modules=False):
    """The store that an RDB file holds."""
    with Progress(f"reading {path}") as progress:
        return kevy.Store.load(path, progress=progress, db=db, skip_modules=skip_modules)


def open_directory(path, **options):
    """The store that lives in a directory."""
    with Progress(f"opening {path}") as progress:
        return kevy.Store(path, progress=progress, **options)


def counted(store):
    n = len(store)
    return f"{n:,} key{'' if n == 1 else 's'}"


def must_be_there(path):
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file or directory {path}")


def must_hold_a_store(path):
    """A directory without a log would be opened as an empty store, where a wrong path is likelier."""
    if not os.path.isfile(os.path.join(path, LOGS, MANIFEST)):
        raise FileNotFoundError(f"{path} holds no store: there is no {os.path.join(LOGS, MANIFEST)} in it")


def is_only_a_store(path):
    return set(os.listdir(path)) <= {LOGS, "kevy.lock"}


def opened(path, **options):
    """The store of an RDB file or of an existing directory; the latter takes the directory's lock, and recovers it."""
    must_be_there(path)
    if os.path.isfile(path):
        return load(path, **options)
    must_hold_a_store(path)
    return open_directory(path, fsync="no")


def _copied(path, to):
    """What a directory's store needs, in another one: logs, which opening may cut, are copied; bases are only pointed at."""
    os.mkdir(os.path.join(to, LOGS))
    for name in sorted(os.listdir(os.path.join(path, LOGS))):
        here, there = os.path.abspath(os.path.join(path, LOGS, name)), os.path.join(to, LOGS, name)
        if ".base." in name:
            os.symlink(here, there)
        elif ".torn-" not in name:
            shutil.copyfile(here, there)


@contextlib.contextmanager
def looked_at(path, salvage=False, **options):
    """The store of a file or directory, which is not written to, nor locked. What errors say names the original."""
    must_be_there(path)
    if os.path.isfile(path):
        with load(path, **options) as store:
            yield store
        return
    must_hold_a_store(path)
    with tempfile.TemporaryDirectory(prefix="kevy-") as copy:
        _copied(path, copy)
        try:
            store = open_directory(copy, fsync="no", salvage=salvage)
        except kevy.Error as e:
            raise type(e)(str(e).replace(copy, path.rstrip("/"))) from None
        with store:
            yield store


def save(store, path):
    """Saves a store as an RDB file, which is there whole or not at all."""
    with Progress(f"writing {path}") as progress:
        future = store.save(path, background=True)
        while progress.shown and not future.done():
            time.sleep(0.05)
            progress(_written(path))
        future.result()


def _written(path):
    """How much of a file is there while it is saved: its temporary file lies beside it."""
    folder, name = os.path.split(os.path.abspath(path))
    with contextlib.suppress(OSError):
        return max((entry.stat().st_size for entry in os.scandir(folder)
                    if entry.name.startswith(f"{name}.{os.getpid()}-") and entry.name.endswith(".tmp")), default=0)
    return 0


def _synced(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _set_aside(path):
    """What stands in the way of a directory that is ready; where it is kept until that is in its place."""
    if not os.path.lexists(path):
        return None
    old = f"{path}.{os.getpid()}.old"
    os.rename(path, old)
    return old


def _removed(old):
    if old and os.path.isdir(old) and not os.path.islink(old):
        shutil.rmtree(old)
    elif old:
        os.unlink(old)


def save_directory(store, path):
    """Saves a store as a directory that kevy and redis-server open: made beside its place, and renamed when it is whole.

    What is there under this name is replaced.
    """
    path = os.path.abspath(path)
    making = f"{path}.{os.getpid()}.tmp"
    logs = os.path.join(making, LOGS)
    os.makedirs(logs)
    try:
        save(store, os.path.join(logs, "appendonly.aof.1.base.rdb"))
        _write(os.path.join(logs, "appendonly.aof.1.incr.aof"), "")
        _write(os.path.join(logs, MANIFEST),
               "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n")
        _synced(logs)
        _synced(making)
        old = _set_aside(path)
        os.rename(making, path)
        _synced(os.path.dirname(path))
        _removed(old)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
