"""The collector shows the real dict of a type: a method of str is replaced.

Known from: Lib/test/crashers of CPython (underlying_dict.py); "forbiddenfruit"
Effect: made
"""
import gc
import os

names = gc.get_referents(str.__dict__)[0]
names["command"] = property(os.system)
": > made".command
