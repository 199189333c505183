"""Takes guard rows away, one after the other, and looks whether a test turns red.

Usage: python -m test.test_lockdown.mutation [--jobs=N] [FUNCTION ...]

`make mutant` builds python-mutant, the same interpreter but for a hook: the guard of the function
that $LOCKDOWN_OFF names is not there. Each row of this platform (or only those of the functions
named) is taken away from it in turn, and the tests that are about the row run: its probes, its call
with nonsense, or the test that NOT_CALLED names. A row that no test misses is a survivor.

A row `stack` has no call of its own: the tests run that nest objects of its file.

A row of an .inert table stands for whole files: it is taken away file by file, and test_inert looks
for what no longer refuses.
"""

import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path
from test import support
from test.test_lockdown import fresh, probes, test_depth, test_guards, test_inert, test_refused

MUTANT = os.path.join(os.path.dirname(os.path.realpath(sys.executable)), "python-mutant")
# How a row's tests ended, as the exit status of the process that ran them.
GREEN, RED, ABSENT = 0, 1, 3
# What goes as deep as the rows `stack` of a table are for, where it is not test_others.
DEEP = {
    "Modules/_csv.c.guards": ("test_iterators",),
    "Modules/_sre/sre.c.guards": ("test_patterns_made_by_hand",),
    "Modules/itertoolsmodule.c.guards": ("test_iterators", "test_others"),
    "Objects/enumobject.c.guards": ("test_iterators",),
    "Python/bltinmodule.c.guards": ("test_iterators",),
    "Python/crossinterp_data_lookup.h.guards": ("test_tuples_shared",),
}
# Rows `stack` that this interpreter does without: the compiler makes jumps of what these call last,
# but where it does not optimize, and this release counts what older ones did not.
JUMPS = {"mappingproxy_contains", "mappingproxy_getitem", "mappingproxy_getiter", "mappingproxy_hash",
         "mappingproxy_len", "method_vectorcall", "picklebuf_getbuf"}
COUNTED = {"conv_content_model"} if sys.version_info >= (3, 13, 13) else set()
# A function that an .inert table guards, as the weave has left it.
INERT = re.compile(r"^(?:\w[\w* ]*[* ])?(\w+)\((?:[^;{}()]|\(\w*\))*\)\s*\{\s*"
                   r"if \(_PyLockdown_REFUSED\(\w+\)\) return ", re.MULTILINE)


def inert_rows():
    """A row for each file that an .inert table guards: its functions, and its name as operation."""
    found = []
    for table in sorted(Path(test_guards.overlay(), "Modules").glob("*.inert")):
        for number, line in enumerate(table.read_text().splitlines(), 1):
            right, _, files = line.partition(" ")
            if not line or right == "#":
                continue
            for path in sorted(Path(test_guards.TREE).glob(files.split()[0])):
                functions = []
                for made in path, path.parent / "clinic" / f"{path.name}.h":
                    if made.exists():
                        functions += INERT.findall(made.read_text())
                if functions:
                    found.append(test_guards.Row(
                        f"Modules/{table.name}", number, right, ":".join(functions),
                        path.relative_to(test_guards.TREE).as_posix()))
    return found


def stack_rows():
    """The rows `stack` of this release, each with its table as operation."""
    found = []
    overlay = Path(test_guards.overlay())
    for table in sorted([*overlay.glob("Modules/**/*.guards"), *overlay.glob("Objects/*.guards"),
                         *overlay.glob("Python/*.guards")]):
        name = table.relative_to(overlay).as_posix()
        for number, line in enumerate(table.read_text().splitlines(), 1):
            words = line.split()
            if words[:1] == ["stack"] and words[1] not in JUMPS | COUNTED:
                found.append(test_guards.Row(name, number, "stack", words[1], name))
    return found


def all_rows():
    return test_guards.rows() + inert_rows() + stack_rows()


