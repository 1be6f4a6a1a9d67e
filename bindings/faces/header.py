"""Reads the public C headers into plain Python objects.

The headers are written regularly on purpose: constants, structs, opaque types and KEVY_API
functions, each with the comment that documents it. This reader knows exactly those shapes. A line
that it does not understand is an error with a file and a line, never a guess: what is not read
here would be missing from every door.

A comment right before a declaration documents it, and the declarations that follow without a
comment of their own; a comment that begins with ==== or ---- opens a section."""

import ast
import os
import re
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple


class HeaderError(Exception):
    """Something in a header that the faces cannot be derived from."""


@dataclass(frozen=True)
class CType:
    """base is the type's name; stars its pointer depth; const whether the innermost is const."""

    base: str
    stars: int = 0
    const: bool = False

    def c(self, name: str = "") -> str:
        text = ("const " if self.const else "") + self.base
        if self.stars:
            return text + " " + "*" * self.stars + name
        return text + (" " + name if name else "")

    def deref(self) -> "CType":
        return CType(self.base, self.stars - 1, self.const)


@dataclass
class Field:
    name: str
    type: Optional[CType]  # None for a union: members holds what it is made of
    doc: str = ""
    members: List["Field"] = field(default_factory=list)


@dataclass
class Struct:
    name: str
    fields: Optional[List[Field]]  # None: opaque, only ever a pointer
    doc: str = ""
    section: str = ""


@dataclass
class Constant:
    name: str
    value: object  # int or str
    doc: str = ""
    section: str = ""
    shared: str = ""  # the comment above the group it is in


@dataclass
class Alias:
    name: str
    type: CType


@dataclass
class Callback:
    """A pointer to a function of the caller's, which a struct's field may hold."""

    name: str
    result: CType
    params: List["Param"]
    doc: str = ""
    section: str = ""

    def declaration(self) -> str:
        params = ", ".join(p.type.c(p.name) for p in self.params)
        return "typedef " + self.result.c() + f" (*{self.name})({params});"


@dataclass
class Param:
    name: str
    type: CType
    role: str = ""  # what a caller does with it; see roles()
    optional: bool = False  # NULL is allowed


@dataclass
class Function:
    name: str
    result: CType
    params: List[Param]
    doc: str = ""
    section: str = ""

    def prototype(self) -> str:
        params = ", ".join(p.type.c(p.name) for p in self.params) or "void"
        return self.result.c(self.name) + "(" + params + ")"


@dataclass
class Description:
    """All that the headers declare, in their order."""

    intros: Dict[str, str] = field(default_factory=dict)  # by file name
    order: List[object] = field(default_factory=list)
    sections: Dict[str, str] = field(default_factory=dict)

    def all(self, kind: type) -> list:
        return [d for d in self.order if isinstance(d, kind)]

    @property
    def error_names(self) -> set:
        """The constants that KEVY_ERRORS declares."""
        return {c.name for c in self.constants
                if c.section == "Statuses" and isinstance(c.value, int) and c.value < 0}

    @property
    def functions(self) -> List[Function]:
        return self.all(Function)

    @property
    def structs(self) -> List[Struct]:
        return self.all(Struct)

    @property
    def constants(self) -> List[Constant]:
        return self.all(Constant)

    def opaque(self, name: str) -> bool:
        return any(s.name == name and s.fields is None for s in self.structs)

    def struct(self, name: str) -> Optional[Struct]:
        return next((s for s in self.structs if s.name == name and s.fields is not None), None)

    def constant(self, name: str) -> object:
        return next(c.value for c in self.constants if c.name == name)


# ---- Tokens ---------------------------------------------------------------------------------

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<comment>/\*.*?\*/|//[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<number>[0-9][0-9A-Za-z.]*)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<punct>[-+*/(){}\[\];,=&|<>:.!~?])""",
    re.S | re.X,
)
DIRECTIVE = re.compile(r"#[ \t]*(?P<text>(?:/\*.*?\*/|\\\n|[^\n])*)", re.S)


@dataclass
class Token:
    kind: str
    text: str
    line: int


def tokens(path: str, text: str) -> List[Token]:
    """The file's tokens; a preprocessor line, with its continuations and comments, is one."""
    found: List[Token] = []
    at, line_start = 0, True
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        if text[at] == "#" and line_start:
            m = DIRECTIVE.match(text, at)
            found.append(Token("directive", m.group("text"), line))
        else:
            m = TOKEN.match(text, at)
            if m is None:
                raise HeaderError(f"{path}:{line}: unexpected character {text[at]!r}")
            if m.lastgroup != "space":
                found.append(Token(m.lastgroup, m.group(), line))
        line_start = "\n" in m.group() if m.re is TOKEN and m.lastgroup == "space" else (
            line_start and m.re is TOKEN and m.lastgroup == "comment")
        if m.re is DIRECTIVE:
            line_start = False
        at = m.end()
    return found


