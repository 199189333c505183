"""os.popen() starts a shell with a pipe.

Known from: CTF jails
Effect: read
"""
import os

answer = os.popen("cat canary").read()
