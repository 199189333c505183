"""A process signals itself by its number.

Known from: CTF jails with a watchdog in Python
Effect: crash
"""
import os

os.kill(os.getpid(), 9)
