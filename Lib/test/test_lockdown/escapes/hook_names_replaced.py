"""An audit hook looks names up, and its names can be set.

Known from: CTF jails with an audit hook (its list of events, its builtins)
Effect: made
Host: import sys
Host: refused = {"os.system"}
Host: def hook(event, args):
Host:     if event in refused: raise RuntimeError("jail")
Host: sys.addaudithook(hook)
Given: hook
"""
import os

hook.__globals__["refused"].clear()
os.system(": > made")
