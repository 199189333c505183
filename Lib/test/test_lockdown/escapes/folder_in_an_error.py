"""An error about a name that is not in a module tells the module's path.

Known from: CTF jails: where the flag is
Effect: folder
Host: import os, sys, types
Host: module = types.ModuleType("module")
Host: module.__file__ = os.path.abspath("module.py")
Host: sys.modules["module"] = module
"""
try:
    from module import nothing
except ImportError as error:
    answer = str(error)
