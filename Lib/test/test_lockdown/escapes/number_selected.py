"""poll() and select() tell what a number is; dup2() puts it in the place of another.

Known from: CTF jails behind a server
Effect: read
Host: import os
Host: number = os.open("canary", os.O_RDONLY)
"""
import os
import sys

for number in range(3, 20):
    try:
        os.dup2(number, 0)
        break
    except OSError:
        pass
answer = sys.stdin.buffer.raw.read(100)
