"""pty.spawn() starts a program on a terminal of its own.

Known from: CTF jails ("import pty; pty.spawn")
Effect: made
Without: os system subprocess
"""
import pty

pty.spawn(["sh", "-c", ": > made"])
