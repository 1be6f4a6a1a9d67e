"""Builds the CPython extension kevy._kevy; pyproject.toml holds the metadata.

The extension compiles the engine in (bindings/amalgam.c, the translation unit that CMake compiles too)
and exports the C ABI from its own file, so a wheel carries everything and a process has one engine.

Beside it lies libkevy-script.so, the interpreter of EVAL, where the archives that it is linked from are installed
(CMakeLists.txt says how and why); without it the scripting commands answer that it is missing.
"""

import os
import re
import shutil
import subprocess
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SCRIPT = "kevy.libkevy-script"
ARCHIVES = ["liblua5.1-cjson.a", "liblua5.1-bitop.a", "liblua5.1.a", "libmd.a"]


def said(*command):
    """What a program prints; nothing where there is no such program, or it fails."""
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True).stdout.strip()


def scripting():
    archives = [said("gcc", "-print-file-name=" + name) for name in ARCHIVES]
    headers = re.findall(r"-I(\S+)", said("pkg-config", "--cflags", "lua5.1"))
    if not headers or not all(path.startswith("/") for path in archives):
        return []
    return [
        Extension(
            SCRIPT,
            sources=sorted(glob("bindings/script/*.c")),
            depends=sorted(glob("bindings/script/*.[hm]*")) + ["core/kevy_types.h"],
            extra_compile_args=["-std=gnu11", "-O2", "-fvisibility=hidden"] + [f for d in headers for f in ("-isystem", d)],
            extra_objects=archives,
            libraries=["m"],
            extra_link_args=["-Wl,-Bsymbolic", "-Wl,--gc-sections", "-Wl,--version-script=bindings/script/exports.map"]
            + ["-Wl,--defsym=%s=script_%s" % (s, s) for s in ("stdin", "stdout", "stderr")],
        )
    ]


class build(build_ext):
    """libkevy-script.so is no extension of Python's: its name says nothing of one."""

    def get_ext_filename(self, name):
        own = name == SCRIPT or "." + name == SCRIPT[SCRIPT.index("."):]
        return name.replace(".", "/") + ".so" if own else super().get_ext_filename(name)


HEADER = Path(__file__).parent.joinpath("bindings", "kevy.h").read_text()

# Without libuv there are no windows, and serve says so.
LIBUV = said("pkg-config", "--libs", "libuv").split()
WINDOW = ["-DKEVY_WINDOW", *said("pkg-config", "--cflags", "libuv").split()] if LIBUV else []

# An object of the engine that was compiled before, for who builds for many interpreters.
ENGINE = os.environ.get("KEVY_ENGINE")

setup(
    version=re.search(r'^#define KEVY_VERSION "(.+)"', HEADER, re.M).group(1),
    cmdclass={"build_ext": build},
    ext_modules=[
        Extension(
            "kevy._kevy",
            sources=[*([] if ENGINE else ["bindings/amalgam.c"]), *sorted(glob("python/*.c"))],
            extra_objects=[ENGINE] if ENGINE else [],
            depends=sorted(f for d in ("core", "bindings", "python") for f in glob(d + "/**/*.[chd]*", recursive=True)),
            include_dirs=["core", "bindings", "python"],
            libraries=["m"],
            extra_compile_args=["-std=gnu11", "-O2", "-fvisibility=hidden", "-pthread", *WINDOW],
            extra_link_args=["-pthread", "-Wl,-z,nodelete", "-Wl,-Bsymbolic", *LIBUV],
        )
    ]
    + scripting(),
)
