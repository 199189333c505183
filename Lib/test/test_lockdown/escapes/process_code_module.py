"""The module code compiles and runs a text.

Known from: CTF jails that forbid exec and eval
Effect: made
Without: exec eval
"""
import code

code.InteractiveInterpreter().runsource("import os; os.system(': > made')")
