"""The C library's getenv() is called.

Known from: CTF jails that empty os.environ
Effect: environment
Host: import ctypes
"""
import ctypes

getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
answer = getenv(b"LOCKDOWN_VARIABLE")
