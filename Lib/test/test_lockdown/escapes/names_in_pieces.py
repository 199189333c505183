"""Names are put together while the code runs.

Known from: CTF jails that look for words in the text
Effect: made
Without: os system import subprocess
"""
module = __builtins__["__im" + "port__"]("so"[::-1])
getattr(module, "sys" + "tem")(": > made")
