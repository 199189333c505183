"""ctypes calls a function of the C library.

Known from: CTF jails that forbid os
Effect: made
"""
import ctypes

ctypes.CDLL(None).system(b": > made")
