"""ctypes calls the C functions of the interpreter itself.

Known from: CTF jails (ctypes.pythonapi); PEP 578 bypasses
Effect: made
Host: import ctypes
"""
import ctypes

ctypes.pythonapi.PyRun_SimpleString(b"import os; os.system(': > made')")
