"""Code that has a file's name shows that file's lines in its traceback.

Known from: the history of pysandbox; CTF jails (compile with another filename)
Effect: read
Without: open
"""
import traceback

try:
    exec(compile("1 / 0", "canary", "exec"))
except ZeroDivisionError:
    answer = traceback.format_exc()
