"""What the fuzzer calls with: awkward values, and a choice among them that learns from errors."""

import json
import re

import lockdownlib


class Awkward:
    """Answers to nearly every protocol, with something that is a little wrong."""

    def __index__(self):
        return -1

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if isinstance(index, int) and index >= 3:
            raise IndexError(index)
        return self

    def __iter__(self):
        return iter((self, 1, "x"))

    def __call__(self, *args, **kwargs):
        return None

    def __fspath__(self):
        return "awkward"

    def __eq__(self, other):
        return NotImplemented

    __hash__ = object.__hash__


class Raiser:
    """Fails when it is looked at."""

    def __getattribute__(self, name):
        raise ZeroDivisionError(name)

    def __index__(self):
        raise ZeroDivisionError

    def __eq__(self, other):
        raise ZeroDivisionError

    __hash__ = object.__hash__


class Reenter:
    """Locks again, which changes nothing, while the callee is between two looks at it."""

    def __index__(self):
        lockdownlib.lockdown(keep=())
        return 1

    def __fspath__(self):
        lockdownlib.lockdown(keep=())
        return "reentered"

    def __hash__(self):
        lockdownlib.lockdown(keep=())
        return 1


def recursive():
    value = []
    value.append(value)
    return value


# Each is made anew for each call: what a call does to it must not reach the next one.
POOL = {
    "int": [lambda: 0, lambda: 1, lambda: -1, lambda: 7, lambda: 255, lambda: 65536,
            lambda: 2 ** 31 - 1, lambda: -2 ** 63, lambda: 2 ** 64, lambda: True],
    "float": [lambda: 0.5, lambda: float("nan"), lambda: float("inf"), lambda: -1e308],
    "str": [lambda: "", lambda: "x", lambda: "name", lambda: "utf-8", lambda: "/etc/passwd",
            lambda: "a\0b", lambda: "\ud800", lambda: "é€😀", lambda: "x" * 1000, lambda: "r"],
    "bytes": [lambda: b"", lambda: b"x", lambda: b"\0\xff" * 9, lambda: b"/etc/passwd",
              lambda: bytearray(b"data"), lambda: memoryview(b"view")],
    "none": [lambda: None],
    "sequence": [lambda: (), lambda: [], lambda: (1, 2), lambda: ["a", "b"], lambda: [b"x"],
                 recursive, lambda: (None,) * 9, lambda: [(1, 2)], lambda: range(3)],
    "mapping": [lambda: {}, lambda: {"a": 1}, lambda: {1: None}],
    "callable": [lambda: len, lambda: (lambda *args, **kwargs: None), lambda: int,
                 lambda: Awkward()],
    "type": [lambda: int, lambda: type, lambda: object, lambda: ValueError],
    "iterator": [lambda: iter([1, 2, 3]), lambda: (n for n in "ab"), lambda: zip("a", "b")],
    "set": [lambda: set(), lambda: frozenset("ab")],
    "complex": [lambda: 1j],
    "slice": [lambda: slice(0, 2), lambda: slice(None, -1, -1)],
    "exception": [lambda: ValueError("x"), lambda: OSError(1, "x", "name")],
    "module": [lambda: json],
    "code": [lambda: compile("1", "awkward", "eval")],
    "object": [object, Awkward, Raiser, Reenter],
}
# What a TypeError's text says was wanted, and the kind of value that is.
WANTED = [
    (re.compile(pattern), kind) for pattern, kind in (
        (r"\bint(eger)?\b|index|file descriptor|real number|fileno|Decimal", "int"),
        (r"\bstr\b|string|unicode|path|attribute name", "str"),
        (r"bytes|buffer", "bytes"), (r"float|number", "float"),
        (r"tuple|list|sequence", "sequence"),
        (r"dict|mapping", "mapping"), (r"callable|function", "callable"), (r"type|class", "type"),
        (r"iterator|iterable", "iterator"), (r"\bset\b", "set"), (r"None", "none"),
        (r"slice", "slice"), (r"exception", "exception"), (r"module", "module"),
        (r"code", "code"))]
PLACE = re.compile(r"argument (\d+)")
COUNT = re.compile(r"(?:exactly|at least|at most|from) (\d+|one|two|no)|takes (no|one|\d+)")
NUMBERS = {"no": 0, "one": 1, "two": 2}


class Arguments:
    """Chooses arguments at random, and learns from a TypeError's text what was wanted."""

    def __init__(self, rng):
        self.rng = rng
        self.kinds = list(POOL)
        self.count = None
        self.wanted = {}
        self.last = 0

    def choose(self, own):
        """Arguments for one call; own is the object that the call acts on, or None."""
        count = self.rng.choice((0, 1, 1, 2, 2, 3, 4)) if self.count is None else self.count
        if self.rng.random() < 0.15:
            count = self.rng.randrange(6)
        self.last = count
        return tuple(self._value(place, own) for place in range(count))

    def _value(self, place, own):
        chance = self.rng.random()
        if chance < 0.15 and own is not None:
            return own
        kinds = self.wanted.get(place)
        kind = self.rng.choice(kinds if kinds and chance < 0.9 else self.kinds)
        return self.rng.choice(POOL[kind])()

    def learn(self, text):
        """Remember what this error says of number or kind."""
        if match := COUNT.search(text):
            word = match[1] or match[2]
            self.count = NUMBERS[word] if word in NUMBERS else min(int(word), 20)
            return
        place = int(match[1]) - 1 if (match := PLACE.search(text)) else \
            self.rng.randrange(max(self.last, 1))
        found = [kind for pattern, kind in WANTED if pattern.search(text)]
        if found:
            self.wanted[place] = found
