"""Runs CPython's tests locked under the kernel's witness: a trap is a call that no guard has stopped.

Usage: python -m test.test_lockdown.locked.witness [--jobs=N] [--without-guards] [FILE ...]

FILE is a name such as test_json; none means all that `make test-locked` runs. Each class of a file
runs in a child of python-mutant (`make mutant`) that locks itself with keep=() and the witness, which
notes what the ring would refuse and refuses it. A method may fail, for what it needs is refused; but
the one who refuses is to be a guard. --without-guards switches the guards off, all of them: then it
is the kernel that stops the tests, which shows that the witness sees.

Exit status: 0 if methods passed and there was no trap, or with --without-guards if there was one;
1 if not.
"""

import argparse
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import unittest

from test.support import os_helper
from test.test_lockdown import fresh, mutation, ring
from test.test_lockdown.locked import tables, worker
from test.test_lockdown.locked.__main__ import OPTIONS


def run_in_mutant(name):
    """Run the methods of a file; print how many there are and how many passed."""
    notes = worker.prepare()
    methods = passed = 0
    with os_helper.temp_cwd(None):
        try:
            file = worker.File(name, notes, "try")
        except unittest.SkipTest:
            file = None
        for numbers in file.classes() if file else ():
            ends = file.run_all(numbers, ())
            methods += len(numbers)
            passed += sum(end == "pass" for end, *_ in ends.values())
    print(f"@{methods} {passed}", flush=True)
    # Threads that tests left behind are of no interest.
    os._exit(0)


def witness(name, guards=True):
    """Run a file; (methods, passed, [trap]). Raises RuntimeError if it cannot be run."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("a+b") as notes:
        record = os.path.join(folder, "record")
        variables = {} if guards else {"LOCKDOWN_OFF": "*"}
        process = subprocess.run(
            [mutation.MUTANT, *OPTIONS, "-m", "test.test_lockdown.locked.witness", "--child", name],
            env=fresh.environment(LOCKDOWN_NOTES=str(notes.fileno()), LOCKDOWN_WITNESS=record,
                                  **variables),
            pass_fds=[notes.fileno()], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        counts = re.search(rb"^@(\d+) (\d+)$", process.stdout, re.MULTILINE)
        if process.returncode or counts is None:
            raise RuntimeError(f"{name} cannot be run: exit status {process.returncode}\n"
                               + process.stderr.decode(errors="replace")[-2000:])
        return int(counts[1]), int(counts[2]), ring.traps(record)


def main():
    parser = argparse.ArgumentParser(description="Run CPython's tests under the kernel's witness.")
    parser.add_argument("--jobs", type=int, default=1, help="files at the same time")
    parser.add_argument("--without-guards", action="store_true",
                        help="switch all guards off: the kernel is to see and to stop")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", metavar="FILE", help="only these")
    args = parser.parse_args()
    if args.child:
        run_in_mutant(args.files[0])
    if not os.path.exists(mutation.MUTANT):
        parser.error("there is no python-mutant: run make mutant")
    names = tables.files()
    if set(args.files) - set(names):
        parser.error(f"not a test file that is run: {min(set(args.files) - set(names))}")
    names = args.files or names
    sums, failed = collections.Counter(), []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        futures = {pool.submit(witness, name, not args.without_guards): name for name in names}
        for future in concurrent.futures.as_completed(futures):
            name = futures[future]
            try:
                methods, passed, traps = future.result()
            except RuntimeError as error:
                failed.append(name)
                print(error, flush=True)
                continue
            sums.update(files=1, methods=methods, passed=passed, traps=len(traps))
            print(f"{name}: {methods} methods, {passed} passed, {len(traps)} traps", flush=True)
            if not args.without_guards:
                # The same call at the same place is told once.
                for trap in dict.fromkeys(re.sub(r"0x[0-9a-f]+", "0x", trap) for trap in traps):
                    print(trap, flush=True)
    print(f"witness: {sums['files']} files, {sums['methods']} methods, {sums['passed']} passed,"
          f" {sums['traps']} traps; {len(failed)} could not be run")
    # Where nothing passes nothing was tried.
    return bool(failed or not sums["passed"] or (sums["traps"] == 0) == args.without_guards)


if __name__ == "__main__":
    sys.exit(main())
