"""os.sendfile() has the kernel copy, with no byte in Python.

Known from: CTF jails that guard read()
Effect: read
"""
import os

os.sendfile(1, os.open("canary", os.O_RDONLY), 0, 100)
