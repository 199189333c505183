"""A parser's error tells the line that it does not understand.

Known from: CTF jails; programs of the superuser's that read a file of others
Effect: read
Without: open
"""
import configparser

configparser.ConfigParser().read("canary")
