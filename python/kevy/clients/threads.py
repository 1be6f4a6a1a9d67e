"""Connections of a library like redis-py that call a store, each a session of it."""

from kevy.clients import common

_UNSET = object()


class Session(common.Session):
    """What sends and reads without an event loop. What redis-py knows as the socket is the wire."""

    def __init__(self, store=None, **options):
        self.store = common.open_store(store)
        super().__init__(parser_class=self.Parser, **common.without_network(options))
        self._decodes = self.encoder.decode_responses
        self._pushes = self.protocol == 3

    @property
    def _wire(self):
        return self._sock

    @_wire.setter
    def _wire(self, wire):
        self._sock = wire

    def _connect(self):
        return self._new_wire()

    def connect(self):
        if self._sock is None:
            super().connect()

    def disconnect(self, *args, **options):
        self._close()

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
            raise self.errors.ConnectionError(f"Error while reading from {self._host_error()}: {e}")
        except BaseException:
            if disconnect_on_error:
                self.disconnect()
            raise
        if disconnect_on_error:
            self.disconnect()
        raise self.errors.TimeoutError(f"Timeout reading from {self._host_error()}")

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
                if isinstance(response, self.errors.ConnectionError) and disconnect_on_error:
                    self.disconnect()
                raise response
            finally:
                del response  # no cycle of references
        return response
