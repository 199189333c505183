"""os.spawnlp() starts a program.

Known from: CTF jails that look for exec, popen and system
Effect: made
Without: system popen exec
"""
import os

os.spawnlp(os.P_WAIT, "sh", "sh", "-c", ": > made")
