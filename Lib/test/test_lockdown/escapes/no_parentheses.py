"""What a subscript calls can be set: no parenthesis is needed.

Known from: CTF jails that forbid parentheses
Effect: made
Without: ( )
"""
import os


class Calls:
    pass


Calls.__class_getitem__ = os.system
Calls[": > made"]
