"""zipfile makes files, and unpacks others.

Known from: CTF jails that forbid open()
Effect: made
Without: open
"""
import zipfile

zipfile.ZipFile("made", "w").close()
