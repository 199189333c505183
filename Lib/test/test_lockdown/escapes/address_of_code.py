"""The text of a piece of code has its address.

Known from: CTF jails with a way to write to memory
Effect: address
Host: def helper(): pass
Host: target = helper.__code__
Given: helper
Jail: no builtins
"""
answer = "%r" % helper.__code__
