"""linecache keeps the lines of any file.

Known from: the history of pysandbox
Effect: read
Without: open
"""
import linecache

answer = linecache.getlines("canary")
