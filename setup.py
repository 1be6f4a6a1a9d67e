"""Builds the CPython extension kevy._kevy; pyproject.toml holds the metadata.

The extension compiles the engine in (bindings/amalgam.c, the translation unit that CMake compiles too)
and exports the C ABI from its own file, so a wheel carries everything and a process has one engine.
"""

import re
from glob import glob
from pathlib import Path

from setuptools import Extension, setup

HEADER = Path(__file__).parent.joinpath("bindings", "kevy.h").read_text()

setup(
    version=re.search(r'^#define KEVY_VERSION "(.+)"', HEADER, re.M).group(1),
    ext_modules=[
        Extension(
            "kevy._kevy",
            sources=["bindings/amalgam.c", *sorted(glob("python/*.c"))],
            depends=sorted(f for d in ("core", "bindings", "python") for f in glob(d + "/**/*.[chd]*", recursive=True)),
            include_dirs=["core", "bindings", "python"],
            libraries=["m"],
            extra_compile_args=["-std=gnu11", "-O2", "-fvisibility=hidden", "-pthread"],
            extra_link_args=["-pthread", "-Wl,-z,nodelete", "-Wl,-Bsymbolic"],
        )
    ],
)
