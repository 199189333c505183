"""A socket of the host's is taken by its number.

Known from: CTF jails behind a server (the number of its connection)
Effect: read
Host: import socket
Host: mine, other = socket.socketpair()
Host: other.sendall(open("canary", "rb").read())
"""
import socket

for number in range(3, 20):
    try:
        answer = socket.socket(fileno=number).recv(100, socket.MSG_DONTWAIT)
        break
    except OSError:
        pass
