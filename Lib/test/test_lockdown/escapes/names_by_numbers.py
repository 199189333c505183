"""Texts are made of numbers.

Known from: CTF jails that forbid quotation marks
Effect: made
Without: " '
"""
import os

os.system(bytes([58, 32, 62, 32, 109, 97, 100, 101]).decode())
