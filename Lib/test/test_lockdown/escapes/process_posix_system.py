"""The module posix has what a jail took from os.

Known from: CTF jails
Effect: made
Without: os.
"""
from posix import system

system(": > made")
