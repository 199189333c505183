"""The working folder is told.

Known from: CTF jails: where the flag is
Effect: folder
"""
import os

answer = os.getcwd()
