"""The loader of sources loads a file.

Known from: CTF jails that empty sys.path and sys.meta_path
Effect: ran
"""
import importlib.machinery

importlib.machinery.SourceFileLoader("module", "probe_module.py").load_module()
