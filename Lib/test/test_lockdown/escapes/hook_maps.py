"""The map of the memory is read from /proc, and tells where to write.

Known from: PEP 578 bypasses (/proc/self/maps); CTF jails on Linux
Effect: address
Host: import re
Host: address = int(re.search(r"([0-9a-f]+)-[^ ]+ r-xp", open("/proc/self/maps").read())[1], 16)
"""
answer = [int(line.partition("-")[0], 16) for line in open("/proc/self/maps")]
