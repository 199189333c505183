"""A pickle imports the module that it names.

Known from: CTF jails that forbid import
Effect: ran
"""
import pickle
import sys

sys.path.append(".")
try:
    pickle.loads(b"cprobe_module\nname\n.")
except AttributeError:
    pass
