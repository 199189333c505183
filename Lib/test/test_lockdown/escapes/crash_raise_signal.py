"""A process signals itself.

Known from: CTF jails with a watchdog in Python
Effect: crash
"""
import signal

signal.raise_signal(signal.SIGKILL)
