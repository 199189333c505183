"""The text of what a cell holds is its address.

Known from: CTF jails with a way to write to memory
Effect: address
Host: target = object()
Host: def hide(target): return lambda: target
Host: helper = hide(target)
Given: helper
Jail: no builtins
"""
answer = "%r" % (helper.__closure__,)
