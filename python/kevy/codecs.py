"""How kevy.caching keeps results: pairs of functions, to a scalar of the store's and back."""

import math

_MARK = b"\0kevy:"  # begins what stands for a result that is no scalar of the store's
_MARKED = {
    b"N": lambda rest: None,
    b"T": lambda rest: True,
    b"F": lambda rest: False,
    b"B": lambda rest: rest,
    b"I": lambda rest: int(rest, 16),
    b"D": lambda rest: math.nan,
}


def _encode_scalar(value):
    kind = type(value)
    if kind is str:
        return value
    if kind is bytes:
        return _MARK + b"B" + value if value.startswith(_MARK) else value
    if kind is int:
        return value if -1 << 63 <= value < 1 << 63 else _MARK + b"I" + hex(value).encode()
    if kind is float:
        return value if value == value else _MARK + b"D"
    if value is None:
        return _MARK + b"N"
    if kind is bool:
        return _MARK + (b"T" if value else b"F")
    raise TypeError(f"a result of type {kind.__qualname__} is no scalar: give codec='json', 'pickle' or (encode, decode)")


def _decode_scalar(value):
    if type(value) is bytes and value.startswith(_MARK):
        return _MARKED[value[6:7]](value[7:])
    return value


def _encode_bytes(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"a result with codec='bytes' is bytes, not {type(value).__qualname__}")


def _decode_bytes(value):
    if type(value) is not bytes:
        raise ValueError("not bytes")
    return value


def codec(given):
    """The pair of functions that a codec is."""
    if given is None or given == "scalar":
        return _encode_scalar, _decode_scalar
    if given == "bytes":
        return _encode_bytes, _decode_bytes
    if given == "json":
        import json

        return json.JSONEncoder(separators=(",", ":")).encode, json.loads
    if given == "pickle":
        import pickle

        return pickle.dumps, pickle.loads
    if isinstance(given, tuple) and len(given) == 2 and all(map(callable, given)):
        return given
    raise ValueError("codec is 'scalar', 'bytes', 'json', 'pickle' or a pair of functions (encode, decode)")
