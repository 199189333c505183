"""The leak walker: goes to every object that code can reach and looks for what should be hidden.

Run in a process of its own, with the host program, leaks_host.py, beside it as host.py:

    leaks.py LOCK

LOCK is "locked", "inspecting" (locked, but for the right to look at all that the collector knows)
or "unlocked".  On standard input comes a JSON object of the texts that nothing may tell, by what
they are; "files" is a folder for the host program.

What is true is found out before the lock: the ranges of memory that /proc/self/maps lists.  A
number leaks if it, or its bytes in reverse order, in any rotation of its bits, lies in one of them;
a text if it has such a number, decimal or hexadecimal, or a secret; bytes also if eight of them in
a row are such a number.  In the end come leaks that are laid out for the walker, which has to find
them all.

Among millions of bytes that are in the library eight may lie in memory by chance.  So what another
process had found can be handed in as "suspects": what is the same here, and no address, is told.
"""

import ast
import bisect
import collections
import gc
import importlib
import json
import os
import re
import socket
import sys
import types

WORD = 64
MASK = (1 << WORD) - 1
NUMBERS = re.compile(r"[0-9a-fA-F]{10,16}|[0-9]{12,20}")
LONGEST_REPR = 10_000
# Attributes of attributes: those that are made anew each time, the imaginary part of a number for
# one, would never end.
DEEPEST = 8
METHODS = (types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType,
           types.WrapperDescriptorType, types.ClassMethodDescriptorType, classmethod, staticmethod)
# Not imported: they print, open a window or a browser.
NOISY = ("antigravity", "this", "turtle", "idlelib", "tkinter", "__main__")


class Pid(int):
    """The number of a process."""

    def __new__(cls, number):
        cls.texts.add(str(int(number)))
        return super().__new__(cls, number)

    texts = set()
    # Where a text has one.
    place = re.compile(r"(?:\bpid ?=? ?|<Process |\.M[0-9]+P)([0-9]+)")


def mark_pids():
    """Have all that Python code learns about numbers of processes be of that type."""
    import posix
    import _posixsubprocess

    def marked(function):
        def call(*args):
            return Pid(function(*args))
        return call

    for module, name in ((posix, "getpid"), (posix, "getppid"), (posix, "fork"),
                         (_posixsubprocess, "fork_exec")):
        setattr(module, name, marked(getattr(module, name)))
        if module is posix:
            setattr(os, name, getattr(posix, name))


