"""timeit runs a statement that is a text.

Known from: CTF jails that forbid exec and eval
Effect: made
Without: exec( eval(
"""
import timeit

timeit.timeit("os.system(': > made')", "import os", number=1)
