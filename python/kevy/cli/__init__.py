"""What `kevy` does from a shell beside serving: each subcommand is a module that has add(subparsers)."""
