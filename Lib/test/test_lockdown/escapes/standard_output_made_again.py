"""The raw file below standard error is initialised again, to write elsewhere.

Known from: the history of pysandbox (file.__init__)
Effect: made
"""
import sys

sys.stderr.buffer.raw.__init__("made", "w")
