"""valkey.asyncio on a store inside the process: see kevy.valkey, and kevy.clients.tasks for how it waits."""

import valkey.asyncio
import valkey.asyncio.connection
import valkey.exceptions
from valkey._parsers.base import BaseParser

from kevy.clients import common, tasks

__all__ = ["Connection", "StrictValkey", "Valkey", "from_url"]


class Connection(tasks.Session, valkey.asyncio.connection.AbstractConnection):
    """A connection of valkey.asyncio that is a session of a store."""

    class Parser(common.AsyncParser, BaseParser):
        pass

    errors = valkey.exceptions


class Valkey(valkey.asyncio.Valkey):
    """A valkey.asyncio.Valkey whose commands are run by a store inside the process: see kevy.redis.Redis."""

    def __init__(self, store=None, *, connection_pool=None, single_connection_client=False, **options):
        options.pop("auto_close_connection_pool", None)
        owned = connection_pool is None
        if owned:
            connection_pool = valkey.asyncio.ConnectionPool(**common.pool_options(store, Connection), **options)
        super().__init__(connection_pool=connection_pool, single_connection_client=single_connection_client)
        self.auto_close_connection_pool = owned


StrictValkey = Valkey


def from_url(url, **options):
    """A Valkey on the store that a kevy:// URL names."""
    return Valkey.from_url(url, **options)


common.register(valkey.asyncio.connection, "valkey", lambda store: common.pool_options(store, Connection))
