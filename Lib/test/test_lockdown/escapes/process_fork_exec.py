"""_posixsubprocess.fork_exec() starts a program below subprocess, with no event for hooks.

Known from: PEP 578 bypasses; CTF jails with an audit hook
Effect: made
Host: import sys
Host: def hook(event, args):
Host:     if event.startswith(("os.", "subprocess.", "pty.")): raise RuntimeError("jail")
Host: sys.addaudithook(hook)
"""
import os
import _posixsubprocess

read, write = os.pipe()
_posixsubprocess.fork_exec([b"sh", b"-c", b": > made"], [b"/bin/sh"], True, (), None, None, -1, -1,
                           -1, -1, -1, -1, read, write, False, False, -1, None, None, None, -1,
                           None, False)
os.wait()
