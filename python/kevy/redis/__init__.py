"""redis-py on a store inside the process: the same classes, without a server.

    import kevy, kevy.redis

    r = kevy.redis.Redis(kevy.Store(), decode_responses=True)
    r.set("greeting", "hello", ex=60)
    with r.pipeline() as p:
        p.incr("visits").lpush("log", "entered").execute()

Redis is a redis.Redis whose connections call the engine directly; pipelines, locks, scan iterators and all else are
redis-py's own code. Importing this module also lets redis.Redis.from_url and redis.ConnectionPool.from_url open
kevy://name (a store in memory that the process knows by that name) and kevy:///directory. kevy.redis.asyncio is
redis.asyncio in the same way.
"""

import time

import redis
import redis.client
import redis.connection
from redis.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from kevy.redis import _common

__all__ = ["Connection", "Redis", "StrictRedis", "from_url"]
_UNSET = object()


class Connection(AbstractConnection):
    """A connection of redis-py that is a session of a store."""

    host, port = "kevy", 0

    def __init__(self, store=None, **options):
        self.store = _common.open_store(store)
        super().__init__(parser_class=_common.Parser, **_common.without_network(options))
        self._decodes = self.encoder.decode_responses
        self._pushes = self.protocol == 3

    def repr_pieces(self):
        pieces = [("store", self.store), ("db", self.db)]
        return pieces + [("client_name", self.client_name)] if self.client_name else pieces

    def _host_error(self):
        return repr(self.store)

    # What redis-py knows as the socket is the wire.

    def _connect(self):
        encoder = self.encoder
        return self.store._wire(encoder.encode, self._parser.parse_error, encoder.encoding, encoder.encoding_errors,
                                self.protocol)

    def connect(self):
        if self._sock is None:
            super().connect()

    def disconnect(self, *args, **options):
        self._parser.on_disconnect()
        wire, self._sock = self._sock, None
        if wire is not None:
            wire.close()

    def _failed(self, doing, error):
        self.disconnect()
        return ConnectionError(f"Error while {doing} {self._host_error()}: {error}")

    # Sending runs the commands.

    def send_command(self, *args, **options):
        if self._sock is None:
            self.connect()
        if self.health_check_interval and options.get("check_health", True):
            self.check_health()
        try:
            self._sock.call(args)
        except OSError as e:
            raise self._failed("writing to", e)

    def pack_command(self, *args):
        if self._sock is None:
            self.connect()
        return [self._sock.pack(args)]

    def pack_commands(self, commands):
        if self._sock is None:
            self.connect()
        return list(map(self._sock.pack, commands))

    def send_packed_command(self, command, check_health=True):
        if self._sock is None:
            self.connect()
        if check_health and self.health_check_interval:
            self.check_health()
        try:
            self._sock.send(command)
        except OSError as e:
            raise self._failed("writing to", e)
        except BaseException:
            self.disconnect()
            raise

    # Reading builds what was answered.

    def can_read(self, timeout=0):
        if self._sock is None:
            self.connect()
        try:
            return self._sock.ready(timeout) if timeout != 0 else self._sock.ready()
        except OSError as e:
            raise self._failed("reading from", e)

    def _wait(self, timeout, disconnect_on_error):
        try:
            if self._sock is None:
                raise ConnectionResetError("the connection was closed")
            if self._sock.ready(self.socket_timeout if timeout is _UNSET else timeout):
                return
        except OSError as e:
            if disconnect_on_error:
                self.disconnect()
            raise ConnectionError(f"Error while reading from {self._host_error()}: {e}")
        except BaseException:
            if disconnect_on_error:
                self.disconnect()
            raise
        if disconnect_on_error:
            self.disconnect()
        raise TimeoutError(f"Timeout reading from {self._host_error()}")

    def _next(self, decode, timeout, disconnect_on_error):
        try:
            return self._sock.read(decode)
        except (BlockingIOError, AttributeError):
            self._wait(timeout, disconnect_on_error)
            return self._sock.read(decode)

    def read_response(self, disable_decoding=False, *, timeout=_UNSET, disconnect_on_error=True, push_request=False):
        decode = self._decodes and not disable_decoding
        response = self._next(decode, timeout, disconnect_on_error)
        while self._pushes and self._sock.pushed:
            response = self._parser.handle_push_response(response)
            if push_request:
                break
            response = self._next(decode, timeout, disconnect_on_error)
        if self.health_check_interval:
            self._note_health()
        if isinstance(response, Exception):
            try:
                if isinstance(response, ConnectionError) and disconnect_on_error:
                    self.disconnect()
                raise response
            finally:
                del response  # no cycle of references
        return response

    def read_responses(self, n):
        """The replies that are there, errors among them: up to n, and to the first that read_response has to wait for."""
        try:
            replies = self._sock.read_some(n, self._decodes)
        except (OSError, AttributeError) as e:
            raise self._failed("reading from", e)
        if self.health_check_interval:
            self._note_health()
        return replies

    def _note_health(self):
        self.next_health_check = time.monotonic() + self.health_check_interval


class Pipeline(redis.client.Pipeline):
    """redis-py's, which reads its replies by one call."""

    def _execute_pipeline(self, connection, commands, raise_on_error):
        if not isinstance(connection, Connection) or not _common.is_plain(commands):
            return super()._execute_pipeline(connection, commands, raise_on_error)
        connection.send_packed_command(connection.pack_commands([args for args, _ in commands]))
        replies = connection.read_responses(len(commands))
        made = _common.responses(self.response_callbacks, commands, replies)
        for args, options in commands[len(made):]:
            try:
                made.append(self.parse_response(connection, args[0], **options))
            except ResponseError as error:
                made.append(error)
        if raise_on_error:
            self.raise_first_error(commands, made)
        return made


class Redis(redis.Redis):
    """A redis.Redis whose commands are run by a store inside the process.

    store is a kevy.Store, a URL as kevy.open takes it, or None for a new store. Everything else is as with redis.Redis;
    what is said about hosts and sockets has no meaning here. Connections are sessions of the store, and cheap.
    """

    def __init__(self, store=None, *, connection_pool=None, single_connection_client=False, **options):
        owned = connection_pool is None
        if owned:
            connection_pool = ConnectionPool(**_common.pool_options(store, Connection), **options)
        super().__init__(connection_pool=connection_pool, single_connection_client=single_connection_client)
        self.auto_close_connection_pool = owned

    def pipeline(self, transaction=True, shard_hint=None):
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


StrictRedis = Redis


def from_url(url, **options):
    """A Redis on the store that a kevy:// URL names."""
    return Redis.from_url(url, **options)


_common.register(redis.connection, Connection)
