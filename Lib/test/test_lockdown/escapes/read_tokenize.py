"""tokenize opens a source.

Known from: CTF jails that replace open()
Effect: read
"""
import tokenize

answer = tokenize.open("canary").read()
