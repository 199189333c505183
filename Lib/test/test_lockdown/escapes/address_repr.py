"""The text of an object has its address.

Known from: CTF jails with a way to write to memory, which need a place
Effect: address
Given: target
Jail: no builtins
"""
answer = target.__class__.__base__.__repr__(target)
