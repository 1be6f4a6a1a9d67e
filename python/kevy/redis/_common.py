"""What the connections of kevy.redis and kevy.redis.asyncio share."""

import contextlib
import functools
import importlib
import threading
import weakref
from urllib.parse import unquote, urlsplit

from redis._parsers.base import BaseParser, PushNotificationsParser
from redis.client import EMPTY_RESPONSE, NEVER_DECODE
from redis.exceptions import ConnectionError, ResponseError

import kevy

# What a connection over the network is told, and one inside the process has no use for.
_NETWORK = frozenset(("host", "port", "path", "unix_socket_path", "socket_keepalive", "socket_keepalive_options",
                      "socket_type", "socket_read_size", "parser_class", "command_packer"))


_NETWORKS = ("ssl", "maint", "orig_", "oss_cluster_")


def without_network(options):
    """Keyword arguments of a connection, those of a socket left out."""
    return {name: value for name, value in options.items() if name not in _NETWORK and not name.startswith(_NETWORKS)}


def pool_options(store, connection_class):
    """What makes a ConnectionPool one of sessions of a store. Newer redis-pys listen to what a server says about its upkeep."""
    options = {"store": open_store(store), "connection_class": connection_class}
    with contextlib.suppress(ImportError):
        upkeep = importlib.import_module("redis.maint_notifications")
        options["maint_notifications_config"] = upkeep.MaintNotificationsConfig(enabled=False)
    return options


def open_store(store):
    """A store as the clients take it: a kevy.Store, a URL of kevy.open's, None for a new one."""
    if store is None:
        return kevy.Store()
    return kevy.open(store) if isinstance(store, str) else store


_opened: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # stores that URLs name, by kevy.open's URL
_opening = threading.Lock()


def named_store(url):
    """The store of kevy://name or kevy:///directory, the same one for as long as somebody has it; of kevy:// a new one."""
    parts = urlsplit(url)
    if not parts.netloc and not parts.path.strip("/"):
        return kevy.Store()
    name = "mem://" + unquote(parts.netloc) if parts.netloc else "file://" + unquote(parts.path)
    with _opening:
        store = _opened.get(name)
        if store is None or store.closed:
            store = _opened[name] = kevy.open(name)
        return store


def register(module, connection_class):
    """Teaches a module of redis-py, whose from_url calls parse_url, what a kevy:// URL is; its query is redis-py's."""
    parse_url = module.parse_url

    def parse(url):
        if not url.startswith("kevy://"):
            return parse_url(url)
        options = parse_url("redis://?" + urlsplit(url).query)
        options.update(pool_options(named_store(url), connection_class))
        return options

    module.parse_url = functools.wraps(parse_url)(parse)


class Parser(BaseParser, PushNotificationsParser):
    """In the place of redis-py's parsers: there is nothing to parse, but errors and pushed messages are told here."""

    def __init__(self, socket_read_size=0):
        self.pubsub_push_handler_func = self.handle_pubsub_push_response
        self.invalidation_push_handler_func = None

    def handle_pubsub_push_response(self, response):
        return response

    def on_connect(self, connection):
        pass

    def on_disconnect(self):
        pass


# A pipeline's replies are there when its commands are sent: they are read by one call, and given what redis-py's parse_response gives
# each of them in turn. What it has more to say about takes its own way: commands that watch, options that tell how to read.

_WATCHES = frozenset(("WATCH", "UNWATCH", "DISCARD", "EXEC"))


def is_plain(commands):
    """Whether the replies of a pipeline's commands may be read together."""
    return not any(
        args[0] in _WATCHES or (options and (NEVER_DECODE in options or EMPTY_RESPONSE in options)) for args, options in commands
    )


def responses(callbacks, commands, replies):
    """What redis-py's pipelines make of replies: what the commands' callbacks make of them, errors as they are."""
    made = []
    for (args, options), reply in zip(commands, replies):
        if isinstance(reply, ConnectionError):
            raise reply
        if not isinstance(reply, ResponseError) and args[0] in callbacks:
            try:
                reply = callbacks[args[0]](reply, **{name: value for name, value in options.items() if name != "keys"})
            except ResponseError as error:
                reply = error
        made.append(reply)
    return made
