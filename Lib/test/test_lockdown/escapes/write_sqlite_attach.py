"""A connection to a database in memory attaches a file.

Known from: SQLite injection (ATTACH DATABASE)
Effect: made
Host: import sqlite3
Host: connection = sqlite3.connect(":memory:")
Given: connection
Jail: no builtins
"""
connection.execute("attach 'made' as other")
connection.execute("create table other.t (a)")
