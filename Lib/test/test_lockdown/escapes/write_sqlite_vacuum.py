"""A database in memory is written to a file.

Known from: SQLite injection (VACUUM INTO)
Effect: made
Host: import sqlite3
Host: connection = sqlite3.connect(":memory:")
Given: connection
Jail: no builtins
"""
connection.execute("vacuum into 'made'")
