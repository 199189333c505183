"""asyncio connects.

Known from: CTF jails that guard the module socket
Effect: connected
Given: port
Without: socket
"""
import asyncio

asyncio.run(asyncio.open_connection("127.0.0.1", port))
