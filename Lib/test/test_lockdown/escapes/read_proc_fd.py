"""A descriptor of the host's is opened again by its name in /proc.

Known from: CTF jails whose host had opened the file and left it
Effect: read
Host: import os
Host: number = os.open("canary", os.O_RDONLY)
"""
import os

for number in range(3, 20):
    if os.path.exists(f"/proc/self/fd/{number}"):
        answer = open(f"/proc/self/fd/{number}").read()
