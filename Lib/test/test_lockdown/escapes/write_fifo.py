"""A named pipe is made.

Known from: CTF jails that guard open() alone
Effect: made
"""
import os

os.mkfifo("made")
