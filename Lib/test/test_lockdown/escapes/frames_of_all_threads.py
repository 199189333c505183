"""sys._current_frames() gives the frames of all threads.

Known from: the history of pysandbox
Effect: made
"""
import sys

for frame in sys._current_frames().values():
    frame.f_back.f_globals["os"].system(": > made")
