"""A connected socket that was given is initialised again.

Known from: the history of pysandbox (file.__init__)
Effect: connected
Host: import socket
Host: given, other = socket.socketpair()
Given: given port
Jail: no builtins
"""
given.__init__(2, 1)
given.connect_ex(("127.0.0.1", port))
