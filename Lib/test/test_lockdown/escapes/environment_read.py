"""The variables of the environment hold keys.

Known from: CTF jails (the flag in a variable); programs of models
Effect: environment
"""
import os

answer = dict(os.environ)
