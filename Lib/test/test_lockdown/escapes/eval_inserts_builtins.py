"""eval() with names that lack __builtins__ gets the real ones.

Known from: CTF jails that pass an empty dict
Effect: read
"""
answer = eval("open('canary').read()", {}, {})
