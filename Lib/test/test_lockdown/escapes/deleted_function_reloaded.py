"""A jail that deletes functions of a module: importlib.reload() brings them back.

Known from: CTF jails (reload of Python 2)
Effect: made
Host: import os, posix, importlib
Host: del os.system, posix.system
"""
import importlib
import sys

del sys.modules["posix"]
import os

importlib.reload(os).system(": > made")
