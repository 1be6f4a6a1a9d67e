"""python -m kevy: what kevy does from a shell. Each subcommand is a module that has add(subparsers)."""

import argparse
import importlib
import sys

import kevy

SUBCOMMANDS = ["kevy.serving"]


def parser():
    made = argparse.ArgumentParser(prog="kevy", description="Redis data types inside your process, from a shell.")
    made.add_argument("--version", action="version", version="kevy " + kevy.__version__)
    subparsers = made.add_subparsers(title="subcommands", dest="subcommand", metavar="")
    for name in SUBCOMMANDS:
        importlib.import_module(name).add(subparsers)
    return made


def main(argv=None):
    made = parser()
    args = made.parse_args(argv)
    if args.subcommand is None:
        made.print_help()
        return 2
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
