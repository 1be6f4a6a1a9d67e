"""What demo.py prints with: titles, lines of three columns, a line of progress, a question and its time."""

import os
import sys
import time
import timeit

TTY = sys.stdout.isatty()


def styled(code, text):
    return f"\033[{code}m{text}\033[0m" if TTY and "NO_COLOR" not in os.environ else text


def bold(text):
    return styled("1", text)


def dim(text):
    return styled("2", text)


def title(text, remark=""):
    print(f"\n{bold(text)}  {dim(remark)}".rstrip())


def line(left, middle="", right=""):
    print(f"  {left:<52} {middle:<32} {dim(right)}".rstrip())


def redraw(text=""):
    """The line that the next one replaces; nothing where nobody watches."""
    if TTY:
        print(f"\r\033[K{text}", end="", flush=True)


def megabytes(count):
    return f"{count / 1e6:,.1f} MB"


def duration(seconds):
    for unit, size in ("s", 1), ("ms", 1e-3), ("µs", 1e-6):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


class Progress:
    """One line that is rewritten ten times a second; silent where nobody watches."""

    def __init__(self, what):
        self.what, self.started, self.drawn = what, time.perf_counter(), 0.0

    def __call__(self, done, total, *figures):
        now = time.perf_counter()
        if not TTY or (now - self.drawn < 0.1 and done < total):
            return
        self.drawn = now
        filled = 24 * done // total
        bar = "█" * filled + dim("░" * (24 - filled))
        text = "   ".join(figure() for figure in figures)
        redraw(f"  {bar} {done:,} of {total:,} {self.what}   {text}")

    def finish(self):
        redraw()
        return time.perf_counter() - self.started


def ask(code, names, show=repr):
    """Shows a line of Python, what it gives, and how long it takes: the best of five rounds."""
    result = eval(code, names)
    rounds = max(1, min(2000, int(0.02 / timeit.timeit(code, globals=names, number=1))))
    best = min(timeit.repeat(code, globals=names, number=rounds, repeat=5)) / rounds
    text = show(result)
    line(code, text if len(text) <= 32 else text[:29] + "...", duration(best))
    return result


def said(error):
    """The class of an exception, and for kevy's own the builtin one it also is."""
    also = [base.__name__ for base in type(error).__mro__[1:] if base.__module__ == "builtins"]
    own = type(error).__module__ != "builtins" and also[0] != "Exception"
    return type(error).__name__ + (f", a {also[0]}" if own else "")
