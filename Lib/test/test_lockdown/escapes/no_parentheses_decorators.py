"""Decorators are calls without parentheses.

Known from: CTF jails that forbid parentheses
Effect: made
Without: ( )
"""
import os


@os.system
@lambda cls: ": > made"
class Command:
    pass
