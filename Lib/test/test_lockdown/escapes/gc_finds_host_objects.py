"""The collector shows all objects, those that the host hid too.

Known from: CTF jails (gc.get_objects)
Effect: read
Host: class Reader:
Host:     def read_any(self, name): return open(name).read()
Host: def hide():
Host:     reader = Reader()
Host:     return lambda: reader.read_any("file")
Host: helper = hide()
"""
import gc

for found in gc.get_objects():
    if type(found).__name__ == "Reader":
        answer = found.read_any("canary")
