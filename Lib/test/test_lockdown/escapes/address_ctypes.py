"""ctypes tells the address of what it holds.

Known from: CTF jails that leave ctypes
Effect: address
Host: import ctypes
Host: target = ctypes.create_string_buffer(100)
Host: address = ctypes.addressof(target)
Given: target
"""
import ctypes

answer = ctypes.addressof(target)
