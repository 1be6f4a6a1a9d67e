"""What a shell talks to: a session of a store inside this process, or a server behind a socket.

A link has ask(words), the replies to one command; pushed(timeout), a message that came unasked, or None; reset(), which begins
anew as if just connected; and close(). `where` is its name for the prompt.
"""

import contextlib
import io
import os
import re
import select
import socket

import kevy
from kevy.cli import files
from kevy.cli.resp import Reply, read_reply, request

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.%\w]+\]|[\w.-]*):(\d{1,5})")
_SUBSCRIBING = {b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE", b"UNSUBSCRIBE", b"PUNSUBSCRIBE", b"SUNSUBSCRIBE"}


def _tcp(target):
    found = _ADDRESS.fullmatch(target)
    return found and not os.path.exists(target) and (found[1].strip("[]") or "127.0.0.1", int(found[2]))


def names_target(text):
    """Whether a word is a store or a server, rather than a subcommand."""
    return text.startswith("unix:") or "://" in text or os.path.exists(text) or text.endswith("/") or bool(_tcp(text))


def open_link(target, protocol=2, new=False, user=None, password=None):
    """The link to what a target names: mem://, mem://name, file://DIR, FILE, DIR, unix:/path, host:port."""
    address = target[5:] if target.startswith("unix:") else _tcp(target)
    if address:
        return Server(target, address, protocol, user, password)
    return Inside(target, _store(target, new), protocol)


def _store(target, new):
    if target.startswith("file://"):
        return files.open_directory(target[7:])
    if "://" in target:
        return kevy.open(target)
    if os.path.isfile(target):
        return files.load(target)
    if new:
        return files.open_directory(target)
    if not os.path.exists(target):
        raise FileNotFoundError(f"there is no file or directory {target}; with --new a directory is made")
    return files.open_directory(target)


class Inside:
    """A session of a store of this process."""

    def __init__(self, where, store, protocol):
        self.where, self.store, self.protocol = where, store, protocol
        self.loaded = store.mode == "memory" and os.path.isfile(where)
        self.session = None
        self.reset()

    def reset(self):
        if self.session is not None:
            self.session.close()
        self.session = self.store.session()
        if self.protocol == 3:
            self.session.command_resp("HELLO", "3")

    def ask(self, words):
        answer = self.session._ask(*words)
        file, replies = io.BytesIO(answer), []
        while file.tell() < len(answer):
            replies.append(read_reply(file))
        return replies

    def pushed(self, timeout):
        message = self.session.next_message(timeout)
        if message is None:
            return None
        return Reply(">" if self.session.protocol == 3 else "*", [Reply("$", part) for part in message])

    def close(self):
        self.session.close()
        self.store.close()


class Server:
    """A connection to a server; it is made at the first command, and again after it broke."""

    def __init__(self, where, address, protocol, user, password):
        self.where, self.address, self.protocol = where, address, protocol
        self.login = [w.encode() for w in ([user] if user else []) + [password]] if password else []
        self.socket = self.file = None
        self._connect()

    def _connect(self):
        try:
            if isinstance(self.address, tuple):
                self.socket = socket.create_connection(self.address)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            else:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(self.address)
        except OSError as e:
            self.close()
            raise ConnectionError(f"cannot connect to {self.where}: {e.strerror or e}") from None
        self.file = self.socket.makefile("rb")
        if self.login:
            self._must(b"AUTH", *self.login)
        if self.protocol == 3:
            self._must(b"HELLO", b"3")

    def _must(self, *words):
        reply = self.ask(words)[-1]
        if reply.kind == "-":
            self.close()
            raise ConnectionError(f"{self.where}: {reply.value.decode('utf-8', 'replace')}")

    def ask(self, words):
        if self.socket is None:
            self._connect()
        try:
            self.socket.sendall(request(words))
            return self._answers(words)
        except BaseException:  # what comes next would be the answer to this
            self.close()
            raise

    def _answers(self, words):
        """One reply, or one for each channel; messages that come before it are given first."""
        name, replies = words[0].upper(), []
        wanted = max(1, len(words) - 1) if name in _SUBSCRIBING else 1
        while wanted:
            replies.append(read_reply(self.file))
            if replies[-1].kind != ">" or (name in _SUBSCRIBING and replies[-1].value[0].value.upper() == name):
                wanted -= 1
            if replies[-1].kind == "-":
                break
        return replies

    def pushed(self, timeout):
        if self.socket is None:
            return None
        self.socket.settimeout(0)  # peek() is to look only at what is there
        try:
            here = self.file.peek(1)
        except BlockingIOError:
            here = b""
        finally:
            self.socket.settimeout(None)
        if not here and not select.select([self.socket], [], [], timeout)[0]:
            return None
        return read_reply(self.file)

    def reset(self):
        self.close()
        self._connect()

    def close(self):
        with contextlib.suppress(OSError):
            for thing in (self.file, self.socket):
                if thing is not None:
                    thing.close()
        self.file = self.socket = None
