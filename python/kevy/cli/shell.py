"""kevy shell: commands typed at a store or a server, answers as redis-cli prints them.

TARGET is mem:// (the default), a directory, an RDB file (read once; what is written stays in memory), unix:/path or host:port.
With a COMMAND, or where the input is no terminal, the commands are run and their answers printed plain, for programs; exit
code 1 when one of them answered an error.
"""

import contextlib
import os
import sys
import time

import kevy
from kevy.cli import links, replies, words
from kevy.cli.manual import Manual

_LISTENING = {b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE", b"MONITOR"}
_SECRETS = {b"AUTH", b"HELLO", b"ACL", b"CONFIG", b"MIGRATE"}
_SLOW = 0.5


class Shell:
    """A link, how its answers are printed, and what the prompt has to say."""

    def __init__(self, link, formatted, out=None):
        self.link, self.formatted = link, formatted
        self.out = sys.stdout.buffer if out is None else out
        self.failed = False
        self.forget()
        self._manual = None

    def forget(self):
        self.database, self.queueing = 0, False

    @property
    def prompt(self):
        return f"{self.link.where}{f'[{self.database}]' if self.database else ''}{'(TX)' if self.queueing else ''}> "

    @property
    def manual(self):
        """Of the link's own commands; of kevy's where it does not tell."""
        if self._manual is None:
            answer = self.link.ask([b"COMMAND", b"DOCS"])[-1] if not self.queueing else None
            if answer is None or answer.kind == "-":
                with kevy.Store() as store:
                    answer = links.Inside("mem://", store, 2).ask([b"COMMAND", b"DOCS"])[-1]
            self._manual = Manual(answer)
        return self._manual

    def say(self, *lines):
        self.out.write("".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape"))
        self.out.flush()

    def show(self, reply, page=False):
        self.failed = self.failed or reply.kind == "-"
        self.out.write(replies.pretty(reply) if self.formatted and not page else replies.raw(reply))
        self.out.flush()

    def run(self, command):
        """Runs one command, and prints what it answers."""
        answers = self.link.ask(command)
        for reply in answers:
            self.show(reply, replies.is_page(command))
        self._note(command, answers)
        if command[0].upper() in _LISTENING and all(reply.kind != "-" for reply in answers):
            self.listen()

    def _note(self, command, answers):
        """Keeps what the prompt shows."""
        name = command[0].upper()
        if not answers or answers[-1].kind == "-" and name != b"EXEC":
            return
        if name == b"MULTI":
            self.queueing = True
        elif name in (b"EXEC", b"DISCARD"):
            self.queueing = False
        elif name == b"RESET":
            self.forget()
        elif name == b"SELECT" and not self.queueing:
            self.database = int(command[1])

    def listen(self):
        """Prints messages until Ctrl-C, or the end of the connection."""
        if self.formatted:
            self.say("Reading messages... (press Ctrl-C to quit)")
        while True:
            message = self.link.pushed(3600.0)
            if message is not None:
                self.show(message)

    def restart(self):
        """After Ctrl-C: what was waited for is not waited for any more."""
        self.say("")
        self.forget()
        self.link.reset()

    def line(self, text):
        """Does what a line says; False where it says to leave."""
        try:
            command = words.split(text)
        except ValueError as e:
            self.say(str(e))
            self.failed = True
            return True
        if not command:
            return True
        return self.do(command)

    def do(self, command):
        """Does what the words of a line say; a number before a command repeats it."""
        times = 1
        if len(command) > 1 and command[0].isdigit():
            times, command = int(command[0]), command[1:]
        name = command[0].lower()
        if name in (b"exit", b"quit") and len(command) == 1:
            return False
        if name in (b"help", b"?"):
            self.say(*self.manual.help([w.decode("utf-8", "replace") for w in command[1:]]))
        elif name == b"clear" and len(command) == 1:
            self.say("\x1b[H\x1b[2J")
        else:
            for _ in range(times):
                self.run(command)
        return True

    # ---- Where lines come from ----

    def batch(self, lines):
        """Runs lines of an input that is no terminal."""
        for text in lines:
            if not self.line(text):
                break

    def interact(self):
        """Reads lines from a person, and tells of what goes wrong without leaving."""
        with _history(self):
            while True:
                try:
                    text = input(self.prompt)
                except EOFError:
                    self.say("")
                    return
                except KeyboardInterrupt:
                    self.say("")
                    continue
                _remember(text)
                began = time.monotonic()
                try:
                    if not self.line(text):
                        return
                except KeyboardInterrupt:
                    self.restart()
                except (OSError, ValueError, kevy.Error) as e:
                    self.say(f"Error: {e}")
                    self.forget()
                else:
                    self.tell_slow(time.monotonic() - began)

    def tell_slow(self, seconds):
        if seconds > _SLOW:
            self.say(f"({seconds:.2f}s)")


# ---- The line editor ----


def _readline():
    try:
        import readline
    except ImportError:
        return None
    return readline


def _history_file():
    return os.environ.get("KEVY_HISTORY", os.path.expanduser("~/.kevy_history"))


def _remember(text):
    """Adds a line to the history, unless it may hold a password."""
    editor = _readline()
    if editor is None or not text.strip():
        return
    with contextlib.suppress(ValueError):
        if words.split(text)[0].upper() in _SECRETS:
            return
    editor.add_history(text)


def _completer(shell, editor):
    found = []

    def complete(text, state):
        if state == 0:
            try:
                found[:] = shell.manual.completions(editor.get_line_buffer()[: editor.get_endidx()], editor.get_begidx())
            except (OSError, ValueError, kevy.Error):
                found[:] = []
        return found[state] + " " if state < len(found) else None

    return complete


@contextlib.contextmanager
def _history(shell):
    """Readline with completion and the history of earlier shells; $KEVY_HISTORY names its file, an empty one none."""
    editor, path = _readline(), _history_file()
    if editor is None:
        yield
        return
    editor.set_auto_history(False)
    editor.set_history_length(1000)
    editor.set_completer_delims(" ")
    editor.set_completer(_completer(shell, editor))
    editor.parse_and_bind("tab: complete")
    with contextlib.suppress(OSError):
        editor.read_history_file(path)
    try:
        yield
    finally:
        editor.set_completer(None)
        with contextlib.suppress(OSError):
            if path:
                editor.write_history_file(path)


# ---- The subcommand ----


def run(args):
    given = [os.fsencode(word) for word in args.command]
    if args.x:
        if not given:
            raise ValueError("-x is for the last argument of a command, and there is none")
        given.append(sys.stdin.buffer.read())
    person = not given and sys.stdin.isatty()
    formatted = sys.stdout.isatty() if args.formatted is None else args.formatted
    password = args.password or os.environ.get("KEVY_PASSWORD")
    link = links.open_link(args.target, 3 if args.resp3 else 2, args.new, args.user, password)
    with contextlib.closing(link):
        shell = Shell(link, formatted)
        if given:
            shell.do(given)
        elif person:
            if getattr(link, "loaded", False):
                shell.say(f"{args.target} is read into memory; what is written here stays in memory")
            shell.interact()
            return 0
        else:
            shell.batch(line.decode("utf-8", "surrogateescape") for line in sys.stdin.buffer)
    return 1 if shell.failed else 0


def add(subparsers):
    p = subparsers.add_parser("shell", help="type commands at a store or a server", description=__doc__,
                              epilog="kevy TARGET ... is the same as kevy shell TARGET ...")
    p.add_argument("-3", dest="resp3", action="store_true", help="speak RESP3: maps, sets, doubles")
    p.add_argument("--raw", dest="formatted", action="store_false", default=None, help="plain answers, even on a terminal")
    p.add_argument("--no-raw", dest="formatted", action="store_true", help="answers with types and indices, even elsewhere")
    p.add_argument("--new", action="store_true", help="make the directory where there is none")
    p.add_argument("-x", action="store_true", help="the input is the command's last argument")
    p.add_argument("--user", help="of a server")
    p.add_argument("-a", "--password", help="of a server; better, where others see your processes, in $KEVY_PASSWORD")
    p.add_argument("target", nargs="?", default="mem://", metavar="TARGET", help="mem://, DIR, FILE, unix:/path or host:port")
    p.add_argument("command", nargs="...", metavar="COMMAND", help="a command to run, with its arguments")
    p.set_defaults(run=run)
