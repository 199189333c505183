"""Telling the user how far a long step has come, on a terminal and in a log."""

import sys
import time


class Progress:
    """One long step.  Says nothing if the step is over soon."""

    QUIET = 2       # seconds that pass before anything is said
    EVERY = 5       # seconds between two lines of a log; a terminal's line is renewed at once

    def __init__(self, what, unit="MB", scale=1_000_000):
        self.what = what
        self.unit = unit
        self.scale = scale
        self.terminal = sys.stderr.isatty()
        self.next = time.monotonic() + self.QUIET
        self.shown = False

    def at(self, done, total=None):
        """DONE of TOTAL is done; TOTAL may be unknown."""
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + (0.2 if self.terminal else self.EVERY)
        far = f"{done / self.scale:.0f}"
        if total:
            far += f" of {total / self.scale:.0f}"
        text = f"configure: {self.what}: {far} {self.unit}"
        if self.terminal:
            sys.stderr.write(f"\r{text}\x1b[K")
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()
        self.shown = True

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.shown and self.terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def say(text):
    """One line to the user."""
    print(f"configure: {text}", file=sys.stderr, flush=True)
