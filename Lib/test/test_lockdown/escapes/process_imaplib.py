"""imaplib.IMAP4_stream() runs a command to talk with.

Known from: lists of functions of the library that run a shell (bandit, CTF jails)
Effect: made
"""
import imaplib

imaplib.IMAP4_stream(": > made")
