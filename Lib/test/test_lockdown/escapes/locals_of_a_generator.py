"""A generator of the host's shows the local names that it waits with.

Known from: Tav's challenge of 2009, the attributes of gi_frame
Effect: read
Host: def lines(opener):
Host:     yield "a line"
Host: generator = lines(open)
Host: next(generator)
Given: generator
Jail: no builtins
"""
answer = generator.gi_frame.f_locals["opener"]("canary").read()
