"""A connection's class opens another, and the backup goes there.

Known from: SQLite injection; CTF jails (the class of what is given)
Effect: made
Host: import sqlite3
Host: connection = sqlite3.connect(":memory:")
Host: connection.execute("create table t (a)")
Given: connection
Jail: no builtins
"""
connection.backup(connection.__class__("made"))
