"""functools.partial shows what it calls.

Known from: CTF jails
Effect: read
Host: import functools
Host: read_harmless = functools.partial(open, "file")
Given: read_harmless
Jail: no builtins
"""
answer = read_harmless.func("canary").read()
