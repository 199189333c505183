"""A shelf is a file.

Known from: CTF jails that forbid open()
Effect: made
"""
import dbm.sqlite3

dbm.sqlite3.open("made", "c")["key"] = "value"
