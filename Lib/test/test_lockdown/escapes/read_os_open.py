"""os.open() and os.read() read a file without a file object.

Known from: CTF jails that replace open()
Effect: read
"""
from os import O_RDONLY, open as open_number, read

answer = read(open_number("canary", O_RDONLY), 100)
