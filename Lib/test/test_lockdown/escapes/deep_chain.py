"""Iterators make each other while they are asked for an item: the C stack ends.

Known from: CPython's issue 105960
Effect: crash
Host: import resource
Host: limit = resource.getrlimit(resource.RLIMIT_STACK)[1]
Host: resource.setrlimit(resource.RLIMIT_STACK, (8 << 20 if limit < 0 else limit, limit))
"""
import itertools

items = ()
for _ in range(300_000):
    items = itertools.chain.from_iterable((items,))
next(items, None)
