"""A function is called when the interpreter ends.

Known from: sandboxes that take their guards down at the end
Effect: made
"""
import atexit
import os

atexit.register(os.system, ": > made")
