"""id() is the address.

Known from: CTF jails with a way to write to memory, which need a place
Effect: address
Given: target
"""
answer = id(target)
