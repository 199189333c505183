"""A path through /proc leads to the same file.

Known from: CTF jails that look at paths (/proc/self/cwd)
Effect: read
"""
answer = open("/proc/self/cwd/canary").read()
