"""A Unix socket that is bound is a file.

Known from: CTF jails that guard open() alone
Effect: made
"""
import socket

socket.socket(socket.AF_UNIX).bind("made")
