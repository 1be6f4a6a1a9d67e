"""Connections of a library like redis.asyncio that call a store, each a session of it.

A command that does not wait is run at once, in the task that sends it. One that does (BLPOP, XREAD BLOCK) leaves the event
loop free: the loop watches a descriptor that whoever serves the command makes readable; there is no thread.
"""

import asyncio

import kevy
from kevy.clients import common


def _finish(future):
    if not future.done():
        future.set_result(True)


def _give_up(future):
    if not future.done():
        future.set_result(False)


async def _readable(wire, timeout):
    """Whether the wire has something to read before the timeout, which may be None."""
    loop = asyncio.get_running_loop()
    end = None if timeout is None else loop.time() + timeout
    while not wire.ready():
        woken = loop.create_future()
        timer = None if end is None else loop.call_at(end, _give_up, woken)
        descriptor = wire.fileno()
        loop.add_reader(descriptor, _finish, woken)
        try:
            if not await woken:
                return wire.ready()
        finally:
            loop.remove_reader(descriptor)
            if timer is not None:
                timer.cancel()
    return True


class Session(common.Session):
    """What sends and reads in the tasks of an event loop."""

    def __init__(self, *, store=None, **options):
        self.store = common.open_store(store)
        self._wire = None
        super().__init__(parser_class=self.Parser, **common.without_network(options))
        self.protocol = int(self.protocol)
        self._decodes = self.encoder.decode_responses
        self._pushes = self.protocol == 3

    def __del__(self, _warnings=None):
        pass  # the wire goes with the connection, and needs no loop for that

    @property
    def is_connected(self):
        return self._wire is not None

    async def _connect(self):
        self._wire = self._new_wire()

    async def connect(self):
        await self._open(check_health=True)

    async def connect_check_health(self, check_health=True, retry_socket_connect=True):
        await self._open(check_health, retry_socket_connect)

    # Some libraries have only the first of these two.

    async def _open(self, check_health, *options):
        if self._wire is not None:
            return
        if self.store.closed:  # the library would make a ConnectionError of it, which is tried again
            raise kevy.ClosedError("the store is closed")
        connect = getattr(super(), "connect_check_health", None)
        await (connect(check_health, *options) if connect else super().connect())

    async def disconnect(self, nowait=False, **options):
        self._close()

    @staticmethod
    def clock():
        return asyncio.get_running_loop().time()

    # Sending runs the commands. What is packed is a command, or several, as the wire takes them.

    async def send_command(self, *args, **options):
        if self._wire is None:
            await self.connect_check_health(check_health=False)
        if self.health_check_interval and options.get("check_health", True):
            await self.check_health()
        try:
            self._wire.call(args)
        except OSError as e:
            raise self._failed("writing to", e)

    def pack_command(self, *args):
        return [args]

    def pack_commands(self, commands):
        return list(commands)

    async def send_packed_command(self, command, check_health=True):
        if self._wire is None:
            await self.connect_check_health(check_health=False)
        if check_health and self.health_check_interval:
            await self.check_health()
        try:
            self._wire.send(list(map(self._wire.pack, command)))
        except OSError as e:
            raise self._failed("writing to", e)
        except BaseException:
            self._close()
            raise

    # Reading builds what was answered.

    async def can_read(self, *args, **options):
        try:
            return self._wire is not None and self._wire.ready()
        except OSError as e:
            raise self._failed("reading from", e)

    can_read_destructive = can_read

    async def _wait(self, timeout, disconnect_on_error):
        """Whether there is something to read; else a timeout that the caller gave is over."""
        try:
            if self._wire is None:
                raise ConnectionResetError("the connection was closed")
            if await _readable(self._wire, self.socket_timeout if timeout is None else timeout):
                return True
        except OSError as e:
            if disconnect_on_error:
                self._close()
            raise self.errors.ConnectionError(f"Error while reading from {self._host_error()}: {e}")
        except BaseException:
            if disconnect_on_error:
                self._close()
            raise
        if timeout is not None:
            return False
        if disconnect_on_error:
            self._close()
        raise self.errors.TimeoutError(f"Timeout reading from {self._host_error()}")

    async def _next(self, decode, timeout, disconnect_on_error):
        """A reply, or None at the end of a timeout that the caller gave."""
        try:
            return self._wire.read(decode)
        except (BlockingIOError, AttributeError):
            if await self._wait(timeout, disconnect_on_error):
                return self._wire.read(decode)

    async def read_response(self, disable_decoding=False, timeout=None, *, disconnect_on_error=True,
                            push_request=False):
        decode = self._decodes and not disable_decoding
        response = await self._next(decode, timeout, disconnect_on_error)
        while self._pushes and response is not None and self._wire.pushed:
            response = await self._parser.handle_push_response(response)
            if push_request:
                break
            response = await self._next(decode, timeout, disconnect_on_error)
        if self.health_check_interval:
            self._note_health()
        if isinstance(response, Exception):
            if isinstance(response, self.errors.ConnectionError) and disconnect_on_error:
                self._close()
            raise response from None
        return response
