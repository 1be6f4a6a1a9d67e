"""valkey-py on a store inside the process: the same classes, without a server.

    import kevy, kevy.valkey

    v = kevy.valkey.Valkey(kevy.Store(), decode_responses=True)
    v.set("greeting", "hello", ex=60)

Valkey is a valkey.Valkey whose connections call the engine directly, as kevy.redis.Redis is a redis.Redis; kevy.valkey.asyncio is
valkey.asyncio so. Importing this module also lets valkey.from_url and valkey.ConnectionPool.from_url open kevy:// URLs.
"""

import time

import valkey
import valkey.connection
import valkey.exceptions
from valkey._parsers.base import BaseParser

from kevy.clients import common, threads

__all__ = ["Connection", "StrictValkey", "Valkey", "from_url"]


class Connection(threads.Session, valkey.connection.AbstractConnection):
    """A connection of valkey-py that is a session of a store."""

    class Parser(common.Parser, BaseParser):
        pass

    errors, clock = valkey.exceptions, time.time


class Valkey(valkey.Valkey):
    """A valkey.Valkey whose commands are run by a store inside the process: see kevy.redis.Redis."""

    def __init__(self, store=None, *, connection_pool=None, single_connection_client=False, **options):
        owned = connection_pool is None
        if owned:
            connection_pool = valkey.ConnectionPool(**common.pool_options(store, Connection), **options)
        super().__init__(connection_pool=connection_pool, single_connection_client=single_connection_client)
        self.auto_close_connection_pool = owned


StrictValkey = Valkey


def from_url(url, **options):
    """A Valkey on the store that a kevy:// URL names."""
    return Valkey.from_url(url, **options)


common.register(valkey.connection, "valkey", lambda store: common.pool_options(store, Connection))
