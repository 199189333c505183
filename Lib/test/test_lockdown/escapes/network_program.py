"""A program connects for the process.

Known from: CTF jails that guard the module socket (reverse shells)
Effect: connected
Host: import sys
Host: program = sys.executable
Given: port program
"""
import os

text = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
os.spawnl(os.P_WAIT, program, program, "-I", "-S", "-c", text)
