"""What a locked interpreter refuses, hides and leaves alone; each scenario in a fresh process."""

import os
import unittest
from test import support
from test.support import load_package_tests

if not support.has_subprocess_support:
    raise unittest.SkipTest("a locked process has to be started to be looked at")


def load_tests(*args):
    return load_package_tests(os.path.dirname(__file__), *args)