def prose(comment: str) -> str:
    """A comment's text without its frame, lines kept."""
    if comment.startswith("//"):
        return comment[2:].strip()
    lines = comment[2:-2].split("\n")
    lines = [lines[0].strip()] + [re.sub(r"^ ?\*? ?", "", s).rstrip() for s in lines[1:]]
    return "\n".join(lines).strip()


def flow(comment: str) -> str:
    """A comment as one paragraph per blank line."""
    return "\n\n".join(" ".join(p.split()) for p in re.split(r"\n\s*\n", prose(comment)))


# ---- Constants ------------------------------------------------------------------------------


def evaluate(path: str, line: int, text: str) -> object:
    """The value of a constant's text: a string, or integer arithmetic with C's suffixes and casts."""
    text = text.strip()
    if text.startswith('"'):
        return ast.literal_eval(text)
    plain = re.sub(r"\(\s*(?:size_t|u?int\d+_t)\s*\)", "", text)
    plain = re.sub(r"\bU?INT\d+_C\(([^()]*)\)", r"(\1)", plain)
    plain = re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", plain)
    if not re.fullmatch(r"[0-9a-fA-FxX\s()+*|<-]+", plain):
        raise HeaderError(f"{path}:{line}: cannot evaluate the constant {text!r}")
    return eval(compile(ast.parse(plain, mode="eval"), path, "eval"), {"__builtins__": {}})


def split_arguments(text: str) -> List[str]:
    """A macro call's arguments at the commas outside brackets and quotes, trimmed."""
    out, depth, start = [], 0, 0
    for m in re.finditer(r'"(?:[^"\\]|\\.)*"|[()\[\]{},]', text):
        c = m.group()
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            out.append(text[start:m.start()].strip())
            start = m.end()
    out.append(text[start:].strip())
    return out


def macro_calls(path: str, text: str, name: str) -> List[List[str]]:
    """The argument lists of every NAME(...) in text."""
    calls, at = [], 0
    for m in re.finditer(r"\b%s\s*\(" % re.escape(name), text):
        if m.start() < at:
            continue
        depth, at = 1, m.end()
        for p in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', text[m.end():]):
            depth += {"(": 1, ")": -1}.get(p.group(), 0)
            if depth == 0:
                at = m.end() + p.end()
                break
        if depth:
            raise HeaderError(f"{path}: {name}(...) is not closed")
        calls.append(split_arguments(text[m.end():at - 1]))
    return calls


# ---- The reader -----------------------------------------------------------------------------

SCALARS = ("void", "char", "double", "size_t", "int32_t", "uint32_t", "int64_t", "uint64_t")


