"""Proof that the tests which `make test` leaves out fail without the overlay too.

    known_failures.py UNWOVEN_PYTHON LIST

LIST has one full test name per line.  A test that passes, is skipped or does not exist in the
unwoven build does not belong there.
"""

import subprocess
import sys

FAILED = 2      # regrtest's exit status if a test failed


def main(arguments):
    python, names = arguments
    wrong = 0
    with open(names, encoding="utf-8") as file:
        for name in file.read().split():
            run = subprocess.run([python, "-m", "test", "-u", "all", "--match", name,
                                  name.split(".")[1]], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            proved = run.returncode == FAILED
            wrong += not proved
            print(f"{name}: " + ("fails unwoven too" if proved else
                                 "does not fail unwoven: take it out of known_failures.txt"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
