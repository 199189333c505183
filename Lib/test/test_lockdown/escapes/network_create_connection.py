"""A socket connects.

Known from: every CTF jail's end
Effect: connected
Given: port
"""
import socket

socket.create_connection(("127.0.0.1", port))
