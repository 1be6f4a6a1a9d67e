"""What there is to know of commands, from COMMAND DOCS: names to complete, and help."""

from kevy.cli.resp import AGGREGATES

_TARGETS = ["  mem://            a new store in memory; mem://NAME one that a program of this process shares",
            "  DIR, file://DIR   the store in this directory; --new makes one",
            "  FILE              an RDB file, read once; what is written stays in memory",
            "  HOST:PORT         a server: a window of another process, Redis, Valkey",
            "  unix:PATH         the same behind a unix socket"]
_FACES = ("summary", "since", "group", "complexity")


def _plain(reply):
    """A reply as Python's own values: maps as dicts where they come as such, text as str."""
    kind, value = reply
    if kind == "%":
        return dict(zip(map(_plain, value[::2]), map(_plain, value[1::2])))
    if kind in AGGREGATES:
        return [_plain(item) for item in value or []]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _map(value):
    """A map; RESP2 has it as a list."""
    return value if isinstance(value, dict) else dict(zip(value[::2], value[1::2]))


def _syntax(argument):
    """One argument as manuals write it."""
    it = _map(argument)
    kind, flags = it.get("type"), it.get("flags", [])
    if kind in ("oneof", "block"):
        text = ("|" if kind == "oneof" else " ").join(map(_syntax, it.get("arguments", [])))
    else:
        text = "" if kind == "pure-token" else it.get("display_text", it.get("name", ""))
    token = it.get("token", "")
    text = f"{token} {text}".strip() if token else text
    if "multiple" in flags:
        text = f"{text} [{text} ...]" if "multiple_token" in flags or not token else f"{text} ..."
    return f"[{text}]" if "optional" in flags else f"<{text}>" if kind == "oneof" else text


def _tokens(arguments):
    """The words in capitals among arguments, those of their parts with them."""
    for it in map(_map, arguments):
        yield from [it["token"]] if it.get("token") else []
        yield from _tokens(it.get("arguments", []))


class Manual:
    """Commands and subcommands by name ("SET", "CONFIG GET"), each with what COMMAND DOCS says of it."""

    def __init__(self, reply):
        self.commands = {}
        for name, doc in _map(_plain(reply)).items():
            doc = _map(doc)
            subcommands = _map(doc.pop("subcommands", []))
            self.commands[name.upper()] = doc
            for sub, its in subcommands.items():
                self.commands[sub.upper().replace("|", " ")] = _map(its)

    def groups(self):
        return sorted({doc.get("group", "") for doc in self.commands.values()} - {""})

    def completions(self, line, begun):
        """What the last word of a line, that begins at `begun`, may become; in the case that it is written in."""
        before, word = line[:begun].upper().split(), line[begun:]
        asks = before[:1] in (["HELP"], ["?"])
        before = before[1:] if asks else before
        names = [name.split() for name in self.commands]
        found = sorted({name[len(before)] for name in names if len(name) > len(before) and name[: len(before)] == before})
        if not asks and not found:
            found = self._options(before)
        if not before:
            found += ["@" + group for group in self.groups()] if asks else ["HELP"]
        fits = [name for name in found if name.upper().startswith(word.upper())]
        return [name.lower() if word.islower() else name for name in fits]

    def _options(self, before):
        """What may be said behind the words of a command: the words in capitals of its arguments that are not there yet."""
        name = next((" ".join(before[:n]) for n in (2, 1) if " ".join(before[:n]) in self.commands), None)
        tokens = _tokens(self.commands[name].get("arguments", [])) if name else []
        return sorted({token for token in tokens if token.upper() not in before and token.isalnum()})

    def _entry(self, name):
        doc = self.commands[name]
        syntax = " ".join(map(_syntax, doc.get("arguments", [])))
        lines = [f"  {name} {syntax}".rstrip()]
        return lines + [f"  {face}: {doc[face]}" for face in _FACES if doc.get(face)]

    def help(self, words):
        """The lines that answer `help WORDS`: a command, a prefix of subcommands, or a @group."""
        asked = " ".join(words).upper()
        if not asked:
            return ['help SET        about a command', 'help CONFIG GET about a subcommand', 'help @hash      a group of commands',
                    'help targets    what a shell can talk to',
                    '<tab>           completes names', 'exit            leaves; so does Ctrl-D', '',
                    "groups: " + " ".join("@" + group for group in self.groups())]
        if asked == "TARGETS":
            return list(_TARGETS)
        if asked.startswith("@"):
            names = [n for n, doc in self.commands.items() if doc.get("group", "").upper() == asked[1:]]
            return [f"  {n}: {self.commands[n].get('summary', '')}" for n in sorted(names)] or [f"there is no group {asked.lower()}"]
        names = [n for n in self.commands if n == asked or n.startswith(asked + " ")]
        lines = [line for name in sorted(names) for line in ["", *self._entry(name)]]
        return lines + [""] if lines else [f"there is no command {asked}"]
