"""A signal's handler runs between two instructions of any frame.

Known from: sandboxes that leave the jail to print the answer
Effect: made
"""
import os
import signal

handled = []


def handler(number, frame):
    handled.append(number)
    os.mkdir("made")


signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while not handled:
    pass
