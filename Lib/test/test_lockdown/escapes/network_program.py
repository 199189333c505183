"""A program connects for the process.

Known from: CTF jails that guard the module socket (reverse shells)
Effect: connected
Given: port
"""
import os
import sys

program = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-I", "-S", "-c", program, str(port))
