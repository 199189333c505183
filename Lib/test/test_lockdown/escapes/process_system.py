"""os.system() starts a shell.

Known from: every CTF jail's end
Effect: made
"""
import os

os.system(": > made")
