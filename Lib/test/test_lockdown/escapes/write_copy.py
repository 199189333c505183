"""shutil copies a file.

Known from: CTF jails that forbid open()
Effect: made
Without: open
"""
import shutil

shutil.copyfile("canary", "made")
