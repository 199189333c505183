"""Limits: what a cell may use, and which limits a kind of cell can keep."""

import dataclasses
import math
import sys

KIB = 1 << 10
MIB = 1 << 20

# Values are trees that recursive functions walk, in a supervisor that may be deep in calls itself.
DEEPEST = 250

# In seconds; all others are whole numbers.
_SECONDS = ("cpu", "wall")
# What has to be a number, for the supervisor's own sake.
_NEEDED = ("value", "depth", "nesting")
# Each level hands on what those below it say.
DEEPEST_NESTING = 16
# Whoever has cells hands on what they say as values of his own.
LEAST = {"value": 4 * KIB, "depth": 8}
# With less a process cannot be made ready, or cannot report how its first run ended.
LEAST_MEMORY = MIB


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a cell may use.

    In seconds, bytes and counts.  cpu, wall, output and calls are those of one run, the others
    those of the cell; threads are those that its code starts, cells those that are made in it,
    nesting is how deep they may be in each other.  None takes a limit away; value, depth and
    nesting cannot be taken away.
    """

    cpu: float = 10
    wall: float = 30
    output: int = MIB
    calls: int = 10_000
    memory: int = 256 * MIB
    value: int = 16 * MIB
    depth: int = 100
    storage: int = 64 * MIB
    handles: int = 64
    threads: int = 8
    cells: int = 0
    nesting: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            self._check(field.name, getattr(self, field.name))
        if self.depth > DEEPEST:
            raise ValueError(f"depth may be {DEEPEST} at most, not {self.depth}")
        if self.nesting > DEEPEST_NESTING:
            raise ValueError(f"nesting may be {DEEPEST_NESTING} at most, not {self.nesting}")
        if self.memory is not None and self.memory < LEAST_MEMORY:
            raise ValueError(f"memory must be at least {LEAST_MEMORY} bytes, which a cell takes to"
                             f" start, not {self.memory}")
        for name, least in LEAST.items():
            if self.can_nest and getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least} where there are cells in cells")

    def _check(self, name, value):
        if value is None:
            if name in _NEEDED:
                raise ValueError(f"{name} is needed: give a number instead of None")
            return
        kinds = (int, float) if name in _SECONDS else (int,)
        if isinstance(value, bool) or not isinstance(value, kinds):
            wanted = "a number of seconds" if name in _SECONDS else "an int"
            raise TypeError(f"{name} must be {wanted} or None, not {type(value).__name__}")
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"{name} must be finite and not negative, not {value!r};"
                             f" None takes the limit away")
        if value >= 1 << 46:
            raise ValueError(f"{name} is more than any machine has: None takes the limit away")

    @property
    def can_nest(self):
        """May code make cells?"""
        return self.cells != 0 and self.nesting > 0

    def lower(self, **changes):
        """The same with some limits lowered; ValueError names one that would be raised."""
        for name, value in changes.items():
            mine = getattr(self, name, 0)
            if mine is not None and (value is None or value > mine):
                raise ValueError(f"{name} can only be lowered: it is {mine}, not {value}")
        return dataclasses.replace(self, **changes)


# What the historic class gives when it is not told: its code could make restricted code in turn.
HISTORIC = Limits(cells=8, nesting=4)


def check_kept(limits):
    """Refuse by name a limit that cells cannot keep on this system."""
    lacking = {}
    if not sys.platform.startswith("linux"):
        for name in ("cpu", "memory"):
            lacking[name] = f"{sys.platform} gives no means to keep it from outside"
    for name, reason in lacking.items():
        if getattr(limits, name) is not None:
            raise ValueError(f"the limit {name} cannot be kept ({reason}); give {name}=None")
