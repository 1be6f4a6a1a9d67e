"""Writes python/kevy/_abi.py, the constants, structures and prototypes for ctypes, and its stub."""

import keyword

from .header import Alias, Callback, CType, Description, Field, Function, Param, Struct

MACHINE = {
    "void": "None", "double": "ctypes.c_double", "size_t": "ctypes.c_size_t",
    "int32_t": "ctypes.c_int32", "uint32_t": "ctypes.c_uint32",
    "int64_t": "ctypes.c_int64", "uint64_t": "ctypes.c_uint64",
}

HEAD = '''
"""The C ABI for ctypes: constants, structures, and prototypes that declare() gives a library.

A pointer that comes with a length is a c_void_p (read it with ctypes.string_at); one that ends with
a NUL is a c_char_p. Where C has a field named by a Python keyword, an underscore follows it."""

import ctypes

'''

TAIL = '''

def declare(library):
    """Gives each function of the ABI its prototype in a loaded library. AttributeError names a
    function that the library does not export."""
    for name, result, arguments in PROTOTYPES:
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library
'''


def plain(d: Description, t: CType) -> str:
    """The ctypes name of a type, without knowing what it is for."""
    if t.base == "char":
        return {1: "ctypes.c_char_p", 2: "ctypes.POINTER(ctypes.c_char_p)"}[t.stars]
    if t == CType("void", 1):
        return "ctypes.c_void_p"
    alias = any(a.name == t.base for a in d.all(Alias) + d.all(Callback))
    name = t.base if alias or d.opaque(t.base) or d.struct(t.base) else MACHINE[t.base]
    for _ in range(t.stars):
        name = f"ctypes.POINTER({name})"
    return name


def callback(d: Description, c: Callback) -> str:
    """The type of a callback: calling it with a function of Python's makes one that C can call, while it is kept."""
    return f"{c.name} = ctypes.CFUNCTYPE({', '.join(plain(d, t) for t in [c.result] + [p.type for p in c.params])})\n"


def param(d: Description, p: Param) -> str:
    return "ctypes.POINTER(ctypes.c_void_p)" if p.role == "bytes_out" else plain(d, p.type)


def safe(name: str) -> str:
    return name + "_" if keyword.iskeyword(name) else name


def field_lines(d: Description, s: Struct, fields) -> list:
    counted = any(f.name == "len" for f in s.fields)
    lines = []
    for f in fields:
        if f.type is None:
            lines.append(f'        ("{safe(f.name)}", {s.name}_{f.name}),')
        elif counted and f.type.base == "char":
            lines.append(f'        ("{safe(f.name)}", ctypes.c_void_p),')
        else:
            lines.append(f'        ("{safe(f.name)}", {plain(d, f.type)}),')
    return lines


def structure(d: Description, s: Struct) -> str:
    if s.fields is None:
        return f"class {s.name}(ctypes.Structure):\n    pass\n"
    text = ""
    for u in [f for f in s.fields if f.type is None]:
        text += (f"class {s.name}_{u.name}(ctypes.Union):\n    _fields_ = [\n"
                 + "\n".join(field_lines(d, s, u.members)) + "\n    ]\n\n\n")
    return (text + f"class {s.name}(ctypes.Structure):\n    _fields_ = [\n"
            + "\n".join(field_lines(d, s, s.fields)) + "\n    ]\n")


def prototype(d: Description, f: Function) -> str:
    arguments = [param(d, p) for p in f.params]
    inside = ", ".join(arguments) + ("," if len(arguments) == 1 else "")
    line = f'    ("{f.name}", {plain(d, f.result)}, ({inside})),'
    if len(line) <= 100:
        return line
    return (f'    ("{f.name}", {plain(d, f.result)}, (\n'
            + "".join(f"        {a},\n" for a in arguments) + "    )),")


# ---- The stub -------------------------------------------------------------------------------

STUB_HEAD = '''
import ctypes
from _ctypes import CFuncPtr, _CField
from typing import Final, final

'''

STUB_TAIL = '''
ERRORS: dict[int, tuple[str, str, str]]
PROTOTYPES: tuple[tuple[str, type | None, tuple[type, ...]], ...]

def declare(library: ctypes.CDLL) -> ctypes.CDLL: ...
'''

# What ctypes gives for a field of each type: reading, writing.
PYTHON = {"double": ("float", "float"), "char": ("bytes | None", "bytes | None")}


def stub_field(d: Description, s: Struct, f: Field) -> str:
    if f.type is None:
        ctype = got = given = f"{s.name}_{f.name}"
    elif any(x.name == "len" for x in s.fields) and f.type.base == "char":
        ctype, got, given = "ctypes.c_void_p", "int | None", "int | None"
    else:
        ctype = plain(d, f.type)
        got, given = PYTHON.get(f.type.base, ("int", "int"))
        if d.struct(f.type.base) or any(c.name == f.type.base for c in d.all(Callback)):
            got = given = ctype
        elif ctype == "ctypes.c_void_p":
            got = given = "int | None"
    return f"    {safe(f.name)}: _CField[{ctype}, {got}, {given}]\n"


def stub_structure(d: Description, s: Struct) -> str:
    if s.fields is None:
        return f"class {s.name}(ctypes.Structure): ...\n\n"
    unions = "".join(
        f"class {s.name}_{u.name}(ctypes.Union):\n" + "".join(stub_field(d, s, m) for m in u.members)
        + "\n" for u in s.fields if u.type is None)
    return (unions + f"class {s.name}(ctypes.Structure):\n"
            + "".join(stub_field(d, s, f) for f in s.fields) + "\n")


def write_stub(description: Description, rows) -> str:
    d = description
    return (STUB_HEAD + "".join(f"{c.name}: Final = {c.value!r}\n" for c in d.constants) + "\n"
            + "".join(f"{a.name} = {plain(d, a.type)}\n" for a in d.all(Alias))
            + "".join(f"@final\nclass {c.name}(CFuncPtr): ...\n" for c in d.all(Callback)) + "\n"
            + "".join(stub_structure(d, s) for s in d.structs).rstrip() + "\n" + STUB_TAIL)


# ---- The module -----------------------------------------------------------------------------


def write(description: Description, rows) -> str:
    d = description
    parts = [HEAD]
    parts += [f"{c.name} = {c.value!r}\n" for c in d.constants]
    parts.append("\n" + "".join(f"{a.name} = {plain(d, a.type)}\n" for a in d.all(Alias)))
    parts += [callback(d, c) for c in d.all(Callback)]
    parts += ["\n\n" + structure(d, s) for s in d.structs]
    parts.append("\n\n# status: (name, message, the exception of kevy that it raises)\nERRORS = {\n")
    for e in rows.errors(d):
        parts.append(f"    {e.number}: ({e.name!r}, {e.message!r}, {e.python!r}),\n")
    parts.append("}\n\n# name, result, arguments\nPROTOTYPES = (\n")
    parts += [prototype(d, f) + "\n" for f in d.functions]
    parts.append(")\n" + TAIL)
    return "".join(parts)
