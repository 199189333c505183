"""The import system's FileLoader, found below object, reads any file.

Known from: CTF jails; payloads against templates (get_data)
Effect: read
Jail: no builtins
"""
for cls in ().__class__.__base__.__subclasses__():
    if cls.__name__ == "FileLoader":
        answer = cls.get_data(cls("x", "canary"), "canary")
