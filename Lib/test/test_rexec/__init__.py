"""Padded cells.

The supervisor's half runs on other Pythons too: LDP_PYTHON names the binary for the cells then, and
the tests run as `python -m unittest discover`.
"""

import os
import sys
import unittest

if not sys.platform.startswith("linux"):
    raise unittest.SkipTest("cells need Linux")


def load_tests(loader, tests, pattern):
    here = os.path.dirname(__file__)
    # The top is the folder of the package that this one is in.
    depth = __name__.count(".") + 1
    top = here
    for _ in range(depth):
        top = os.path.dirname(top)
    tests.addTests(loader.discover(here, pattern or "test_*.py", top))
    return tests
