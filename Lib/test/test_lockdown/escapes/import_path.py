"""A folder is put into sys.path.

Known from: CTF jails that allow import
Effect: ran
"""
import sys

sys.path.insert(0, ".")
import probe_module
