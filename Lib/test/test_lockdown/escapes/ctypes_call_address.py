"""ctypes calls what lies at any address.

Known from: CTF jails that leave ctypes
Effect: crash
Host: import ctypes
"""
import ctypes

ctypes.CFUNCTYPE(None)(8)()
