"""A socket that was given, not yet connected, connects.

Known from: the history of pysandbox: methods of what is given
Effect: connected
Host: import socket
Host: given = socket.socket()
Given: given port
Jail: no builtins
"""
given.connect(("127.0.0.1", port))
