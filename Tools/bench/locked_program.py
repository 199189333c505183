"""Runs one program of pyperformance, locked or not: what locked.py starts.

Usage: locked_program.py MODE KERNEL LOOPS PROGRAM [ARGUMENT ...]

MODE is "plain", "locked" (the lock comes when the program's text has been read,
before any of it runs) or "late" (it comes when all is prepared for the
measured function, the program's files are read).  The module pyperf that the
program imports is this file's: it calls the function LOOPS times and takes the
time.  LOOPS of 0 stands for as many as take a tenth of a second.

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
        lockdownlib.lockdown(keep=(), kernel=kernel)


def measure(name, measured):
    if mode == "late":
        lock()
    count = loops or 1
    seconds, value = measured(count)
    while not loops and seconds < ENOUGH:
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


mode, kernel, loops, program = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
report = {"times": []}
sys.argv[:4] = []
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
