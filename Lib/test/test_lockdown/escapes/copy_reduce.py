"""copy.copy() calls what __reduce_ex__() names.

Known from: CTF jails that forbid pickle
Effect: made
"""
import copy
import os


class Command:
    def __reduce_ex__(self, protocol):
        return os.system, (": > made",)


copy.copy(Command())
