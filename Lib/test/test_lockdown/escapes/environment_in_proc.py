"""The kernel keeps the environment of the start.

Known from: CTF jails that empty os.environ (/proc/self/environ)
Effect: environment
"""
answer = open("/proc/self/environ", "rb").read()
