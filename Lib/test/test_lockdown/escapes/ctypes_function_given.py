"""A function of the C library's is called with another argument.

Known from: CTF jails whose host had imported ctypes
Effect: made
Host: import ctypes
Host: function = ctypes.CDLL(None).system
Given: function
Jail: no builtins
"""
function(b": > made")
