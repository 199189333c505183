"""The cells of a function hold what it was closed over.

Known from: CTF jails; "sandboxes" that hide the real function in a closure
Effect: made
Host: import os
Host: def hide(system):
Host:     def guarded(text): return system if text == "never" else None
Host:     return guarded
Host: guarded = hide(os.system)
Given: guarded
Jail: no builtins
"""
guarded.__closure__[0].cell_contents(": > made")
