"""redis.asyncio on a store inside the process: see kevy.redis.

A command that does not wait is run at once, in the task that sends it. One that does (BLPOP, XREAD BLOCK) leaves the event
loop free: the loop watches a descriptor that whoever serves the command makes readable; there is no thread.
"""

import asyncio
import inspect

import redis.asyncio
import redis.asyncio.client
import redis.asyncio.connection
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

import kevy
from kevy.redis import _common

__all__ = ["Connection", "Redis", "StrictRedis", "from_url"]


class Parser(_common.Parser):
    async def handle_pubsub_push_response(self, response):
        return response

    async def handle_push_response(self, response, **kwargs):
        if response[0] not in (b"invalidate", "invalidate"):
            return await self.pubsub_push_handler_func(response)
        if self.invalidation_push_handler_func:
            return await self.invalidation_push_handler_func(response)


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


class Connection(redis.asyncio.connection.AbstractConnection):
    """A connection of redis.asyncio that is a session of a store."""

    host, port = "kevy", 0

    def __init__(self, *, store=None, **options):
        self.store = _common.open_store(store)
        self._wire = None
        super().__init__(parser_class=Parser, **_common.without_network(options))
        self.protocol = int(self.protocol)
        self._decodes = self.encoder.decode_responses
        self._pushes = self.protocol == 3

    def __del__(self):
        pass  # the wire goes with the connection, and needs no loop for that

    def repr_pieces(self):
        pieces = [("store", self.store), ("db", self.db)]
        return pieces + [("client_name", self.client_name)] if self.client_name else pieces

    def _host_error(self):
        return repr(self.store)

    @property
    def is_connected(self):
        return self._wire is not None

    async def _connect(self):
        encoder = self.encoder
        self._wire = self.store._wire(encoder.encode, self._parser.parse_error, encoder.encoding,
                                      encoder.encoding_errors, self.protocol)

    async def connect(self):
        if self._wire is None:
            await self.connect_check_health(check_health=True)

    async def connect_check_health(self, check_health=True, retry_socket_connect=True):
        if self.store.closed:  # redis-py would make a ConnectionError of it, which is tried again
            raise kevy.ClosedError("the store is closed")
        await super().connect_check_health(check_health, retry_socket_connect)

    async def disconnect(self, nowait=False, **options):
        self._close()

    def _close(self):
        self._parser.on_disconnect()
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _failed(self, doing, error):
        self._close()
        return ConnectionError(f"Error while {doing} {self._host_error()}: {error}")

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
            raise ConnectionError(f"Error while reading from {self._host_error()}: {e}")
        except BaseException:
            if disconnect_on_error:
                self._close()
            raise
        if timeout is not None:
            return False
        if disconnect_on_error:
            self._close()
        raise TimeoutError(f"Timeout reading from {self._host_error()}")

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
            if isinstance(response, ConnectionError) and disconnect_on_error:
                self._close()
            raise response from None
        return response


    def read_responses(self, n):
        """The replies that are there, errors among them: up to n, and to the first that read_response has to wait for."""
        try:
            replies = self._wire.read_some(n, self._decodes)
        except (OSError, AttributeError) as e:
            raise self._failed("reading from", e)
        if self.health_check_interval:
            self._note_health()
        return replies

    def _note_health(self):
        self.next_health_check = asyncio.get_running_loop().time() + self.health_check_interval


class Pipeline(redis.asyncio.client.Pipeline):
    """redis-py's, which reads its replies by one call."""

    async def _execute_pipeline(self, connection, commands, raise_on_error):
        if not isinstance(connection, Connection) or not _common.is_plain(commands):
            return await super()._execute_pipeline(connection, commands, raise_on_error)
        await connection.send_packed_command(connection.pack_commands([args for args, _ in commands]))
        replies = connection.read_responses(len(commands))
        made = _common.responses(self.response_callbacks, commands, replies)
        made = [await one if inspect.isawaitable(one) else one for one in made]
        for args, options in commands[len(made):]:
            try:
                made.append(await self.parse_response(connection, args[0], **options))
            except ResponseError as error:
                made.append(error)
        if raise_on_error:
            self.raise_first_error(commands, made)
        return made


class Redis(redis.asyncio.Redis):
    """A redis.asyncio.Redis whose commands are run by a store inside the process: see kevy.redis.Redis."""

    def __init__(self, store=None, *, connection_pool=None, single_connection_client=False, **options):
        options.pop("auto_close_connection_pool", None)
        owned = connection_pool is None
        if owned:
            connection_pool = redis.asyncio.ConnectionPool(**_common.pool_options(store, Connection), **options)
        super().__init__(connection_pool=connection_pool, single_connection_client=single_connection_client)
        self.auto_close_connection_pool = owned

    def pipeline(self, transaction=True, shard_hint=None):
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


StrictRedis = Redis


def from_url(url, **options):
    """A Redis on the store that a kevy:// URL names."""
    return Redis.from_url(url, **options)


_common.register(redis.asyncio.connection, Connection)
