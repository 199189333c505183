"""The text of a method that C wrote has the address of its object.

Known from: CTF jails whose objects have a text of their own
Effect: address
Given: target
Jail: no builtins
"""
answer = "%r" % target.__str__
