"""array.buffer_info() tells where the data is.

Known from: CTF jails with a way to write to memory (a place for one's own bytes)
Effect: address
Host: import array
Host: target = array.array("b", bytes(100))
Host: address = target.buffer_info()[0]
Given: target
Jail: no builtins
"""
answer = target.buffer_info()[0]
