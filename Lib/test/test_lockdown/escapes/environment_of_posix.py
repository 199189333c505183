"""The module posix has the environment of the start.

Known from: CTF jails that empty os.environ
Effect: environment
"""
import posix

answer = posix.environ
