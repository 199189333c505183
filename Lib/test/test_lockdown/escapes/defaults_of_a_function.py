"""The default values of a function are its attribute.

Known from: the history of pysandbox (func_defaults); Tav's challenge of 2009
Effect: read
Host: def read(name, open_file=open): return None
Given: read
Jail: no builtins
"""
answer = read.__defaults__[0]("canary").read()
