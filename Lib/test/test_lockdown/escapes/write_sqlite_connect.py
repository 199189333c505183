"""A database is a file.

Known from: SQLite injection (files made by the database)
Effect: made
"""
import sqlite3

sqlite3.connect("made").execute("create table t (a)")
