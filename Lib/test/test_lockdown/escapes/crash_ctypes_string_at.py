"""ctypes reads any address.

Known from: CTF jails that leave ctypes
Effect: crash
Host: import ctypes
"""
import ctypes

ctypes.string_at(8, 100)
