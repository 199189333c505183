"""smtplib connects.

Known from: CTF jails that guard the module socket
Effect: connected
Given: port
"""
import smtplib

smtplib.SMTP("127.0.0.1", port)
