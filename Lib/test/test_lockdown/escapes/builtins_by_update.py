"""A jail's own dict of builtins is written to through dict's methods.

Known from: pysandbox, where dict.update(__builtins__, ...) went past the guarded dict
Effect: made
Host: class Guarded(dict):
Host:     def __setitem__(self, name, value): raise TypeError("jail")
Host:     def update(self, *args): raise TypeError("jail")
Host: names = Guarded()
Host: def ask(): return names["allowed"]("os") if "allowed" in names else None
Given: names ask
"""
dict.__setitem__(names, "allowed", __import__)
ask().system(": > made")
