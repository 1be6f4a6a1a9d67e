"""kevy load, save, convert: from an RDB file or a directory to an RDB file or a directory."""

import os

from kevy.cli import files


def _room_for(target, force):
    """Makes sure that the target may be written; an empty directory may always be replaced."""
    if not os.path.lexists(target) or (os.path.isdir(target) and not os.listdir(target)):
        return
    if not force:
        raise FileExistsError(f"{target} is there already; --force replaces it")
    if os.path.isdir(target) and not files.is_only_a_store(target):
        raise FileExistsError(f"{target} holds other things than a store, and is not replaced")


def convert(source, target, directory, force=False, **options):
    """Writes what the source holds to the target, a directory or an RDB file. How many keys, as text."""
    target = target.rstrip("/") or "/"
    if os.path.realpath(source) == os.path.realpath(target):
        raise ValueError(f"{source} and {target} are the same")
    _room_for(target, force)
    if os.path.isdir(target) and not directory:
        raise IsADirectoryError(f"{target} is a directory, not an RDB file")
    with files.opened(source, **options) as store:
        (files.save_directory if directory else files.save)(store, target)
        return files.counted(store)


def is_directory(target):
    """What convert makes: a directory where there is one, or where the name ends in a slash; else an RDB file."""
    return target.endswith("/") or os.path.isdir(target)


def run(args):
    directory = is_directory(args.target) if args.directory is None else args.directory
    keys = convert(args.source, args.target, directory, args.force, db=args.db, skip_modules=args.skip_modules)
    print(f"{args.target}: {keys}")
    return 0


def add(subparsers):
    for name, directory, summary in (
        ("load", True, "make a directory from an RDB file"),
        ("save", False, "write an RDB file from a directory"),
        ("convert", None, "from an RDB file or directory to an RDB file, or to DIR/"),
    ):
        p = subparsers.add_parser(name, help=summary, description=__doc__)
        p.add_argument("source", metavar="SRC", help="an RDB file or a directory")
        p.add_argument("target", metavar="DST", help={True: "a directory", False: "an RDB file"}.get(
            directory, "an RDB file; a directory where it ends in a slash or is one"))
        p.add_argument("--force", action="store_true", help="replace what is there")
        add_of_file(p)
        p.set_defaults(run=run, directory=directory)


def add_of_file(p):
    """Options that say how RDB files are read."""
    p.add_argument("--db", type=int, metavar="N", help="the one database to read, into database 0")
    p.add_argument("--skip-modules", action="store_true", help="leave out keys of module types")
