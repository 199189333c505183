"""unittest imports the tests that it looks for.

Known from: CTF jails that forbid import
Effect: ran
"""
import sys
import unittest

sys.path.append(".")
unittest.TestLoader().loadTestsFromName("probe_module")
