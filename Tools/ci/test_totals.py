"""What .ci/run makes of the logs of suites that pass, fail, crash and are run again."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOTALS = pathlib.Path(__file__).with_name("totals.py")

REGRTEST = """\
Using random seed: 7
0:00:00 load avg: 0.1 Run 3 tests in parallel using 2 worker processes
{output}
Total duration: 1 sec
Total tests: run=1,010{counts}
Total test files: run=3/3{files}
Result: {result}
"""
FAILURE = """\
FAIL: test_one (test.test_a.A.test_one)
FAIL: test_one (test.test_a.A.test_one)
Ran 12 tests in 0.100s

FAILED (failures=1)
"""
RERUN = "0:00:01 load avg: 0.1 Re-running 1 failed tests in verbose mode in subprocesses\n"


class TotalsTest(unittest.TestCase):

    def totals(self, log, status=0):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as file:
            file.write(log)
            file.flush()
            done = subprocess.run([sys.executable, TOTALS, file.name, str(status)],
                                  check=True, stdout=subprocess.PIPE, text=True)
        return tuple(map(int, done.stdout.splitlines()[-1].split()))

    def regrtest(self, output="", counts="", files="", result="SUCCESS", status=0):
        return self.totals(REGRTEST.format(output=output, counts=counts, files=files,
                                           result=result), status)

    def test_success(self):
        self.assertEqual(self.regrtest(counts=" (filtered) skipped=10"), (1000, 0, 10))

    def test_failure(self):
        self.assertEqual(
            self.regrtest(FAILURE + RERUN + FAILURE, " failures=2 skipped=10",
                          " failed=1 rerun=1", "FAILURE then FAILURE", 2),
            (998, 1, 10))

    def test_passes_when_run_again(self):
        self.assertEqual(
            self.regrtest(FAILURE + RERUN, " failures=1 skipped=10", " rerun=1",
                          "FAILURE then SUCCESS"),
            (999, 0, 10))

    def test_file_fails_as_a_whole(self):
        self.assertEqual(self.regrtest(files=" failed=2", result="FAILURE", status=2)[1], 2)
        self.assertEqual(self.regrtest(files=" env_changed=1", result="ENV CHANGED",
                                       status=3)[1], 1)

    def test_suites_add_up(self):
        inner = "Ran 12 tests in 0.100s\n\nOK\n"
        log = REGRTEST.format(output=inner, counts=" skipped=10", files="", result="SUCCESS")
        log += "Ran 5 tests in 0.001s\n\nOK (skipped=1)\n"
        self.assertEqual(self.totals(log), (1004, 0, 11))

    def test_unittest_failure(self):
        log = "Ran 5 tests in 0.001s\n\nFAILED (failures=1, errors=1, unexpected successes=1)\n"
        self.assertEqual(self.totals(log, 1), (2, 3, 0))

    def test_no_totals(self):
        self.assertEqual(self.totals("make: *** [Makefile:9: test] Error 2\n", 2)[1], 1)
        self.assertEqual(self.totals("", 0)[1], 1)
        self.assertEqual(self.totals("Using random seed: 7\nFatal Python error\n", 2)[1], 1)
        self.assertEqual(self.totals("Ran 5 tests in 0.001s\nKilled\n", 137)[1], 1)

    def test_run_fails_though_suites_pass(self):
        self.assertEqual(self.regrtest(status=2)[1], 1)


if __name__ == "__main__":
    unittest.main()
