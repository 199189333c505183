"""A number that is guessed is mapped.

Known from: CTF jails that guard open() and read()
Effect: read
Host: import os
Host: number = os.open("canary", os.O_RDONLY)
"""
import mmap

for number in range(3, 20):
    try:
        answer = mmap.mmap(number, 0, access=mmap.ACCESS_READ)[:]
    except (OSError, ValueError):
        pass
