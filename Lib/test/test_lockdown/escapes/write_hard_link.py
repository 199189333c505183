"""A hard link gives a file another name.

Known from: CTF jails that guard open() alone
Effect: made
"""
import os

os.link("canary", "made")
