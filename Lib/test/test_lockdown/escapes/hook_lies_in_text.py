"""A hook that compares the path is given an object that answers twice.

Known from: CTF jails with an audit hook; time of check and time of use
Effect: read
Host: import builtins
Host: def opened(path, real=open):
Host:     if str(path) != "file": raise RuntimeError("jail")
Host:     return real(path)
Given: opened
"""
class Path:
    def __str__(self):
        return "file"

    def __fspath__(self):
        return "canary"


answer = opened(Path()).read()
