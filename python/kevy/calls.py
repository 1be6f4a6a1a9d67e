"""What a call of a function is known by: text made of its arguments, for the keys of kevy.caching."""

import enum
import hashlib
import inspect
import itertools
import os
import weakref

_BORN = os.urandom(6).hex()
_numbers = itertools.count(1)
_known: dict = {}  # id of an object: (weak reference to it, its name)
_PLAIN = frozenset((str, bytes, int, float, complex, bool, type(None)))
_SPELLED = frozenset(("datetime", "decimal", "fractions", "uuid", "ipaddress", "pathlib", "zoneinfo"))
_LONGEST = 200  # characters of arguments in a key; longer ones are digested


def _new_name():
    """One that no other object, function or process has."""
    return "@%s.%d" % (_BORN, next(_numbers))


def _identity(value):
    """The name of an object, for as long as it lives; it is not kept alive."""
    at = id(value)
    known = _known.get(at)
    if known is None or known[0]() is not value:
        try:
            known = (weakref.ref(value, lambda ref: _known.pop(at, None)), _new_name())
        except TypeError:
            raise TypeError(f"a {type(value).__qualname__} has no weak references: give key=, a function of the arguments")
        _known[at] = known
    return known[1]


def _spell(value):
    """Text that tells a value from every other, also in another process."""
    kind = type(value)
    if kind in _PLAIN or kind.__module__ in _SPELLED:
        return repr(value)
    if kind is tuple or kind is list:
        return "%s(%s)" % (kind.__name__[0], ",".join(map(_spell, value)))
    if kind is set or kind is frozenset:
        return "s(%s)" % ",".join(sorted(map(_spell, value)))
    if kind is dict:
        return "d(%s)" % ",".join(sorted(_spell(k) + ":" + _spell(v) for k, v in value.items()))
    if isinstance(value, enum.Enum):
        return "%s.%s(%s)" % (kind.__module__, kind.__qualname__, _spell(value.value))
    if isinstance(value, type):
        return _identity(value) if "<locals>" in value.__qualname__ else value.__module__ + "." + value.__qualname__
    raise TypeError(f"a call cannot be known by a {kind.__qualname__}: give key=, a function of the arguments")


def _spell_owner(value):
    """The first argument of a function that a class has: an object is itself, and no other."""
    known = _known.get(id(value))
    if known is not None and known[0]() is value:
        return known[1]
    try:
        return _spell(value)
    except TypeError:
        return _identity(value)


class Names:
    """How the calls of one function are named."""

    def __init__(self, function, key, prefix):
        name = function.__module__ + "." + function.__qualname__
        within = function.__qualname__.rpartition(".")[0]
        self.owned = within != "" and not within.endswith("<locals>")
        if prefix is None:
            prefix = name + (_new_name() if "<" in function.__qualname__ else "") + ":"
        self.prefix = prefix
        self.given = key
        self.signature, self.arity = None, -1
        if key is None:
            self._read_signature(function)

    def _read_signature(self, function):
        try:
            self.signature = inspect.signature(function)
        except ValueError:
            return
        parameters = self.signature.parameters.values()
        if all(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters):
            self.arity = len(parameters)

    def _arguments(self, args, kwargs):
        """The same for f(1), f(x=1) and f() with x=1 as the default."""
        if self.signature is None:
            return (*args, kwargs)
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    def _default(self, args, kwargs):
        if kwargs or len(args) != self.arity:
            args = self._arguments(args, kwargs)
        if self.owned and args:
            text = ",".join([_spell_owner(args[0]), *map(_spell, args[1:])])
        else:
            text = ",".join([_spell(a) for a in args])
        if len(text) > _LONGEST:
            return "#" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        return text

    def of(self, args, kwargs):
        """The key of a call."""
        if self.given is None:
            return self.prefix + self._default(args, kwargs)
        made = self.given(*args, **kwargs)
        if isinstance(made, str):
            return self.prefix + made
        if isinstance(made, (bytes, bytearray, memoryview)):
            return self.prefix.encode() + bytes(made)
        return self.prefix + _spell(made)

    def pattern(self):
        """What the keys of all calls match."""
        return "".join("\\" + c if c in "*?[]\\" else c for c in self.prefix) + "*"
