"""The code of the host's check is replaced by the guest's.

Known from: CTF jails (check.__code__ = (lambda text: True).__code__)
Effect: read
Host: def check(name): return name == "file"
Host: def read(name): return open(name).read() if check(name) else None
Given: check read
Jail: no builtins
"""
check.__code__ = (lambda name: True).__code__
answer = read("canary")
