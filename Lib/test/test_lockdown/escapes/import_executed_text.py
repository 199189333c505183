"""A file is read and executed.

Known from: execfile() of Python 2 and what came after it
Effect: ran
"""
exec(open("probe_module.py").read(), {"__file__": "probe_module.py"})
