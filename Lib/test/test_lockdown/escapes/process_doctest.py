"""doctest runs the examples in a text.

Known from: CTF jails that forbid exec and eval
Effect: made
Without: exec eval
"""
import doctest

test = doctest.DocTestParser().get_doctest(">>> import os; os.system(': > made')", {}, "t", None, 0)
doctest.DocTestRunner().run(test)
