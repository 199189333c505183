"""An open file is initialised again, with another path.

Known from: the history of pysandbox (file.__init__)
Effect: read
Host: file = open("file", "rb", 0)
Given: file
Jail: no builtins
"""
file.__init__("canary")
answer = file.read()
