"""A jail that replaces __import__: the import system has another.

Known from: CTF jails
Effect: made
Host: import builtins, importlib
Host: def refused(*args): raise ImportError("jail")
Host: builtins.__import__ = refused
Host: real = importlib
Given: real
"""
real.__import__("os").system(": > made")
