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

import contextlib
import importlib
import time

import redis
import redis.client
import redis.connection
import redis.exceptions
from redis._parsers.base import BaseParser
from redis.exceptions import ResponseError

from kevy.clients import common, threads
from kevy.redis import _pipelines

__all__ = ["Connection", "Redis", "StrictRedis", "from_url"]


def pool_options(store, connection_class):
    """As common.pool_options. Newer redis-pys listen to what a server says about its upkeep."""
    options = common.pool_options(store, connection_class)
    with contextlib.suppress(ImportError):
        upkeep = importlib.import_module("redis.maint_notifications")
        options["maint_notifications_config"] = upkeep.MaintNotificationsConfig(enabled=False)
    return options


class Connection(threads.Session, redis.connection.AbstractConnection):
    """A connection of redis-py that is a session of a store."""

    class Parser(common.Parser, BaseParser):
        pass

    errors, clock = redis.exceptions, time.monotonic


class Pipeline(redis.client.Pipeline):
    """redis-py's, which reads its replies by one call."""

    def _execute_pipeline(self, connection, commands, raise_on_error):
        if not isinstance(connection, Connection) or not _pipelines.is_plain(commands):
            return super()._execute_pipeline(connection, commands, raise_on_error)
        connection.send_packed_command(connection.pack_commands([args for args, _ in commands]))
        replies = connection.read_responses(len(commands))
        made = _pipelines.responses(self.response_callbacks, commands, replies)
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
            connection_pool = redis.ConnectionPool(**pool_options(store, Connection), **options)
        super().__init__(connection_pool=connection_pool, single_connection_client=single_connection_client)
        self.auto_close_connection_pool = owned

    def pipeline(self, transaction=True, shard_hint=None):
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


StrictRedis = Redis


def from_url(url, **options):
    """A Redis on the store that a kevy:// URL names."""
    return Redis.from_url(url, **options)


common.register(redis.connection, "redis", lambda store: pool_options(store, Connection))
