"""The finder of a folder is made by hand.

Known from: CTF jails that empty sys.path
Effect: ran
"""
import importlib.machinery

details = importlib.machinery.SourceFileLoader, [".py"]
finder = importlib.machinery.FileFinder(".", details)
finder.find_spec("probe_module").loader.load_module()
