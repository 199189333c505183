"""pydoc imports the file that it documents.

Known from: CTF jails that forbid import
Effect: ran
"""
import pydoc

pydoc.importfile("probe_module.py")
