"""ctypes writes to any address.

Known from: PEP 578 bypasses that clear the list of hooks in memory
Effect: crash
Host: import ctypes
"""
import ctypes

ctypes.memset(8, 0, 100)
