"""Runs one program of pyperformance, locked or not: what locked.py starts.

Usage: locked_program.py MODE KERNEL KEEP LOOPS PROGRAM [ARGUMENT ...]

MODE is "plain", "locked" (the lock comes when the program's text has been read,
before any of it runs) or "late" (it comes when all is prepared for the first
measured function, the program's files are read).  KEEP is the rights kept, with
commas.  The module pyperf that the program imports is this file's: it calls each
function that it is given as many times as LOOPS says, with commas, in their
order, and takes the time.  No number stands for as many as take a tenth of a
second.

Prints an object as JSON: "times" has [name, loops, seconds, digest of what the
function returned], in their order; "refused" is the right that was missing and
the operation, "error" the text of another error.
"""

import argparse
import hashlib
import json
import re
import sys
import time
import types

import lockdownlib

ENOUGH = 0.1
ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


class Runner:
    """What programs use of pyperf.Runner."""

    def __init__(self, add_cmdline_args=None, **others):
        self.argparser = argparse.ArgumentParser()
        self.metadata = {}
        self.args = None

    def parse_args(self, args=None):
        self.args = self.argparser.parse_args(args)
        return self.args

    def bench_time_func(self, name, function, *args, inner_loops=None, **others):
        def measured(loops):
            return function(loops, *args), None
        measure(name, measured)

    def bench_func(self, name, function, *args, inner_loops=None, **others):
        def measured(loops):
            start = time.process_time()
            for _ in range(loops):
                value = function(*args)
            return time.process_time() - start, value
        measure(name, measured)

    def bench_async_func(self, name, function, *args, loop_factory=None, **others):
        import asyncio

        async def main(loops):
            start = time.process_time()
            for _ in range(loops):
                value = await function(*args)
            return time.process_time() - start, value

        def measured(loops):
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                return runner.run(main(loops))
        measure(name, measured)

    def bench_command(self, name, command):
        raise NotImplementedError("measures programs that it starts")


def lock():
    if not lockdownlib.status().locked:
        lockdownlib.lockdown(keep=keep, kernel=kernel)


def measure(name, measured):
    if mode == "late":
        lock()
    told = len(report["times"]) < len(loops)
    count = loops[len(report["times"])] if told else 1
    seconds, value = measured(count)
    while not told and seconds < ENOUGH:
        count *= 2
        seconds, value = measured(count)
    # Addresses differ from process to process, locked or not.
    digest = hashlib.sha256(ADDRESS.sub("", repr(value)).encode(errors="replace")).hexdigest()
    report["times"].append([name, count, seconds, digest[:16]])


def pyperf():
    module = types.ModuleType("pyperf")
    module.Runner = Runner
    module.perf_counter = time.perf_counter
    module.python_implementation = lambda: sys.implementation.name
    module.python_has_jit = lambda: False
    return module


mode, kernel, keep, loops, program = sys.argv[1:6]
keep, loops = ([word for word in words.split(",") if word] for words in (keep, loops))
loops = [int(number) for number in loops]
report = {"times": []}
sys.argv[:5] = []
sys.path.insert(0, program.rpartition("/")[0])
sys.modules["pyperf"] = pyperf()
# Its classes are looked up there when they are pickled.
main = sys.modules["__main__"] = types.ModuleType("__main__")
main.__file__ = program
with open(program, "rb") as file:
    code = compile(file.read(), program, "exec")
# The program may print; the report is the last line.
try:
    if mode == "locked":
        lock()
    exec(code, main.__dict__)
except lockdownlib.LockdownError as error:
    report["refused"] = [error.right, error.operation]
except BaseException as error:
    cause = error
    while cause is not None and not isinstance(cause, lockdownlib.LockdownError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        report["refused"] = [cause.right, cause.operation]
    else:
        report["error"] = f"{type(error).__name__}: {error}"
print()
print(json.dumps(report), flush=True)
