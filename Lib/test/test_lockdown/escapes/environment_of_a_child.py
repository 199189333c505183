"""A program that is started has the environment of the process.

Known from: CTF jails that empty os.environ
Effect: environment
"""
import subprocess

answer = subprocess.check_output(["env"])
