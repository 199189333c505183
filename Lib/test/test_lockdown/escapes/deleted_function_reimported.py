"""A jail that deletes functions of a module: the module is made anew.

Known from: CTF jails (del os.system; reload)
Effect: made
Host: import os, posix
Host: del os.system, posix.system
"""
import sys

del sys.modules["os"], sys.modules["posix"]
import posix

posix.system(": > made")
