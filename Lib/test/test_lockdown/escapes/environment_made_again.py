"""The module posix is made anew, and reads the C library's environment.

Known from: CTF jails that empty os.environ
Effect: environment
Host: import os
Host: os.environ._data.clear()
"""
import sys

del sys.modules["posix"]
import posix

answer = posix.environ