class Reader:
    """Reads one header into a Description; several headers may follow each other."""

    def __init__(self, description: Description):
        self.out = description
        self.path = ""
        self.tokens: List[Token] = []
        self.at = 0
        self.doc = ""  # the comment that documents what comes next
        self.section = ""
        self.known = set(SCALARS)
        self.first_comment = True

    # -- small steps

    def fail(self, what: str):
        line = self.tokens[min(self.at, len(self.tokens) - 1)].line
        raise HeaderError(f"{self.path}:{line}: {what}")

    def peek(self) -> Optional[Token]:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, *texts: str) -> str:
        token = self.peek()
        if token is None or (texts and token.text not in texts):
            self.fail(f"expected {' or '.join(texts)}, found {token.text if token else 'the end'!r}")
        self.at += 1
        return token.text

    def name(self) -> str:
        token = self.peek()
        if token is None or token.kind != "word":
            self.fail(f"expected a name, found {token.text if token else 'the end'!r}")
        self.at += 1
        return token.text

    def accept(self, text: str) -> bool:
        if self.peek() and self.peek().text == text:
            self.at += 1
            return True
        return False

    def trailing_comment(self, line: int) -> str:
        """The comment that starts on the line of what it explains."""
        token = self.peek()
        if token and token.kind == "comment" and token.line == line:
            self.at += 1
            return flow(token.text)
        return ""

    def add(self, what):
        self.out.order.append(what)

    # -- the file

    def read(self, path: str, text: str):
        self.path, self.tokens, self.at = path, tokens(path, text), 0
        self.doc, self.section = "", ""
        first = self.peek()
        if first and first.kind == "comment":  # the file's own introduction
            self.out.intros[os.path.basename(path)] = prose(first.text)
            self.at += 1
        while self.peek():
            self.declaration()

    def declaration(self):
        token = self.peek()
        if token.kind == "comment":
            self.comment(token)
        elif token.kind == "directive":
            self.at += 1
            self.directive(token)
        elif token.text == "KEVY_API":
            self.at += 1
            self.function()
        elif token.text == "typedef":
            self.at += 1
            self.typedef()
        elif token.text == "static":
            self.inline_function()
        elif token.text == "enum":
            self.error_enum()
        else:
            self.fail(f"a declaration that the faces do not know: {token.text!r}")

    def comment(self, token: Token):
        self.at += 1
        text = prose(token.text)
        if re.match(r"[=-]{4}", text):
            title, _, rest = text.partition("\n")
            self.section = title.strip("=- ").strip()
            self.out.sections.setdefault(self.section, " ".join(rest.split()))
            self.doc = ""
        else:
            self.doc = flow(token.text)

    def directive(self, token: Token):
        word, _, rest = token.text.partition(" ")
        if word == "define":
            self.define(token, rest)
        elif word == "ifdef" and rest.strip() == "__cplusplus":
            self.skip_branch("endif")
        elif word == "if" and rest.strip() == "defined(_WIN32)":
            self.skip_branch("else")
        elif word not in ("include", "ifndef", "endif", "else", "undef"):
            self.fail(f"a preprocessor line that the faces do not know: #{token.text}")

    def skip_branch(self, end: str):
        while self.peek() and not (self.peek().kind == "directive" and
                                   self.peek().text.split()[0] == end):
            self.at += 1
        self.at += 1

    def define(self, token: Token, rest: str):
        m = re.match(r"\s*(\w+)(\([^)]*\))?(.*)", rest, re.S)
        name, parameters, body = m.groups()
        comment = re.search(r"/\*.*?\*/|//[^\n]*", re.sub(r'"(?:[^"\\]|\\.)*"', lambda s: "_" * len(
            s.group()), body), re.S)
        doc = flow(body[comment.start():comment.end()]) if comment else ""
        body = (body[:comment.start()] if comment else body).replace("\\\n", " ").strip()
        if name == "KEVY_ERRORS":
            self.errors(body)
        elif parameters or not body or body.startswith("{") or name == "KEVY_API":
            pass  # a helper of C alone: a macro with parameters, a guard, an initializer
        else:
            value = evaluate(self.path, token.line, body)
            self.add(Constant(name, value, doc or self.doc, self.section, self.doc))

    def errors(self, body: str):
        for name, number, message in macro_calls(self.path, body, "X"):
            value = evaluate(self.path, 0, number)
            self.add(Constant("KEVY_" + name, value, ast.literal_eval(message), self.section))

    def error_enum(self):
        """The enum that KEVY_ERRORS fills; any other enum is not ABI style here."""
        self.take("enum")
        self.take("{")
        seen = False
        while not self.accept("}"):
            seen = seen or self.peek().text == "KEVY_ERRORS"
            if self.peek().kind == "word" and not self.peek().text.startswith("KEVY_ERROR"):
                self.fail("an enum that is not made by KEVY_ERRORS")
            self.at += 1
        if not seen:
            self.fail("an enum that is not made by KEVY_ERRORS")
        self.take(";")
        self.doc = ""

    def inline_function(self):
        """Conveniences of C callers; the other doors build their own values."""
        self.take("static")
        self.take("inline")
        while self.peek() and self.peek().text != "{":
            self.at += 1
        depth = 0
        while True:
            depth += {"{": 1, "}": -1}.get(self.take(), 0)
            if depth == 0:
                break
        self.doc = ""

    # -- types

    def type(self) -> CType:
        const = self.accept("const")
        base = self.name()
        if base not in self.known:
            self.fail(f"an unknown type: {base!r}")
        stars = 0
        while self.accept("*"):
            stars += 1
        return CType(base, stars, const)

    def typedef(self):
        if not self.accept("struct"):
            target = self.type()
            if self.accept("("):
                self.callback(target)
                return
            name = self.name()
            self.take(";")
            self.known.add(name)
            self.add(Alias(name, target))
            return
        name = self.name()
        if self.accept("{"):
            fields = self.fields()
        else:
            fields = None
        if self.name() != name:
            self.fail(f"a struct whose typedef has another name than {name!r}")
        self.take(";")
        self.known.add(name)
        self.add(Struct(name, fields, self.doc, self.section))
        if fields is None:
            self.doc = ""

    def callback(self, result: CType):
        self.take("*")
        name = self.name()
        self.take(")")
        if not self.doc:
            self.fail(f"{name} has no comment")
        self.known.add(name)
        self.add(Callback(name, result, self.params(), self.doc, self.section))
        self.doc = ""

    def params(self) -> List[Param]:
        params: List[Param] = []
        self.take("(")
        if self.peek().text == "void" and self.tokens[self.at + 1].text == ")":
            self.at += 1
        while not self.accept(")"):
            ctype = self.type()
            params.append(Param(self.name(), ctype))
            if self.peek().text != ")":
                self.take(",")
        self.take(";")
        return params

    def fields(self) -> List[Field]:
        found: List[Field] = []
        while not self.accept("}"):
            if self.peek().kind == "comment":
                self.fail("a comment inside a struct belongs at the end of its field's line")
            if self.accept("union"):
                self.take("{")
                members = self.fields()
                found.append(Field(self.name(), None, "", members))
            else:
                ctype = self.type()
                found.append(Field(self.name(), ctype))
            line = self.peek().line
            self.take(";")
            found[-1].doc = self.trailing_comment(line)
        return found

    def function(self):
        result, name = self.type(), self.name()
        params = self.params()
        if not self.doc:
            self.fail(f"{name} has no comment")
        self.add(Function(name, result, params, self.doc, self.section))


