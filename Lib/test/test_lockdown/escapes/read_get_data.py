"""pkgutil reads the data of a package.

Known from: CTF jails that forbid open()
Effect: read
"""
import importlib.machinery

answer = importlib.machinery.SourceFileLoader("x", "canary").get_data("canary")
