"""The kernel copies from one number to another.

Known from: CTF jails that guard read() and write()
Effect: read
Host: import os
Host: number = os.open("canary", os.O_RDONLY)
"""
import os

for number in range(3, 20):
    try:
        os.sendfile(1, number, 0, 100)
    except OSError:
        pass
