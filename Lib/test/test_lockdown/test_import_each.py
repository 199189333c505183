"""Each safe module is imported in a fresh locked process, and nothing is looked up on the disk."""

import concurrent.futures
import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from test import support
from test.test_lockdown import fresh, ledger

import lockdownlib

# The first line is printed after the lock; importlib's error for a module that is not on this
# system is ImportError or ModuleNotFoundError, as unlocked.
PROGRAM = """
print("@locked", flush=True)
try:
    {statement}
except ImportError as error:
    print("@absent", type(error).__name__, error.name, flush=True)
except BaseException as error:
    print("@failed", type(error).__name__, error, flush=True)
else:
    print("@imported", flush=True)
"""

# With a path's text in its call. An empty one with AT_EMPTY_PATH is a descriptor that is open.
CALL = re.compile(r"^\d+\s+(\w+)\((.*)$")
OPEN_DESCRIPTOR = re.compile(r'newfstatat\(\d+, "",.*AT_EMPTY_PATH')

STRACE = shutil.which("strace")


def strace_works():
    """Whether a process may be traced here: containers often forbid it."""
    if STRACE is None:
        return False
    done = subprocess.run([STRACE, "-f", "-o", os.devnull, sys.executable, "-I", "-c", "pass"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def import_of(name):
    """The statement that imports a module; the name of the build's variables is no identifier."""
    if all(part.isidentifier() for part in name.split(".")):
        return f"import {name}"
    return f"__import__({name!r})"


def origin(name):
    """"shared" for an extension module in a file of its own, "outside" for one that only a file
    has, "inside" for the others, None if unlocked Python has no such module here."""
    if name == "__mp_main__":
        return None     # not even if a test before this one has put it into sys.modules
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.origin and spec.origin.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)):
        return "shared"
    return "outside" if ledger.is_left_outside(name) else "inside"


class Locked:
    """What came of one module in a locked process, and the calls with paths after the lock."""

    def __init__(self, name, statement, traced, options=("-X", "lockdown")):
        with tempfile.TemporaryDirectory(prefix="lockdown-") as folder:
            trace = os.path.join(folder, "trace")
            command = [sys.executable, *options, "-c", PROGRAM.format(statement=statement)]
            if traced:
                command = [STRACE, "-f", "-qq", "-e", "trace=%file,write", "-o", trace, *command]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=fresh.environment(), cwd=folder,
                                  timeout=support.LONG_TIMEOUT)
            self.out = done.stdout.decode(errors="replace")
            self.err = done.stderr.decode(errors="replace")
            self.returncode = done.returncode
            self.calls = self.read(trace) if traced else []
        self.word, *self.rest = next(
            (line.split(" ", 3) for line in self.out.splitlines()
             if line.startswith(("@imported", "@absent", "@failed"))), ["@died"])

    def read(self, trace):
        with open(trace, errors="replace") as file:
            lines = iter(file.read().splitlines())
        if not any('write(1, "@locked' in line for line in lines):
            return ["the process wrote nothing after the lock"]
        return [line for line in lines if (call := CALL.match(line)) and call[1] != "write"
                and not OPEN_DESCRIPTOR.search(line)]


class EachTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.traced = strace_works()

    def run_all(self, statements):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return dict(zip(statements, pool.map(
                lambda name: Locked(name, statements[name], self.traced), statements)))

    def test_each(self):
        counts = fresh.Counts()
        found = self.run_all({name: import_of(name)
                              for name in sorted(lockdownlib.SAFE_MODULES)})
        for name, locked in found.items():
            with self.subTest(name):
                self.assertEqual(locked.calls, [])
                counts.add(locked.word[1:])
                if name.endswith(".__main__"):
                    # A program, which may end as it likes: it needs what it needs.
                    self.assertIn(locked.returncode, (0, 1, 2, 5), locked.err)
                    continue
                self.assertEqual(locked.returncode, 0, locked.err)
                if locked.word == "@absent":
                    error, missing = locked.rest[:2]
                    # What is missing is known by name: a file of its own, or not of this system.
                    if origin(missing) is None or error == "ImportError":
                        self.assertIsNone(self.unlocked_import(name), "imports when unlocked")
                    else:
                        self.assertEqual(error, "LockdownImportError")
                        self.assertIn(origin(missing), ("shared", "outside"), missing)
                elif origin(name) is not None:
                    self.assertEqual(locked.word, "@imported", locked.rest)
        counts.show("safe modules, each in a locked process"
                    + ("" if self.traced else ", without strace"))
        # A table that was emptied by mistake would leave nothing to fail.
        self.assertGreater(counts.counter["imported"], 400)

    def unlocked_import(self, name):
        """"imported" if it can be imported here at all."""
        done = Locked(name, import_of(name), False, options=("-I",))
        return None if done.word in ("@absent", "@failed") else done.word

    def test_witness_sees(self):
        # The same look at the trace finds an import from the disk, and a path that is only asked for.
        if not self.traced:
            self.skipTest("strace is not there, or may not trace")
        for keep, statement, call in (("import,fs.read", "import bz2", "open"),
                                      ("fs.read", "import os; os.stat('/')", "stat"),
                                      ("fs.read", "import os; os.access('/', 0)", "access")):
            with self.subTest(call):
                locked = Locked(call, statement, True, options=("-X", f"lockdown={keep}"))
                self.assertEqual(locked.word, "@imported", locked.rest)
                self.assertTrue([line for line in locked.calls if call in line], locked.calls)


if __name__ == "__main__":
    unittest.main()