# ---- Roles ----------------------------------------------------------------------------------

# What a door does with a parameter, decided by the regular shape of the header:
#   handle            an opaque object           handle_out      receives one
#   bytes + length    a string passed in         bytes_out + length_out    a string lent
#   buffer + capacity memory of the caller that the call may write
#   text              a NUL-terminated string    text_out        a static one received
#   count             how many values follow in the next parameters' arrays
#   value values      kevy_value in: one, or count of them        value_out values_out: received
#   struct struct_out another struct, in or received
#   struct_both       one that is both: its comment says what it is "in:"
#   number number_out an integer or a double, in or received
#   numbers           doubles in: count of them


def role(description: Description, params: List[Param], i: int, counted: bool) -> str:
    t = params[i].type
    after = params[i + 1].type if i + 1 < len(params) else None
    if description.opaque(t.base):
        return {1: "handle", 2: "handle_out"}.get(t.stars, "")
    if t.base == "kevy_value" and t.stars == 1:
        return ("values" if counted else "value") + ("" if t.const else "_out")
    if description.struct(t.base) and t.stars == 1:
        return "struct" if t.const else "struct_out"
    if t == CType("double", 1, True) and counted:
        return "numbers"
    if t.base == "char" and t.const and t.stars == 1:
        return "bytes" if after == CType("size_t") else "text"
    if t == CType("char", 1) and after == CType("size_t"):
        return "buffer"
    if t.base == "char" and t.const and t.stars == 2:
        return "bytes_out" if after == CType("size_t", 1) else "text_out"
    if t.base not in SCALARS[2:] and not any(a.name == t.base for a in description.all(Alias)):
        return ""
    if t.stars == 0:
        if i and params[i - 1].role == "bytes":
            return "length"
        if i and params[i - 1].role == "buffer":
            return "capacity"
        if t.base == "size_t" and after is not None and after.base == "kevy_value":
            return "count"
        return "number"
    if t.stars == 1 and not t.const:
        return "length_out" if i and params[i - 1].role == "bytes_out" else "number_out"
    return ""


def may_be_null(function: Function, p: Param) -> bool:
    """Whether the comment says that NULL is allowed for this parameter."""
    doc = function.doc
    if p.role == "handle":
        return len(function.params) == 1 and re.search(r"NULL (is allowed|asks)", doc) is not None
    named = rf"\b{p.name}(, if not NULL| not NULL| may be NULL)"
    return p.type.stars > 0 and re.search(named, doc) is not None


def roles(description: Description):
    for f in description.functions:
        counted = False
        for i, p in enumerate(f.params):
            p.role = role(description, f.params, i, counted)
            if not p.role:
                raise HeaderError(f"{f.name}: no door knows what to do with {p.type.c(p.name)!r}")
            counted = counted or p.role == "count"
            p.optional = may_be_null(f, p)
            if p.role == "struct_out" and re.search(rf"\*{p.name} in:", f.doc):
                p.role = "struct_both"


def releaser(f: Function) -> bool:
    """Whether the function ends the life of its only parameter, a handle."""
    return (len(f.params) == 1 and f.params[0].role == "handle" and f.result.base == "void"
            and re.search(r"(_close|_free|_unpin)$", f.name) is not None)


def read_headers(files: List[Tuple[str, str]]) -> Description:
    """files: (path, text) in the order in which C sees them."""
    description = Description()
    reader = Reader(description)
    for path, text in files:
        reader.read(path, text)
    names = [d.name for d in description.order]
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise HeaderError(f"declared twice: {', '.join(sorted(twice))}")
    roles(description)
    for s in description.structs:
        if s.fields is None and not any(releaser(f) and f.params[0].type.base == s.name
                                        for f in description.functions):
            raise HeaderError(f"no function releases a {s.name}")
    return description
