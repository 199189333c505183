"""A module's file is told when it was imported by a path.

Known from: CTF jails: where the flag is
Effect: folder
Host: import os, sys, types
Host: module = types.ModuleType("module")
Host: module.__file__ = os.path.abspath("module.py")
Host: sys.modules["module"] = module
"""
import module

answer = module.__file__
