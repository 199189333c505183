"""py_compile writes bytecode wherever it is told.

Known from: CTF jails that forbid open()
Effect: made
Without: open
"""
import py_compile

py_compile.compile("probe_module.py", "made")
