"""ftplib connects.

Known from: CTF jails that guard the module socket
Effect: connected
Given: port
"""
import ftplib

ftplib.FTP().connect("127.0.0.1", port)
