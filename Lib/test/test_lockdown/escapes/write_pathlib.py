"""pathlib makes a file.

Known from: CTF jails that forbid open()
Effect: made
Without: open
"""
import pathlib

pathlib.Path("made").touch()
