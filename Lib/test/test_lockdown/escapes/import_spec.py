"""A module is made from a file by its spec.

Known from: CTF jails that empty sys.path
Effect: ran
"""
import importlib.util

spec = importlib.util.spec_from_file_location("module", "probe_module.py")
spec.loader.exec_module(importlib.util.module_from_spec(spec))
