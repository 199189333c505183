"""A file object is made for a number that is guessed.

Known from: CTF jails whose host had opened the file and left it
Effect: read
Host: import os
Host: number = os.open("canary", os.O_RDONLY)
"""
for number in range(3, 20):
    try:
        answer = open(number, closefd=False).read()
    except OSError:
        pass
