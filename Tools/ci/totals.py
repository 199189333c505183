"""Read the log of a test run and add up what its suites say.

    python3 Tools/ci/totals.py LOG STATUS

STATUS is the exit status of the run.  Prints one line for each suite, then
``PASSED FAILED SKIPPED`` as three numbers on the last line.

A unit is a test method.  Both regrtest and unittest count the methods that
they skip among those they ran, so these are taken off.  A suite that ends
without totals has crashed and counts as one failure, and so does a run that
fails although its suites do not say why.
"""

import re
import sys
from collections import namedtuple

Suite = namedtuple("Suite", "name passed failed skipped")

# The first line that regrtest prints whatever its options are.
REGRTEST_BEGIN = re.compile(r"Using random seed: \d")
REGRTEST_TOTAL = re.compile(r"Total tests: run=([\d,]+)(.*)")
REGRTEST_FILES = re.compile(r"Total test files: run=(.*)")
REGRTEST_RESULT = re.compile(r"Result: (.*)")
RERUN = re.compile(r".*Re-running \d+ failed tests")
UNITTEST_TOTAL = re.compile(r"Ran (\d+) tests? in [\d.]+s")
UNITTEST_RESULT = re.compile(r"(OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$")
FAILED_METHOD = re.compile(r"(?:FAIL|ERROR): (\w+ \(.+?\))")


def count(name, text):
    """The number after NAME= in TEXT, 0 if it is not there."""
    found = re.search(rf"\b{name}=([\d,]+)", text)
    return int(found[1].replace(",", "")) if found else 0


def read_regrtest(lines):
    """Read on to the end of one regrtest run, whose first line is read."""
    total = files = result = None
    failed_methods = set()
    for line in lines:
        if RERUN.match(line):
            # A method that passes when it is run again has passed.
            failed_methods.clear()
        elif match := FAILED_METHOD.match(line):
            failed_methods.add(match[1])
        elif match := REGRTEST_TOTAL.match(line):
            total = match
        elif match := REGRTEST_FILES.match(line):
            files = match[1]
        elif match := REGRTEST_RESULT.match(line):
            result = match[1]
            break
    if total is None or files is None or result is None:
        return Suite("regrtest, which crashed", 0, 1, 0)
    ran, rest = int(total[1].replace(",", "")), total[2]
    skipped = count("skipped", rest)
    # regrtest's failures are those of assertions: errors are not among them.
    passed = ran - skipped - max(count("failures", rest), len(failed_methods))
    if result.endswith("SUCCESS"):
        return Suite("regrtest", passed, 0, skipped)
    # A file may fail as a whole: it crashed, hung or changed its surroundings.
    bad_files = count("failed", files) + count("env_changed", files)
    return Suite("regrtest", passed, max(len(failed_methods), bad_files, 1), skipped)


def read_unittest(ran, lines):
    """Read the result that follows the line which says how many tests ran."""
    for line in lines:
        if match := UNITTEST_RESULT.match(line):
            text = match[2] or ""
            skipped = count("skipped", text)
            failed = (count("failures", text) + count("errors", text)
                      + count("unexpected successes", text))
            if match[1] != "OK":
                failed = max(failed, 1)
            return Suite("unittest", ran - skipped - failed, failed, skipped)
    return Suite("unittest, which crashed", 0, 1, 0)


def read_suites(lines):
    lines = iter(line.rstrip("\n") for line in lines)
    for line in lines:
        if REGRTEST_BEGIN.match(line):
            yield read_regrtest(lines)
        elif match := UNITTEST_TOTAL.match(line):
            yield read_unittest(int(match[1]), lines)


def main(log, status):
    with open(log, encoding="utf-8", errors="replace") as file:
        suites = list(read_suites(file))
    if not suites:
        suites = [Suite("no suite printed totals", 0, 1, 0)]
    elif status and not any(suite.failed for suite in suites):
        suites.append(Suite(f"exit status {status}", 0, 1, 0))
    for suite in suites:
        print(f"{suite.name}: {suite.passed} passed, {suite.failed} failed, "
              f"{suite.skipped} skipped")
    print(*(sum(numbers) for numbers in list(zip(*suites))[1:]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
