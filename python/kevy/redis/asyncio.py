"""redis.asyncio on a store inside the process: see kevy.redis, and kevy.clients.tasks for how it waits."""

import inspect

import redis.asyncio
import redis.asyncio.client
import redis.asyncio.connection
import redis.exceptions
from redis._parsers.base import BaseParser
from redis.exceptions import ResponseError

from kevy.clients import common, tasks
from kevy.redis import _pipelines, pool_options

__all__ = ["Connection", "Redis", "StrictRedis", "from_url"]


class Connection(tasks.Session, redis.asyncio.connection.AbstractConnection):
    """A connection of redis.asyncio that is a session of a store."""

    class Parser(common.AsyncParser, BaseParser):
        pass

    errors = redis.exceptions


class Pipeline(redis.asyncio.client.Pipeline):
    """redis-py's, which reads its replies by one call."""

    async def _execute_pipeline(self, connection, commands, raise_on_error):
        if not isinstance(connection, Connection) or not _pipelines.is_plain(commands):
            return await super()._execute_pipeline(connection, commands, raise_on_error)
        await connection.send_packed_command(connection.pack_commands([args for args, _ in commands]))
        replies = connection.read_responses(len(commands))
        made = _pipelines.responses(self.response_callbacks, commands, replies)
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
            connection_pool = redis.asyncio.ConnectionPool(**pool_options(store, Connection), **options)
        super().__init__(connection_pool=connection_pool, single_connection_client=single_connection_client)
        self.auto_close_connection_pool = owned

    def pipeline(self, transaction=True, shard_hint=None):
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


StrictRedis = Redis


def from_url(url, **options):
    """A Redis on the store that a kevy:// URL names."""
    return Redis.from_url(url, **options)


common.register(redis.asyncio.connection, "redis", lambda store: pool_options(store, Connection))
