"""A bound method has its object, and that object what it keeps to itself.

Known from: CTF jails; RExec's Bastion, which was withdrawn with Python 2.3
Effect: read
Host: class Safe:
Host:     def __init__(self): self._open = open
Host:     def greet(self): return "hello"
Host: greet = Safe().greet
Given: greet
Jail: no builtins
"""
answer = greet.__self__._open("canary").read()
