"""ctypes, and the library, were loaded by the host.

Known from: CTF jails whose host had imported ctypes
Effect: made
Host: import ctypes
Host: library = ctypes.CDLL(None)
Given: library
Jail: no builtins
"""
library.system(b": > made")
