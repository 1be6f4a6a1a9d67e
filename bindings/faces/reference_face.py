"""Writes docs/reference.md: the ABI, the errors, options, figures and commands, and the methods of the
doors, each from where it is declared."""

from itertools import groupby

from .stubs_face import CLASSES
from .header import Constant, Description, Function, Struct

HEAD = """
# kevy reference

Everything that can be called, from the place where it is declared: the C ABI and its comments, the rows
of the commands, errors, options and figures, and the methods of the language doors.
"""


def text(s: str) -> str:
    """Prose for Markdown: what would be markup is escaped."""
    return s.replace("\\", "\\\\").replace("*", "\\*").replace("<", "&lt;").replace("~", "\\~")


def cell(s) -> str:
    return text(str(s)).replace("|", "\\|")


def code(s) -> str:
    return "`" + str(s).replace("|", "\\|") + "`" if s != "" else ""


def table(titles, rows) -> str:
    rows = list(rows)
    if not rows:
        return ""
    line = "| {} |\n".format
    return (line(" | ".join(titles)) + line(" | ".join("---" for _ in titles))
            + "".join(line(" | ".join(r)) for r in rows) + "\n")


def anchor(title: str) -> str:
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return f"[{title}](#{kept.replace(' ', '-')})"


# ---- The ABI --------------------------------------------------------------------------------


def struct_text(s: Struct) -> str:
    doc = text(s.doc) + "\n\n" if s.doc else ""
    if s.fields is None:
        return f"{doc}```c\ntypedef struct {s.name} {s.name};\n```\n\n"
    rows = []
    for f in s.fields:
        for m in f.members or [f]:
            name = f"{f.name}.{m.name}" if f.members else f.name
            rows.append((code(m.type.c(name)), cell(m.doc)))
    return f"{doc}`struct {s.name}`\n\n" + table(("field", "what"), rows)


def constants_text(constants) -> str:
    out = ""
    for doc, group in groupby(constants, lambda c: c.shared):
        group = list(group)
        out += text(doc) + "\n\n" if doc else ""
        out += table(("constant", "value", "what"),
                     ((code(c.name), code(c.value), cell("" if c.doc == doc else c.doc)) for c in group))
    return out


def functions_text(functions) -> str:
    out = ""
    for doc, group in groupby(functions, lambda f: f.doc):
        lines = "\n".join(f.prototype() + ";" for f in group)
        out += f"```c\n{lines}\n```\n\n{text(doc)}\n\n"
    return out


def abi_section(d: Description, title: str) -> str:
    out = f"### {title}\n\n"
    out += text(d.sections[title]) + "\n\n" if d.sections[title] else ""
    mine = [x for x in d.order if getattr(x, "section", None) == title and x.name not in d.error_names]
    for kind, group in groupby(mine, type):
        group = list(group)
        if kind is Struct:
            out += "".join(map(struct_text, group))
        elif kind is Constant:
            out += constants_text(group)
        elif kind is Function:
            out += functions_text(group)
    return out


def abi(d: Description) -> str:
    out = "## The C ABI\n\n" + d.intros["kevy.h"].partition("\n\n")[2] + "\n\n"
    return out + "".join(abi_section(d, title) for title in d.sections)


# ---- kevy.abi -------------------------------------------------------------------------------

LUA = """## Lua: kevy.abi

`require "kevy.abi"` gives plain Lua 5.4 every function and constant of the C ABI, through libffi. One
argument stands for what C takes apart: a string for its pointer and length, a table for an array and its
count, a table of fields for a struct (one that C also writes to is a result, too; in it -1 is UINT64_MAX). A scalar is a string (bytes), an integer, a float, or a table that
names the kind: `{text = "..."}`, `{bytes = "..."}`, `{int = 5}`, `{float = 5}`. Out-parameters are extra
results, in their order, and the kinds of scalars come last; one that C may leave out is asked for by
`true`. A negative status comes alone. Handles are closed by their function, by `<close>` or by the
collector, and a wrong or closed one is an error.

"""


