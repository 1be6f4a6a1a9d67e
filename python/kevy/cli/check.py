"""kevy check: whether an RDB file or a directory can be read, and what of it. It is not written to, whatever is found.

Exit code 0: all of it, or all but a torn end, which opening cuts off; 1: corrupt; 2: it cannot be looked at.
"""

import os
import sys

import kevy
from kevy.cli import convert, files


def _said(path, store):
    """Lines about a store that could be read."""
    size = os.path.getsize(path) if os.path.isfile(path) else None
    lines = [f"{path}: {files.counted(store)}" + (f", {size:,} bytes" if size is not None else "")]
    if store.recovery:
        lines.append(f"  {store.recovery}")
    return lines


def _salvaged(path):
    """What salvage=True would keep of a corrupt directory."""
    try:
        with files.looked_at(path, salvage=True) as store:
            return f"  salvage=True keeps {files.counted(store)}: {store.recovery}"
    except (kevy.Error, OSError):
        return "  nothing can be salvaged"


def check(path, **options):
    """Prints what is found; the exit code."""
    try:
        with files.looked_at(path, **options) as store:
            print("\n".join(_said(path, store)))
            return 0
    except kevy.CorruptFileError as e:
        print(f"{path}: corrupt: {str(e).removeprefix('corrupt file: ')}")
        if os.path.isdir(path):
            print(_salvaged(path))
        return 1
    except (kevy.Error, OSError, ValueError) as e:
        print(f"kevy: {e}", file=sys.stderr)
        return 2


def run(args):
    return max(check(path, db=args.db, skip_modules=args.skip_modules) for path in args.sources)


def add(subparsers):
    p = subparsers.add_parser("check", help="whether files are whole", description=__doc__)
    p.add_argument("sources", nargs="+", metavar="FILE|DIR", help="an RDB file or a directory")
    convert.add_of_file(p)
    p.set_defaults(run=run)