class Truth:
    """Ranges of memory and secret texts."""

    def __init__(self, secrets):
        edges = []
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            for line in file:
                begin, end = (int(text, 16) for text in line.split()[0].split("-"))
                if begin >> 47 == 0 and "[vsyscall]" not in line:
                    edges.append((begin, end))
        merged = []
        for begin, end in sorted(edges):
            if merged and begin <= merged[-1][1]:
                merged[-1][1] = max(end, merged[-1][1])
            else:
                merged.append([begin, end])
        self.begins = [begin for begin, _ in merged]
        self.ends = [end for _, end in merged]
        # One dict look-up tells almost all numbers from addresses.
        self.tops = {page for begin, end in merged
                     for page in range(begin >> 24, ((end - 1) >> 24) + 1)}
        self.secrets = secrets
        words = sorted(secrets.values(), key=len, reverse=True)
        self.needle = re.compile("|".join(map(re.escape, words)))
        self.bytes_needle = re.compile(b"|".join(re.escape(word.encode()) for word in words))

    def is_address(self, number):
        """Whether NUMBER lies in memory that is there."""
        if number >> 24 not in self.tops:
            return False
        place = bisect.bisect_right(self.begins, number) - 1
        return place >= 0 and number < self.ends[place]

    def in_number(self, number):
        """Whether NUMBER is an address in any rotation and byte order."""
        number &= MASK
        if number.bit_length() < 32 or (~number & MASK).bit_length() < 32:
            return False        # a small number: rotated it can look like anything
        if (number & -number).bit_length() + 28 > number.bit_length():
            return False        # few bits, and zeros
        swapped = int.from_bytes(number.to_bytes(8, "little"), "big")
        for value in number, swapped:
            # The top 17 bits of an address are zero: are there so many in a row, around the end?
            zeros = ~value & MASK
            for step in 1, 2, 4, 8, 1:
                zeros &= (zeros >> step) | (zeros << (WORD - step)) & MASK
            if not zeros:
                continue
            for _ in range(WORD):
                if value >> 47 == 0 and self.is_address(value):
                    return True
                value = (value >> 1) | ((value & 1) << (WORD - 1))
        return False

    def in_text(self, text):
        """What a str tells: "address", "secret" or None."""
        if self.needle.search(text):
            return "secret"
        for match in NUMBERS.finditer(text):
            run = match[0]
            if self.in_number(int(run, 16)) or run.isdigit() and self.in_number(int(run)):
                return "address"
        if any(match[1] in Pid.texts for match in Pid.place.finditer(text)):
            return "pid"
        return None

    def in_bytes(self, data):
        """The same of bytes."""
        if self.bytes_needle.search(data):
            return "secret"
        for shift in range(min(8, len(data))):
            part = memoryview(data)[shift:]
            part = part[:len(part) // 8 * 8]
            for number in part.cast("Q"):
                if number >> 47 == 0 and self.is_address(number):
                    return "address"
            for number in memoryview(bytes(part)[::-1]).cast("Q"):
                if number >> 47 == 0 and self.is_address(number):
                    return "address"
        return None


class Walk:
    """A walk from some roots: COUNTS of what was seen, LEAKS as (kind, way, text)."""

    def __init__(self, truth):
        self.truth = truth
        self.counts = collections.Counter()
        self.leaks = []
        self.values = []            # of the first leaks, in full
        self.seen = {}              # id -> object: what is seen stays, so no id is used again
        self.texts = set()
        self.numbers = set()
        self.types = {}
        self.names = {}             # type -> names of attributes that are no methods
        self.queue = collections.deque()
        self.referents = None       # the collector's function, if code may call it
        self.depth = 0              # how many attributes led to the object that is looked at

    def leave_out(self, *things):
        for thing in things:
            self.seen[id(thing)] = thing

    def leak(self, kind, way, text):
        self.counts["leaks " + kind] += 1
        self.leaks.append((kind, way, str(text)[:200]))
        if len(self.values) < 100:
            self.values.append(repr(text))

    def is_harmless(self, text):
        """Whether the value of this text was met, and is no address."""
        value = ast.literal_eval(text)
        if isinstance(value, int):
            return value in self.numbers and not self.truth.in_number(value)
        told = self.truth.in_text if isinstance(value, str) else self.truth.in_bytes
        return value in self.texts and not told(value)

    # ---- values

    def look(self, value, way):
        """Look at a plain value; True if it is one."""
        kind = type(value)
        if kind is int or kind is bool:
            if value not in self.numbers:
                self.numbers.add(value)
                self.counts["numbers"] += 1
                if self.truth.in_number(value):
                    self.leak("address", way, value)
        elif kind is str:
            if value not in self.texts:
                self.texts.add(value)
                self.counts["strings"] += 1
                told = self.truth.in_text(value)
                if told:
                    self.leak(told, way, value)
        elif kind is bytes or kind is bytearray:
            data = bytes(value)
            if data not in self.texts:
                self.texts.add(data)
                self.counts["bytes"] += 1
                told = self.truth.in_bytes(data)
                if told:
                    self.leak(told, way, data)
        elif kind is float:
            if value.is_integer() and self.truth.in_number(int(value)):
                self.leak("address", way, value)
        elif kind is Pid:
            if value > 0:
                self.leak("pid", way, value)
        elif value is None or kind is complex:
            pass
        else:
            return False
        return True

    def add(self, value, way, depth=0):
        if not self.look(value, way) and id(value) not in self.seen and depth < DEEPEST:
            self.seen[id(value)] = value
            self.queue.append((value, way, depth))

    def run(self):
        while self.queue:
            value, way, self.depth = self.queue.popleft()
            self.counts["objects"] += 1
            self.step(value, way)

    # ---- objects

    def attempt(self, way, call, *args):
        """The call's value, looked at later; an exception is looked at too."""
        try:
            value = call(*args)
        except BaseException as error:
            self.error(error, way)
            return
        self.add(value, way, self.depth + 1)

    def error(self, error, way):
        self.counts["errors"] += 1
        for text in (str, repr):
            try:
                self.look(text(error), way + "!" + type(error).__name__)
            except BaseException:
                pass
        name = getattr(error, "name", None), getattr(error, "path", None)
        for value in (*error.args, *name, getattr(error, "filename", None),
                      getattr(error, "filename2", None)):
            self.add(value, way + "!args")

    def step(self, value, way):
        kind = type(value)
        if kind is memoryview:
            self.attempt(way + ".tobytes()", value.tobytes)
        if kind in (list, tuple, set, frozenset, collections.deque):
            for item in list(value):
                self.add(item, way + "[]")
        elif isinstance(value, (dict, types.MappingProxyType)):
            try:
                items = list(value.items())
            except BaseException as error:
                self.error(error, way)
                items = []
            for key, item in items:
                self.add(key, way + " key")
                self.add(item, f"{way}[{key!r:.40}]" if type(key) in (str, int) else way + "[?]")
        self.attributes(value, kind, way)
        if isinstance(value, type):
            try:
                subclasses = type.__subclasses__(value)
            except TypeError:
                subclasses = []
            for item in subclasses:
                self.add(item, f"{way} subclass {item.__name__}")
        if kind.__name__ in ("ReferenceType", "weakref", "KeyedRef"):
            self.attempt(way + "()", value)
        if self.referents is not None:
            for item in self.referents(value):
                self.add(item, way + " referent")
        self.look_texts(value, kind, way)
        self.add(kind, way + ".__class__")
        if kind not in self.types:
            self.types[kind] = value
            self.provoke(value, way)

    def attributes(self, value, kind, way):
        try:
            namespace = object.__getattribute__(value, "__dict__")
        except BaseException:
            namespace = None
        if namespace is not None:
            self.add(namespace, way)
        names = self.names.get(kind)
        if names is None:
            names = self.names[kind] = set()
            for base in type.__dict__["__mro__"].__get__(kind):
                for name, item in type.__dict__["__dict__"].__get__(base).items():
                    # Methods are called by no one here.
                    if hasattr(type(item), "__get__") and type(item) not in METHODS:
                        names.add(name)
        for name in names:
            self.attempt(f"{way}.{name}", getattr, value, name)
        if kind in (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType):
            self.attempt(way + ".__self__", getattr, value, "__self__")

    def look_texts(self, value, kind, way):
        if kind in (dict, list, tuple, set, frozenset, collections.deque) and len(value) > 20:
            return                  # its items have their own
        for text in (repr, str, format):
            try:
                shown = text(value)[:LONGEST_REPR]
            except BaseException as error:
                self.error(error, way)
            else:
                self.look(str(shown), f"{text.__name__}({way})")
        for number in (id, hash):
            try:
                self.look(number(value), f"{number.__name__}({way})")
            except BaseException:
                pass

    def provoke(self, value, way):
        """Errors of all kinds about the first object of each type, and its pickles."""
        import copy
        import operator
        import pickle
        attempts = [
            ("+", lambda: value + object()), ("<", lambda: value < object()),
            ("-", operator.neg, value), ("[]", lambda: value[object()]),
            ("[]=", operator.setitem, value, object(), 1), ("len", len, value),
            ("iter", lambda: iter(value) and None), ("int", int, value), ("float", float, value),
            ("index", operator.index, value), ("nothing", getattr, value, "nothing_of_this_name"),
            ("set", setattr, value, "nothing_of_this_name", object()),
            ("del", delattr, value, "nothing_of_this_name"), ("%d", lambda: "%d" % (value,)),
            ("format", format, value, "\0bad"),
            ("in", lambda: hasattr(value, "__next__") or object() in value),
            ("join", "".join, [value]), ("sum", sum, [value]), ("bytes", bytes, [value]),
            ("key", lambda: {}[value]), ("remove", lambda: [].remove(value)),
            ("raise", lambda: exec("raise value", {"value": value})),
            ("await", lambda: value.__await__()),
            # Entering a lock that is held would not end.
            ("with", lambda: hasattr(type(value), "__enter__") or value.__enter__()),
            ("chr", chr, value), ("isinstance", isinstance, 1, value),
            ("issubclass", issubclass, value, int), ("type", type, "T", (value,), {}),
            ("open", open, value), ("import", __import__, value), ("round", round, value),
            ("divmod", divmod, value, 0), ("pow", pow, value, value, value),
            ("compile", compile, value, "x", "exec"), ("super", super, value, value),
            ("getattr", getattr, 1, value), ("ord", ord, value),
            ("memoryview", lambda: memoryview(value).tobytes()),
        ]
        for name, call, *args in attempts:
            self.counts["provoked"] += 1
            self.attempt(f"{name}({way})", call, *args)
        if not isinstance(value, (type, types.ModuleType)):
            for protocol in 0, 4:
                self.attempt(f"pickle({way})", pickle.dumps, value, protocol)
            self.attempt(f"reduce({way})", reduced, value)
            memo = {}
            try:
                copy.deepcopy(value, memo)
            except BaseException as error:
                self.error(error, way)
            self.add(memo, f"memo({way})")


def reduced(value):
    return value.__reduce_ex__(4)


def import_all():
    import lockdownlib
    count = 0
    for name in sorted(lockdownlib.SAFE_MODULES):
        if not name.startswith(NOISY) and ".__main__" not in name:
            try:
                importlib.import_module(name)
                count += 1
            except (ImportError, OSError, AttributeError, KeyError):
                pass        # of another platform
    return count


def planted(truth):
    """An address in each of its disguises, and the secrets."""
    address = truth.begins[0] + 0x123450
    if not truth.is_address(address):
        address = truth.begins[0] + 0x450
    text = address.to_bytes(8, "little")
    rotated = ((address >> 4) | (address << 60)) & MASK
    return {
        "plain": [address], "rotated": (rotated,), "negative": {"n": rotated - (1 << 64)},
        "swapped": {int.from_bytes(text, "big")}, "decimal": f"at {address}.",
        "hexadecimal": f"<x at {address:#x}>", "bytes": b"abc" + text + b"d",
        "reversed": bytearray(text[::-1]), "view": memoryview(b"xy" + text),
        "float": [float(address + 112)],
        "closure": (lambda number: lambda: number)(address + 16),
        "default": lambda number=address + 32: number,
        "slot": type("Slot", (), {"__slots__": "x", "__init__":
                                  lambda self: setattr(self, "x", address + 48)})(),
        "repr": type("Text", (), {"__repr__": lambda self: f"{address + 64:X}"})(),
        "error": type("Error", (), {"__len__": lambda self: raise_(f"{address + 96}")})(),
        "secret": list(truth.secrets.values()),
        "process": [Pid(31337)], "worker": f"<Worker pid={Pid(31338)} running>",
    }


def raise_(text):
    raise ValueError(text)


def rename_host(name):
    """Have a host's name that is nobody else's, where the system lets this process."""
    try:
        os.unshare(os.CLONE_NEWUTS)
        socket.sethostname(name)
    except OSError:
        return False
    return True


def main(lock, secrets):
    suspects = secrets.pop("suspects")
    # The machine's own name is then told nowhere.
    secrets.pop("name" if rename_host(secrets["host"]) else "host", None)
    mark_pids()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import host
    import identity
    import lockdownlib
    count = import_all()
    made = host.plain_values()
    host.fill_caches(secrets["files"])
    kept = host.left_open(secrets["files"])
    learned = identity.learned(secrets["files"])
    truth = Truth(secrets)
    walk = Walk(truth)
    if lock != "unlocked":
        lockdownlib.lockdown(keep=("inspect",) if lock == "inspecting" else ())
    roots = {"made": made, "kept": kept, "learned": learned, "values": host.told_values(made),
             "calls": host.told_by_calls()}
    walk.leave_out(truth, walk, truth.__dict__, walk.__dict__, walk.seen, walk.leaks, walk.values,
                   suspects, walk.queue,
                   walk.texts, walk.numbers, walk.types, walk.names, walk.counts, truth.tops,
                   truth.begins, truth.ends, truth.secrets, truth.needle, truth.bytes_needle,
                   secrets)
    frame = sys._getframe()
    walk.leave_out(frame)
    for name, root in roots.items():
        walk.add(root, name)
    walk.add(sys.modules, "sys.modules")
    walk.add(object, "object")
    if lock == "inspecting":
        walk.referents = gc.get_referents
        own = {id(frame), id(walk.types), id(walk.names)}
        for value in gc.get_objects():
            if id(value) not in own:
                walk.add(value, f"gc {type(value).__name__}")
    walk.run()
    laid_out = Walk(truth)
    laid_out.seen = walk.seen
    for name, root in planted(truth).items():
        laid_out.add(root, name)
    laid_out.run()
    by_secret = {name: sum(text in shown for kind, _, shown in walk.leaks if kind == "secret")
                 for name, text in secrets.items()}
    print("\n@" + json.dumps({"modules": count, "counts": dict(walk.counts), "told": by_secret,
                              "planted": [way for _, way, _ in laid_out.leaks],
                              "leaks": walk.leaks[:2000], "values": walk.values,
                              "harmless": [*filter(walk.is_harmless, suspects)]}), flush=True)
    identity.end(learned)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.stdin.read()))
