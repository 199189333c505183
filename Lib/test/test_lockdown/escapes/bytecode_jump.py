"""A trace function lets a frame of the host's jump over its check.

Known from: CTF jails (f_lineno); Python's own debuggers
Effect: read
Host: def read(name):
Host:     if name:
Host:         raise ValueError(name)
Host:     return open(name)
Given: read
"""
import sys


def trace(frame, event, arg):
    first = read.__code__.co_firstlineno
    if frame.f_code is read.__code__ and event == "line" and frame.f_lineno == first + 1:
        frame.f_lineno = first + 3
    return trace


sys.settrace(trace)
answer = read("canary").read()
sys.settrace(None)
