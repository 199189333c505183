"""A function made within an empty jail gets builtins by its code's new globals.

Known from: CTF jails
Effect: read
Host: helper = lambda: None
Given: helper
Jail: no builtins
"""
function = helper.__class__
answer = function((lambda: open("canary").read()).__code__, helper.__globals__)()
