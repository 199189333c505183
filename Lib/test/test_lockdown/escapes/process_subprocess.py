"""subprocess.run() starts a program.

Known from: every CTF jail's end
Effect: made
"""
import subprocess

subprocess.run(["sh", "-c", ": > made"])
