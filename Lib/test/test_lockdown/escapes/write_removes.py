"""A file is removed.

Known from: the history of pysandbox
Effect: gone
"""
import os

os.unlink("file")
