"""os.posix_spawn() starts a program without fork and exec.

Known from: PEP 578 bypasses by functions that lists of names lack
Effect: made
"""
import os

os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", ": > made"], {}), 0)
