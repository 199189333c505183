"""A message connects the socket that it is sent from.

Known from: LSMs of Linux that check connect() and not MSG_FASTOPEN
Effect: connected
Host: import socket
Host: given = socket.socket()
Given: given port
Jail: no builtins
"""
given.sendmsg([b"x"], [], 0x20000000, ("127.0.0.1", port))
