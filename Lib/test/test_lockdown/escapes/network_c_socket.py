"""The C module's socket connects.

Known from: CTF jails that guard the module socket
Effect: connected
Given: port
"""
import _socket

_socket.socket().connect(("127.0.0.1", port))
