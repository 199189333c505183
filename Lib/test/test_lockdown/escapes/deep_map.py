"""Iterators that lie in each other are asked for an item: the C stack ends.

Known from: CPython's issue 103503
Effect: crash
Host: import resource
Host: limit = resource.getrlimit(resource.RLIMIT_STACK)[1]
Host: resource.setrlimit(resource.RLIMIT_STACK, (8 << 20 if limit < 0 else limit, limit))
Host: deepen = map
Given: deepen
Jail: no builtins
"""
items = ()
index = 300_000
while index:
    items = deepen("".join, items)
    index -= 1
for item in items:
    pass
