"""A jail that sets modules to None in sys.modules: the entry is deleted.

Known from: CTF jails
Effect: made
Host: import os, sys
Host: sys.modules["os"] = sys.modules["posix"] = None
"""
import sys

for name in "os", "posix":
    del sys.modules[name]
import posix

posix.system(": > made")
