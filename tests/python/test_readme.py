"""The programs that people copy do what they say. Those of the README are built and run, and every line they
print is compared with the comment behind the print; those of examples/ run to their end."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMENT = {"python": "#", "lua": "--", "c": "//"}
PRINT = {"python": "print(", "lua": "print(", "c": "printf("}


def program(language):
    """The one block of this language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)
    assert len(blocks) == 1, f"{len(blocks)} blocks of {language}"
    return blocks[0]


def promised(language):
    """What the comments behind the prints say, as words: how they are spaced is the language's matter."""
    lines = []
    for line in program(language).splitlines():
        if PRINT[language] in line:
            _, mark, said = line.rpartition(f" {COMMENT[language]} ")
            assert mark, f"a print without the comment that says what comes out: {line}"
            lines.append(said.split())
    assert lines
    return lines


def environment(**more):
    """Ours, without what a sanitizer's runner preloads: the programs run here are not instrumented."""
    kept = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    return {**kept, **{k: str(v) for k, v in more.items()}}


def run(*command, **env):
    return subprocess.run([str(part) for part in command], env=environment(**env), cwd=ROOT, check=True,
                          stdout=subprocess.PIPE, timeout=300).stdout.decode()


def printed(output):
    return [line.split() for line in output.splitlines()]


def python(*command):
    """Python programs use the kevy that this process has, sanitized where it is."""
    done = subprocess.run([sys.executable, *map(str, command)], check=True, stdout=subprocess.PIPE, timeout=300,
                          env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    return done.stdout.decode()


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """What links a program with the engine as the tree has it: a library made for this test."""
    directory = tmp_path_factory.mktemp("engine")
    run("gcc", "-std=gnu11", "-O0", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread", "-Icore", "-Ibindings",
        "bindings/amalgam.c", "-lm", "-Wl,-Bsymbolic", "-o", directory / "libkevy.so")
    return [f"-L{directory}", "-lkevy", f"-Wl,-rpath,{directory}"]


@pytest.fixture(scope="module")
def lua(engine, tmp_path_factory):
    """Runs a Lua program with the modules as the tree has them."""
    directory = tmp_path_factory.mktemp("lua")
    module = directory / "kevy" / "core.so"
    module.parent.mkdir()
    headers = run("pkg-config", "--cflags", "lua5.4").split()
    run("gcc", "-std=gnu11", "-O0", "-fPIC", "-shared", "-fvisibility=hidden", "-Icore", "-Ibindings",
        *headers, *sorted(ROOT.glob("lua/*.c")), *engine, "-o", module)

    def run_lua(*command):
        return run("lua5.4", *command, LUA_PATH=f"{ROOT}/lua/?.lua", LUA_CPATH=f"{directory}/?.so")

    return run_lua


@pytest.fixture
def sources(tmp_path):
    """A few files for the demonstrations to read."""
    copy = tmp_path / "sources"
    shutil.copytree(os.path.dirname(json.__file__), copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "latin.py").write_bytes(b"name = '\xe9t\xe9'\n")
    return copy


def test_python(tmp_path):
    source = tmp_path / "readme.py"
    source.write_text(program("python"), encoding="utf-8")
    assert printed(python(source)) == promised("python")


def test_c(engine, tmp_path):
    source, binary = tmp_path / "readme.c", tmp_path / "readme"
    source.write_text(program("c"), encoding="utf-8")
    run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Icore", "-Ibindings", source, *engine,
        "-o", binary)
    assert printed(run(binary)) == promised("c")


def test_lua(lua, tmp_path):
    source = tmp_path / "readme.lua"
    source.write_text(program("lua"), encoding="utf-8")
    assert printed(lua(source)) == promised("lua")


def test_quickstart_python():
    lines = python(ROOT / "examples" / "quickstart.py").splitlines()
    assert lines[0] == "alice 42 2.5 b'\\x00\\xff'"
    assert "[('bob', 30.0), ('ann', 25.0)] 1 2" in lines
    assert "[b'jobs', b'more mail']" in lines
    assert "NotIntegerError is a ValueError: value is not an integer or out of range" in lines


def test_quickstart_lua(lua):
    lines = printed(lua(ROOT / "examples" / "quickstart.lua"))
    assert lines[0] == ["alice", "41", "2.5", "nil"]
    assert lines[-1] == ["6", "true"]


def test_quickstart_c(engine, tmp_path):
    binary = tmp_path / "quickstart"
    run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Icore", "-Ibindings", "examples/quickstart.c", *engine,
        "-o", binary)
    lines = run(binary).splitlines()
    assert lines[0] == "visits 42, user:2 has 60 s left"
    assert "carol logged in 2 times" in lines
    assert "ZREVRANGE: bob ann" in lines
    assert "an error: value is not an integer or out of range" in lines


def test_demo_python(sources):
    """It exits with 1, and so fails here, when anything it reads back differs."""
    output = python(ROOT / "examples" / "demo.py", sources)
    assert "6 files, " in output
    assert "0 differ, 0 too many" in output
    assert "0 not acknowledged" in output
    assert "OutOfMemoryError, a MemoryError" in output


def test_demo_lua(lua, sources):
    output = lua(ROOT / "examples" / "demo.lua", sources)
    assert "6 files, " in output
    assert "0 differ, 0 too many" in output


def test_links():
    """Files that the README and the documents speak of are there."""
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
