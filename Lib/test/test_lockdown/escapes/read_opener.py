"""A file object gets its descriptor from a function of the guest's.

Known from: CTF jails that guard the path of open()
Effect: read
"""
import os

answer = open("harmless", opener=lambda path, flags: os.open("canary", flags)).read()
