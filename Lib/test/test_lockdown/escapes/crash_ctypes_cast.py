"""ctypes makes an object of a number.

Known from: CTF jails with an address
Effect: crash
Host: import ctypes
"""
import ctypes

ctypes.cast(16, ctypes.py_object).value.x
