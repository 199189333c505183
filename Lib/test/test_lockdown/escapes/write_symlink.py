"""A symbolic link is made.

Known from: CTF jails that guard open() alone
Effect: made
"""
import os

os.symlink("/etc/passwd", "made")
