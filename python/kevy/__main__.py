"""kevy, or python -m kevy: what kevy does from a shell. Each subcommand is a module that has add(subparsers)."""

import argparse
import importlib
import os
import sys

import kevy
from kevy.cli import links

SUBCOMMANDS = ["kevy.cli.shell", "kevy.serving", "kevy.cli.convert", "kevy.cli.report", "kevy.cli.check", "kevy.cli.bench"]


def parser():
    made = argparse.ArgumentParser(prog="kevy", description="Redis data types inside your process, from a shell.")
    made.add_argument("--version", action="version", version="kevy " + kevy.__version__)
    subparsers = made.add_subparsers(title="subcommands", dest="subcommand", metavar="")
    for name in SUBCOMMANDS:
        importlib.import_module(name).add(subparsers)
    return made, subparsers.choices


def attempt(args):
    """Runs a subcommand; what goes wrong is one line, and exit code 1."""
    try:
        code = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # who read what is printed has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError, MemoryError, kevy.Error) as e:
        print(f"kevy: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def main(argv=None):
    argv = sys.argv[1:] if argv is None else list(argv)
    made, subcommands = parser()
    if argv and argv[0] not in subcommands and not argv[0].startswith("-") and links.names_target(argv[0]):
        argv.insert(0, "shell")
    args = made.parse_args(argv)
    if args.subcommand is None:
        made.print_help()
        return 2
    sys.stdout.reconfigure(errors="backslashreplace")  # bars and names on a terminal that has no such letters
    return attempt(args)


if __name__ == "__main__":
    sys.exit(main())
