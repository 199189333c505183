"""The object license reads the files that its attribute names.

Known from: CTF jails that leave site's builtins
Effect: read
Host: import _sitebuiltins
Host: license = _sitebuiltins._Printer("license", "none")
Given: license
Jail: no builtins
"""
license._Printer__filenames = ["canary"]
license._Printer__lines = None
license._Printer__setup()
answer = license._Printer__lines
