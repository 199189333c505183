"""A file object has its name.

Known from: CTF jails: where the flag is
Effect: folder
Host: import os
Host: file = open(os.path.abspath("file"))
Given: file
Jail: no builtins
"""
answer = file.name
