"""gzip opens files.

Known from: CTF jails that forbid open()
Effect: made
Without: open
"""
import gzip

gzip.GzipFile("made", "w").close()
