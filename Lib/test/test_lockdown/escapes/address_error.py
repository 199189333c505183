"""The text of an error shows an object.

Known from: CTF jails that print errors
Effect: address
Given: target
"""
try:
    {}[target]
except KeyError as error:
    answer = str(error)
