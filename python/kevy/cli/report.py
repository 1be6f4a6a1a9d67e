"""kevy report: what the memory of a store in files is spent on. The files are only read."""

import kevy
from kevy.cli import convert, files


def run(args):
    with files.looked_at(args.source, db=args.db, skip_modules=args.skip_modules) as store:
        made = kevy.report(store, separator=args.separator, top=args.top)
    if args.html:
        made.save(args.html)
    else:
        print(made)
    return 0


def add(subparsers):
    p = subparsers.add_parser("report", help="what a store's memory is spent on", description=__doc__)
    p.add_argument("source", metavar="FILE|DIR", help="an RDB file or a directory")
    p.add_argument("--html", metavar="OUT", help="write a page for a browser instead")
    p.add_argument("--top", type=int, default=10, metavar="N", help="how many prefixes and keys are shown (10)")
    p.add_argument("--separator", default=":", metavar="S", help="what ends a key's prefix (:)")
    convert.add_of_file(p)
    p.set_defaults(run=run)