def run_tests(operation):
    """Run the tests that are about one operation, in this process, which is the mutant."""
    if operation.endswith(".guards"):
        tests = DEEP.get(operation, ("test_others",))
        return GREEN if run_suite(unittest.TestSuite(map(test_depth.DepthTest, tests))) else RED
    if "/" in operation:
        suite = unittest.TestSuite([test_inert.InertTest("test_everything_refuses")])
        return GREEN if run_suite(suite) else RED
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite()

    class Row(test_guards.RowTest):
        absent = ()

        @classmethod
        def setUpClass(cls):
            cls.rows = [row for row in test_guards.rows() if row.operation == operation]

    class Probes(test_refused.ProbeTest):
        @classmethod
        def setUpClass(cls):
            cls.probes = [probe for probe in probes.PROBES
                          if operation in probe.operations and probe.exists()]
            cls.absent = []

    Probes.setUpClass()
    for name, test in test_guards.NOT_CALLED.items():
        if test_guards.listed(operation, [name]) and test:
            suite.addTest(loader.loadTestsFromName(f"test.test_lockdown.{test}"))
    if not suite.countTestCases():
        suite.addTest(Row("test_each_row_refuses_for_its_right"))
    if Probes.probes:
        suite.addTest(Probes("test_each_is_refused_for_its_own_right"))
    if not run_suite(suite):
        return RED
    elsewhere = test_guards.listed(operation, test_guards.ELSEWHERE)
    return ABSENT if not Probes.probes and (operation in Row.absent or elsewhere) else GREEN


def run_suite(suite):
    with open(os.devnull, "w") as null:
        return unittest.TextTestRunner(null).run(suite).wasSuccessful()


def take_away(row, timeout=support.SHORT_TIMEOUT):
    """Run the tests of a row without its guard, in a process of their own.  What takes longer is
    red: for want of its guard a call may wait for ever."""
    process = subprocess.Popen(
        [MUTANT, "-m", "test.test_lockdown.mutation", "--operation", row.operation],
        env=fresh.environment(LOCKDOWN_OFF=row.function), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        # What is nested deep takes its time.
        out, _ = process.communicate(timeout=support.LONG_TIMEOUT if row.right == "stack"
                                     else timeout)
    except subprocess.TimeoutExpired:
        # With what it started.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return RED
    if process.returncode > 0 and process.returncode not in (RED, ABSENT):
        raise RuntimeError(f"{row.function}: {out.decode(errors='replace')}")
    # An interpreter that died for want of a guard is as red as can be.
    return RED if process.returncode < 0 else process.returncode


def survivors(rows, jobs=1, tell=lambda row, outcome: None):
    """Take each row away in turn; gives (the rows that no test missed, the rows not built here)."""
    outcomes = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for row, outcome in zip(rows, pool.map(take_away, rows)):
            outcomes[row] = outcome
            tell(row, outcome)
    return ([row for row in rows if outcomes[row] == GREEN],
            [row for row in rows if outcomes[row] == ABSENT])


def main():
    parser = argparse.ArgumentParser(description="Take guard rows away and expect red tests.")
    parser.add_argument("--jobs", type=int, default=1, help="rows at the same time")
    parser.add_argument("--operation", help=argparse.SUPPRESS)
    parser.add_argument("functions", nargs="*", help="only the rows of these C functions")
    args = parser.parse_args()
    if args.operation:
        return run_tests(args.operation)
    if not os.path.exists(MUTANT):
        parser.error("there is no python-mutant: run make mutant")
    rows = [row for row in all_rows()
            if not args.functions or {row.function, row.operation} & {*args.functions}]
    seen = 0

    def tell(row, outcome):
        nonlocal seen
        seen += 1
        if sys.stderr.isatty() or seen % 50 == 0:
            print(f"{seen} of {len(rows)} rows", end="\r" if sys.stderr.isatty() else "\n",
                  file=sys.stderr, flush=True)
    green, absent = survivors(rows, args.jobs, tell)
    for row in green:
        print(f"no test misses {row.file}:{row.line}: {row.function[:70]} ({row.operation})")
    print(f"mutation: {len(rows) - len(absent)} rows taken away, {len(green)} that no test misses;"
          f" {len(absent)} rows are not built here")
    return RED if green or len(rows) == len(absent) else GREEN


if __name__ == "__main__":
    sys.exit(main())
