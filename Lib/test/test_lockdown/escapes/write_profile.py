"""The profiler writes what it measured to a file.

Known from: CTF jails that forbid open()
Effect: made
Without: open
"""
import profile

profile.run("1", "made")
