"""Writes lua/kevy/cdef.lua: what LuaJIT's ffi needs to call the ABI."""

from .header import Alias, Callback, Description, Field, Function, Struct

HEAD = '''
-- The C ABI for LuaJIT: cdef goes to ffi.cdef once per process; abi is what kevy_abi() of the loaded
-- library must answer; constants are the numbers of the headers under their own names;
-- errors maps a negative status to its name and message; options has the kind of each option of kevy_open by its
-- name; functions and structs list what cdef declares.

return {
'''


def field_text(f: Field) -> str:
    if f.type is None:
        return "union { " + " ".join(field_text(m) for m in f.members) + " } " + f.name + ";"
    return f.type.c(f.name) + ";"


def struct_text(s: Struct) -> str:
    if s.fields is None:
        return f"typedef struct {s.name} {s.name};"
    return (f"typedef struct {s.name} {{\n"
            + "".join(f"  {field_text(f)}\n" for f in s.fields) + f"}} {s.name};")


def cdef(d: Description) -> str:
    lines = []
    for what in d.order:
        if isinstance(what, Alias):
            lines.append(f"typedef {what.type.c(what.name)};")
        elif isinstance(what, Callback):
            lines.append(what.declaration())
        elif isinstance(what, Struct):
            lines.append(struct_text(what))
        elif isinstance(what, Function):
            lines.append(what.prototype() + ";")
    return "\n".join(lines) + "\n"


def quoted(value) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def columns(names, indent="    ", width=96) -> str:
    """A list of strings, filled into lines."""
    lines, line = [], indent
    for name in names:
        piece = f'"{name}", '
        if len(line) + len(piece) > width:
            lines.append(line.rstrip())
            line = indent
        line += piece
    return "\n".join(lines + [line.rstrip()]) + "\n"


def struct_row(s: Struct) -> str:
    names = ", ".join(f'"{f.name}"' for f in s.fields)
    return f"    {{ \"{s.name}\", {{ {names} }} }},\n"


def write(description: Description, rows) -> str:
    d = description
    parts = [HEAD, f"  abi = {d.constant('KEVY_ABI')},\n", "  cdef = [[\n" + cdef(d) + "]],\n"]
    parts.append("  constants = {\n")
    parts += [f"    {c.name} = {quoted(c.value)},\n" for c in d.constants]
    parts.append("  },\n  errors = {\n")
    for e in rows.errors(d):
        parts.append(f"    [{e.number}] = {{ name = {quoted(e.name)}, message = {quoted(e.message)} }},\n")
    parts.append("  },\n  options = { ")
    parts.append(", ".join(f"{o.name} = {quoted(o.kind)}" for o in rows.of("bindings/options.def", "OPTION")))
    parts.append(" },\n  functions = {\n" + columns(f.name for f in d.functions))
    parts.append("  },\n  structs = {\n")
    parts += [struct_row(s) for s in d.structs if s.fields is not None]
    parts.append("  },\n}\n")
    return "".join(parts)
