"""A codec's name is the name of a module, looked for in a package's path.

Known from: CTF jails that forbid import (the codings of sources)
Effect: ran
"""
import encodings

encodings.__path__.insert(0, ".")
try:
    "".encode("probe_module")
except LookupError:
    pass
