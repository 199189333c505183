"""A sample of the guard rows, chosen by the date, is taken away: a test turns red for each.

`make test-mutation` does so for all rows.
"""

import datetime
import os
import random
import unittest
from test import support
from test.test_lockdown import mutation, test_guards

SAMPLE = 25


@unittest.skipUnless(os.path.exists(mutation.MUTANT), "python-mutant is not built: make mutant")
class SampleTest(unittest.TestCase):

    def choose(self):
        """Other rows each day, the same ones all day."""
        rows = [row for row in mutation.all_rows()
                if not test_guards.listed(row.operation, test_guards.ELSEWHERE)]
        today = datetime.datetime.now(datetime.timezone.utc).date()
        return random.Random(today.isoformat()).sample(rows, SAMPLE)

    def test_sample(self):
        rows = self.choose()
        green, absent = mutation.survivors(rows, jobs=2)
        self.assertEqual([f"{row.file}:{row.line}: {row.operation}" for row in green], [])
        self.assertLess(len(absent), SAMPLE // 2)
        if support.verbose:
            print(f"mutation: {len(rows) - len(absent)} rows taken away, each missed by a test:",
                  *sorted(row.operation for row in rows if row not in absent))

    def test_nothing_taken_away(self):
        # The same tests are green where the guard stands: what is red above is so for its want.
        for row in self.choose()[:5]:
            with self.subTest(row.function):
                # Nothing waits for ever here: it is only the machine that may be slow.
                self.assertIn(mutation.take_away(row._replace(function="nothing"),
                                                 support.LONG_TIMEOUT),
                              (mutation.GREEN, mutation.ABSENT))


if __name__ == "__main__":
    unittest.main()
