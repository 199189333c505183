"""A path is made absolute, and so told.

Known from: CTF jails: where the flag is
Effect: folder
"""
import pathlib

answer = pathlib.Path("x").absolute()
