"""The class of an open file opens others.

Known from: CTF jails of Python 2 (type(stdin)); pysandbox's proxies of files
Effect: read
Host: file = open("file", "rb", 0)
Given: file
Jail: no builtins
"""
answer = file.__class__("canary").read()
