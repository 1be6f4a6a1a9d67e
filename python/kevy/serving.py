"""python -m kevy serve: a small server of Redis's protocol, over one store."""

import os
import signal
import sys

import kevy

ADDRESS = "127.0.0.1:6390"


def open_store(where, write, options):
    """The store that a directory, a file or a URL names. A file is read once, and what is written then stays in memory."""
    if "://" in where:
        return kevy.open(where, **options)
    if os.path.isfile(where):
        return kevy.Store.load(where, **options)
    if not write and not os.path.isdir(where):
        raise FileNotFoundError(f"there is no directory or file {where}; with --write a new directory is made")
    return kevy.Store(where, **options)


def serve(args):
    """Opens the store and its windows, and waits for SIGINT or SIGTERM."""
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    options = {"maxmemory": args.maxmemory, "policy": args.policy}
    limits = {"maxclients": args.maxclients} if args.maxclients is not None else {}
    password = args.password or os.environ.get("KEVY_PASSWORD") or None
    with open_store(args.store, args.write, options) as store:
        for address in args.listen or [ADDRESS]:
            window = store.serve(address, write=args.write, password=password, public=args.public, **limits)
            print(f"kevy: {args.store} at {window.address}, {len(store)} keys, {'to write' if args.write else 'read-only'}", flush=True)
        signal.sigwait(stops)
    return 0


def run(args):
    try:
        return serve(args)
    except (OSError, ValueError, kevy.Error) as e:
        print(f"kevy: {e}", file=sys.stderr)
        return 1


def add(subparsers):
    p = subparsers.add_parser("serve", help="serve a store to clients of Redis", description=__doc__)
    p.add_argument("store", help="a directory, an RDB file, or mem://")
    p.add_argument("--listen", action="append", metavar="ADDRESS", help=f"HOST:PORT or unix:PATH, any number of times ({ADDRESS})")
    p.add_argument("--write", action="store_true", help="clients may write, too")
    p.add_argument("--password", help="what clients must say; better, where others see your processes, in $KEVY_PASSWORD")
    p.add_argument("--public", action="store_true", help="addresses may be such that other machines reach them")
    p.add_argument("--maxclients", type=int, metavar="N", help="clients at a time (as CONFIG SET maxclients says: 10000)")
    p.add_argument("--maxmemory", default=0, metavar="SIZE", help="of the store: 0, 64mb, 2gb ...")
    p.add_argument("--policy", default="noeviction", help="what goes at maxmemory: allkeys-lru ...")
    p.set_defaults(run=run)
