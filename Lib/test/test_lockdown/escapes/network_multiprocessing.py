"""The connections of multiprocessing reach other machines, and carry pickles.

Known from: CTF jails that guard the module socket
Effect: connected
Given: port
"""
from multiprocessing.connection import Client

Client(("127.0.0.1", port))
