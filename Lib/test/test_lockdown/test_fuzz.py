"""One round of the fuzzer over the whole ledger; `make nightly-fuzz` has it run for longer."""

import os
import re
import subprocess
import sys
import unittest
from test import support
from test.test_lockdown import fresh, mutation

# The same calls each time: what is found at random is found by night.
ROUND = ["--rounds=1", "--calls=25", "--seed=1"]


@support.requires_fork()
class FuzzTest(unittest.TestCase):

    # The program whose kernel ring is a witness, if it is built.
    program = mutation.MUTANT if os.path.exists(mutation.MUTANT) else sys.executable

    def fuzz(self, *args, program=program, **variables):
        return subprocess.run([program, "-m", "test.test_lockdown.ledger.fuzz", *args],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=fresh.environment(**variables),
                              timeout=support.LONG_TIMEOUT, encoding="utf-8",
                              errors="backslashreplace")

    def test_all_entries(self):
        process = self.fuzz(*ROUND)
        problems = re.findall("^problem: .*$", process.stdout, re.MULTILINE)
        self.assertEqual(problems, [])
        self.assertEqual(process.returncode, 0, process.stdout[-2000:])
        told = re.search(r"^fuzzer: (\d+) entries, (\d+) calls .* (\d+) entries reached.*$",
                         process.stdout, re.MULTILINE)
        entries, calls, reached = map(int, told.groups())
        self.assertGreater(entries, 4700)
        self.assertGreater(reached, entries * 9 // 10)
        if support.verbose:
            print(told[0])

    @unittest.skipUnless(os.path.exists(mutation.MUTANT), "python-mutant is not built")
    def test_a_missing_guard_is_found(self):
        for entry, function in ("posix.listdir", "os_listdir"), ("gc.get_objects",
                                                                 "gc_get_objects"):
            with self.subTest(entry):
                process = self.fuzz("--rounds=1", entry, program=mutation.MUTANT,
                                    LOCKDOWN_OFF=function)
                self.assertEqual(process.returncode, 1, process.stdout)
                self.assertIn(f"problem: {entry}: ", process.stdout)


if __name__ == "__main__":
    unittest.main()
