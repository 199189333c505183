"""A file is mapped into memory.

Known from: CTF jails that guard read()
Effect: read
"""
import mmap
import os

answer = mmap.mmap(os.open("canary", os.O_RDONLY), 0, access=mmap.ACCESS_READ)[:]
