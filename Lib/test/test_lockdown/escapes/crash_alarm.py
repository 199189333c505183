"""An alarm ends the process.

Known from: CTF jails with a watchdog in Python
Effect: crash
"""
import os
import signal

signal.setitimer(signal.ITIMER_REAL, 0.001)
signal.pause()
