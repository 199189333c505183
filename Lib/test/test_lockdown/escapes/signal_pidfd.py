"""Another process is ended by a descriptor that stands for it.

Known from: PEP 578 bypasses by functions that lists of names lack
Effect: killed
Given: victim
"""
import os
import signal

signal.pidfd_send_signal(os.pidfd_open(victim), 9)
