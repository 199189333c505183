"""os.execv() makes the process another program.

Known from: CTF jails that allow no subprocess
Effect: made
"""
import os

os.execv("/bin/sh", ["sh", "-c", ": > made"])