def lua_results(f: Function):
    """The names of what a call returns."""
    own = {"kevy_status": "status", "char": "text", "void": None}.get(
        f.result.base, f.result.base.replace("kevy_", "") if f.result.stars else f.name[5:])
    outs = [p for p in f.params if p.role.endswith(("_out", "_both")) and p.role != "length_out"]
    kinds = ["kind" if len(outs) == 1 else f"{p.name}_kind"
             for p in outs if p.role in ("value_out", "values_out")]
    return [own] * (own is not None) + [
        p.type.base.replace("kevy_", "") if p.role == "handle_out" else p.name for p in outs] + kinds


def lua_arguments(f: Function):
    hidden = ("length", "count", "buffer")
    shown = [p for p in f.params if p.role not in hidden and (not p.role.endswith("_out") or p.optional)]
    return [f"{{{p.name}}}" if p.role in ("values", "numbers") else
            f"want_{p.name}" if p.role.endswith("_out") else p.name for p in shown]


def lua_line(f: Function) -> str:
    results = ", ".join(lua_results(f))
    return (results + " = " if results else "") + f"abi.{f.name}({', '.join(lua_arguments(f))})\n"


def lua_abi(d: Description) -> str:
    out = LUA
    for _, group in groupby(d.functions, lambda f: f.section):
        out += "```lua\n" + "".join(map(lua_line, group)) + "```\n\n"
    return out


# ---- Rows -----------------------------------------------------------------------------------


def errors(d: Description, rows) -> str:
    return "## Errors\n\n" + table(
        ("status", "number", "message", "Python raises", "a command answers"),
        ((code("KEVY_" + e.name), str(e.number), cell(e.message),
          code(e.python) + (f" ({code(e.python_base)})" if e.python_base else ""), code(e.reply))
         for e in rows.errors(d)))


def options(rows) -> str:
    path = "bindings/options.def"
    return ("## Options\n\n" + table(
        ("option", "kind", "default", "what"),
        ((code(o.name), o.kind, code(o.default), cell(o.summary)) for o in rows.of(path, "OPTION")))
        + table(("policy", "what"),
                ((code(p.word), cell(p.summary)) for p in rows.of(path, "POLICY"))))


def figures(rows) -> str:
    return ("## Figures\n\nWhat kevy_info and the info of each door give, in this order.\n\n" + table(
        ("figure", "what"), ((code(r.name), cell(r.comment)) for r in rows.of("core/info.def", "INFO"))))


def commands(rows) -> str:
    """Containers answer nothing themselves and are left out."""
    known = [c for c in rows.commands() if c.handler != "cmd_container"]
    out = "## Commands\n\n"
    for group in dict.fromkeys(c.group for c in known):
        out += f"### Commands: {group}\n\n" + table(
            ("command", "since Redis", "complexity", "what"),
            ((code(f"{c.title} {c.syntax}".strip()), c.since, cell(c.complexity), cell(c.summary))
             for c in known if c.group == group))
    return out


def python(rows) -> str:
    """The methods in the order of the .def files; overloads and continuation lines become one."""
    out = "## Python: kevy.Store\n\n" + python_methods(rows, "python/store.def")
    for name, path, _ in CLASSES:
        out += f"### Python: kevy.{name}\n\n" + python_methods(rows, path)
    return out


def python_methods(rows, path: str) -> str:
    out, kinds = "", ("FUNCTION", "METHOD", "PROPERTY", "SETTABLE")
    shown = sorted((r for k in kinds for r in rows.of(path, k)), key=lambda r: r.position)
    for r in shown:
        if r.name.startswith("_"):
            continue
        signature = getattr(r, "text", "").replace("$self, /, ", "").replace("$self, /", "")
        signature = signature.replace("$self, ", "").replace("$module, ", "")
        out += f"`{r.name}{signature}`\n\n" + "\n".join(map(text, r.doc.split("\n"))) + "\n\n"
    return out


def write(description: Description, rows) -> str:
    parts = [abi(description), lua_abi(description), errors(description, rows), options(rows), figures(rows),
             python(rows), commands(rows)]
    contents = "\n" + "".join(f"- {anchor(p.partition(chr(10))[0][3:])}\n" for p in parts) + "\n"
    return HEAD + contents + "".join(parts).rstrip() + "\n"
