"""A function's code tells the file that it came from.

Known from: CTF jails: where the flag is
Effect: folder
Host: import os
Host: exec(compile("def helper(): pass", os.path.abspath("module.py"), "exec"))
Given: helper
Jail: no builtins
"""
answer = helper.__code__.co_filename
