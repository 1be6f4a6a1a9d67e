"""Writes bindings/ffi/abi_table.inc: the rows that the libffi caller and kevy.abi read.

The file is a list of macro calls, so that each reader takes the columns it needs. ABI_EXACT pins
every prototype that was read against the one the compiler sees."""

from .header import Alias, Callback, CType, Description, Field, Function, Param, Struct, releaser

HEAD = """
/* ABI_MOST_PARAMS: the longest parameter list.
 * ABI_EXACT(function, pointer type): the function has exactly this type.
 * ABI_PARAMS(function, rows): ABI_PARAM(name, machine type, role, may be NULL, struct or handle).
 * ABI_FUNCTION(name, machine type of the result, what the result is, struct or handle, number of
 *              parameters, their rows, 1 when it releases its handle)
 * ABI_STRUCT(name, rows): ABI_FIELD(struct, field, machine type, what it is)
 * ABI_HANDLE(opaque type, function that releases it)
 * ABI_NUMBER(constant), ABI_STRING(constant). */

"""

MACHINE = {"void": "VOID", "double": "DOUBLE", "size_t": "SIZE", "int32_t": "INT32",
           "uint32_t": "UINT32", "int64_t": "INT64", "uint64_t": "UINT64"}


def machine(d: Description, t: CType) -> str:
    if t.stars or any(c.name == t.base for c in d.all(Callback)):
        return "POINTER"
    alias = next((a for a in d.all(Alias) if a.name == t.base), None)
    return MACHINE[alias.type.base if alias else t.base]


def pointee(d: Description, p: Param) -> str:
    """The machine type behind an out-parameter for a number, and of an array's numbers."""
    return machine(d, p.type.deref()) if p.role in ("number_out", "numbers") else machine(d, p.type)


def of(d: Description, t: CType) -> str:
    return f'"{t.base}"' if d.opaque(t.base) or d.struct(t.base) else "NULL"


def result_kind(d: Description, f: Function) -> str:
    t = f.result
    if t.base == "void" and not t.stars:
        return "NOTHING"
    if t.base == "kevy_status":
        return "STATUS"
    if t == CType("char", 1, True):
        return "TEXT"
    if t.stars == 1 and d.opaque(t.base):
        return "HANDLE"
    if t.stars == 1 and t.const and d.struct(t.base):
        return "STRUCT"
    if not t.stars:
        return "NUMBER"
    raise SystemExit(f"{f.name}: no door knows what to do with a result of {t.c()!r}")


def pointer_type(f: Function) -> str:
    params = ", ".join(p.type.c() for p in f.params) or "void"
    return f"{f.result.c()} (*)({params})"


def function_rows(d: Description, f: Function) -> str:
    rows = "".join(
        f'  ABI_PARAM("{p.name}", {pointee(d, p)}, {p.role.upper()}, {int(p.optional)}, '
        f"{of(d, p.type)})\n" for p in f.params)
    params = f"ABI_PARAMS({f.name},\n{rows.rstrip()})\n" if rows else ""
    return (f"ABI_EXACT({f.name}, {pointer_type(f)})\n" + params
            + f"ABI_FUNCTION({f.name}, {machine(d, f.result)}, {result_kind(d, f)}, "
            + f"{of(d, f.result)}, {len(f.params)}, "
            + (f"params_of_{f.name}" if rows else "NULL") + f", {int(releaser(f))})\n\n")


def field_row(d: Description, s: Struct, f: Field) -> str:
    if f.type == CType("void", 1) or any(c.name == f.type.base for c in d.all(Callback)):
        return ""  # a callback and its context: this door leaves them NULL
    if f.type == CType("kevy_value"):
        kind, size = "VALUE", "POINTER"
    elif f.type == CType("char", 1, True):
        kind, size = "TEXT", "POINTER"
    elif f.type is not None and not f.type.stars:
        kind, size = "NUMBER", machine(d, f.type)
    else:
        raise SystemExit(f"{s.name}.{f.name}: no door knows what to do with it")
    return f"ABI_FIELD({s.name}, {f.name}, {size}, {kind})\n"


def struct_rows(d: Description, s: Struct) -> str:
    """The fields of a struct that doors fill or read as a table; a kevy_value is a scalar to them."""
    return (f"ABI_STRUCT({s.name},\n" + "".join("  " + field_row(d, s, f) for f in s.fields).rstrip()
            + ")\n\n")


def section(name: str, body: str) -> str:
    return f"#ifdef ABI_TABLE_{name}\n{body.rstrip()}\n#endif\n\n"


def write(description: Description, rows) -> str:
    d = description
    most = max(len(f.params) for f in d.functions)
    functions = "".join(function_rows(d, f) for f in d.functions)
    structs = "".join(struct_rows(d, s) for s in d.structs if s.fields and s.name != "kevy_value")
    handles = "".join(f"ABI_HANDLE({f.params[0].type.base}, {f.name})\n"
                      for f in d.functions if releaser(f))
    constants = "".join(f"ABI_{'NUMBER' if isinstance(c.value, int) else 'STRING'}({c.name})\n"
                        for c in d.constants)
    return (HEAD + f"#define ABI_MOST_PARAMS {most}\n\n" + section("FUNCTIONS", functions)
            + section("STRUCTS", structs) + section("HANDLES", handles) + section("CONSTANTS", constants)).rstrip() + "\n"
