"""A forked child does what a watchdog of its parent does not see.

Known from: CTF jails with a watchdog
Effect: made
"""
import os

if os.fork() == 0:
    os.mkdir("made")
    os._exit(0)
os.wait()
