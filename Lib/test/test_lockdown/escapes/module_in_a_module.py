"""A harmless module of the library has os among its names.

Known from: CTF jails with a list of modules; CVE-2025-5120 of smolagents
Effect: made
Without: import(os system popen subprocess
"""
import glob

glob.os.mkdir("made")
