"""runpy runs a file.

Known from: CTF jails that forbid import
Effect: ran
"""
import runpy

runpy.run_path("probe_module.py")
