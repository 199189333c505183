"""The hook for errors is the guest's, and the host's error calls it.

Known from: CTF jails (sys.excepthook)
Effect: made
Host: import threading
Host: def fail():
Host:     thread = threading.Thread(target=lambda: 1 / 0)
Host:     thread.start()
Host:     thread.join()
Given: fail
"""
import os
import threading

threading.excepthook = lambda args: os.mkdir("made")
fail()
