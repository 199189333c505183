"""codecs opens files.

Known from: CTF jails that replace open()
Effect: read
"""
import codecs

answer = codecs.open("canary", encoding="ascii").read()
