"""The C module below ctypes loads and calls.

Known from: CTF jails that look for the word ctypes at its start
Effect: made
Host: import ctypes
"""
import _ctypes

address = _ctypes.dlsym(_ctypes.dlopen(None, 0), "system")
_ctypes.call_function(address, (b": > made",))
