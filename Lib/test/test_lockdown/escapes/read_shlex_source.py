"""A lexer reads the file that its text names.

Known from: CTF jails that forbid open()
Effect: read
Without: open
"""
import shlex

answer = shlex.shlex("").sourcehook("canary")[1].read()
