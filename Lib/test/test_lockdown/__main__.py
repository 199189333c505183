import unittest

from test.test_lockdown import load_tests  # noqa: F401

unittest.main()
