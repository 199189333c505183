"""A path's variables are expanded.

Known from: CTF jails that guard os.environ
Effect: environment
"""
import os.path

answer = os.path.expandvars("$LOCKDOWN_VARIABLE")
