"""What the connections of kevy.redis, kevy.valkey and their asyncio halves share: options, URLs, parsers that have nothing to parse."""

import functools
import threading
import weakref
from urllib.parse import unquote, urlsplit

import kevy

# What a connection over the network is told, and one inside the process has no use for.
_NETWORK = frozenset(("host", "port", "path", "unix_socket_path", "socket_keepalive", "socket_keepalive_options",
                      "socket_type", "socket_read_size", "parser_class", "command_packer"))


_NETWORKS = ("ssl", "maint", "orig_", "oss_cluster_")


def without_network(options):
    """Keyword arguments of a connection, those of a socket left out."""
    return {name: value for name, value in options.items() if name not in _NETWORK and not name.startswith(_NETWORKS)}


def pool_options(store, connection_class):
    """What makes a ConnectionPool one of sessions of a store."""
    return {"store": open_store(store), "connection_class": connection_class}


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


def database_of(url):
    """What the path behind a name says of the database, as in redis://host/3."""
    parts = urlsplit(url)
    number = unquote(parts.path).strip("/") if parts.netloc else ""
    return {"db": int(number)} if number.isdigit() else {}


def register(module, scheme, options):
    """Teaches a module of connections, whose from_url calls parse_url, what a kevy:// URL is. Its query is the library's own;
    options(store) are those of a pool."""
    parse_url = module.parse_url

    def parse(url):
        if not url.startswith("kevy://"):
            return parse_url(url)
        return {**database_of(url), **parse_url(scheme + "://?" + urlsplit(url).query), **options(named_store(url))}

    module.parse_url = functools.wraps(parse_url)(parse)


class Parser:
    """Stands where the libraries' parsers do, beside what tells their errors: pushed messages are told here."""

    def __init__(self, socket_read_size=0):
        self.pubsub_push_handler_func = self.handle_pubsub_push_response
        self.invalidation_push_handler_func = None

    def handle_pubsub_push_response(self, response):
        return response

    def _handler(self, response):
        """Who is told of a pushed message; None: nobody."""
        if response[0] in (b"invalidate", "invalidate"):
            return self.invalidation_push_handler_func
        return self.pubsub_push_handler_func

    def handle_push_response(self, response, **options):
        handler = self._handler(response)
        return handler(response) if handler else None

    def set_pubsub_push_handler(self, handler):
        self.pubsub_push_handler_func = handler

    def set_invalidation_push_handler(self, handler):
        self.invalidation_push_handler_func = handler

    def on_connect(self, connection):
        pass

    def on_disconnect(self):
        pass


class AsyncParser(Parser):
    async def handle_pubsub_push_response(self, response):
        return response

    async def handle_push_response(self, response, **options):
        handler = self._handler(response)
        return await handler(response) if handler else None


class Session:
    """The part of a connection class that makes it a session of a store, by a wire; threads.Session and tasks.Session send and read
    by it. The class says what its library is: Parser, errors (its module of exceptions) and clock (that of its health checks)."""

    host, port = "kevy", 0

    def repr_pieces(self):
        pieces = [("store", self.store), ("db", self.db)]
        return pieces + [("client_name", self.client_name)] if self.client_name else pieces

    def _host_error(self):
        return repr(self.store)

    def _new_wire(self):
        encoder = self.encoder
        return self.store._wire(encoder.encode, self._parser.parse_error, encoder.encoding, encoder.encoding_errors, self.protocol)

    def _close(self):
        self._parser.on_disconnect()
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _failed(self, doing, error):
        self._close()
        return self.errors.ConnectionError(f"Error while {doing} {self._host_error()}: {error}")

    def _note_health(self):
        self.next_health_check = self.clock() + self.health_check_interval

    def read_responses(self, n):
        """The replies that are there, errors among them: up to n, and to the first that read_response has to wait for."""
        try:
            replies = self._wire.read_some(n, self._decodes)
        except (OSError, AttributeError) as e:
            raise self._failed("reading from", e)
        if self.health_check_interval:
            self._note_health()
        return replies
