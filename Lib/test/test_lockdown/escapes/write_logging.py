"""A handler of logging opens its file.

Known from: CTF jails that forbid open()
Effect: made
Without: open
"""
import logging

logging.FileHandler("made").close()
