"""A look-up of an attribute calls a function, which may be any.

Known from: CTF jails that forbid parentheses and brackets
Effect: made
Host: import types
Host: module = types.ModuleType("module")
Given: module
Without: ( ) [ ]
"""
import os

module.__getattr__ = os.mkdir
module.made
