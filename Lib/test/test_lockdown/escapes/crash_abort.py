"""os.abort() ends the process.

Known from: CTF jails with a watchdog in Python
Effect: crash
"""
import os

os.abort()
