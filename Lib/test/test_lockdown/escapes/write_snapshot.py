"""tracemalloc's snapshot is written to a file.

Known from: CTF jails that forbid open()
Effect: made
Without: open
"""
import tracemalloc

tracemalloc.Snapshot((), 1).dump("made")
