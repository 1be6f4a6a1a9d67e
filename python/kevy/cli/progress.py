"""How far long work is: a bar on stderr, where that is a terminal; nothing elsewhere."""

import sys
import time

_WIDTH = 30
_EVERY = 0.1


def size(n):
    """Bytes in the unit that suits them."""
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GB"


class Progress:
    """A line that is written anew, ten times a second at most; leaving the with block clears it."""

    def __init__(self, doing, file=None):
        self.doing = doing
        self.file = sys.stderr if file is None else file
        self.shown = self.file.isatty()
        self.next = 0.0

    def __call__(self, done, total=0, keys=None):
        """So much is done, of so much (0: not known); what Store.load calls."""
        now = time.monotonic()
        if not self.shown or now < self.next:
            return
        self.next = now + _EVERY
        tail = "" if keys is None else f"  {keys:,} keys"
        if total:
            filled = min(_WIDTH, done * _WIDTH // total)
            line = f"{self.doing} [{'#' * filled}{'.' * (_WIDTH - filled)}] {min(100, done * 100 // total):3d}%  {size(done)}{tail}"
        else:
            line = f"{self.doing}  {size(done)}{tail}"
        self.file.write(f"\r\x1b[K{line}")
        self.file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.shown:
            self.file.write("\r\x1b[K")
            self.file.flush()
