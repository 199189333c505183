"""fileinput reads the files of its list.

Known from: CTF jails that replace open()
Effect: read
"""
import fileinput

answer = list(fileinput.input(["canary"]))
