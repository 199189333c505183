"""A program ends another process.

Known from: CTF jails that guard os.kill()
Effect: killed
Given: victim
"""
import os

os.system(f"kill -9 {victim}")
