"""A format string shows an object's text.

Known from: CTF jails: a "%r" in a log is enough
Effect: address
Given: target
Jail: no builtins
"""
answer = "%r" % (target,)
