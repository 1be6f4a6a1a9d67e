"""Commands that wait, for asyncio: no thread per waiter, no polling."""

import asyncio


def _finish(future):
    if not future.done():
        future.set_result(None)


async def command(store, *args):
    """store.command(*args); a blocking command waits without blocking the event loop.

    It is served in order of arrival by whoever writes what it waits for, another task or another thread. Cancelling it
    gives it up; an element that it was served in the same moment is put into nothing, as when a client of Redis
    disconnects.
    """
    wait = store._wait(*args)
    if isinstance(wait, tuple):  # answered at once
        return wait[0]
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    left = wait.left()
    timer = None if left is None else loop.call_later(left, _finish, over)
    loop.add_reader(wait.fileno(), _finish, over)
    try:
        await over
    except BaseException:
        wait.close()
        raise
    finally:
        loop.remove_reader(wait.fileno())
        if timer is not None:
            timer.cancel()
    return wait.result()
