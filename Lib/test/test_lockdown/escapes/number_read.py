"""A descriptor's number is guessed.

Known from: CTF jails whose host had opened the file and left it
Effect: read
Host: import os
Host: number = os.open("canary", os.O_RDONLY)
"""
import os

for number in range(3, 20):
    try:
        answer = os.read(number, 100)
    except OSError:
        pass
