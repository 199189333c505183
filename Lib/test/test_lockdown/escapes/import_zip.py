"""A zip file is loaded from.

Known from: CTF jails where files can be put beside
Effect: made
Host: import zipfile
Host: with zipfile.ZipFile("other.zip", "w") as archive:
Host:     archive.writestr("module.py", "import os; os.mkdir('made')")
"""
import zipimport

zipimport.zipimporter("other.zip").load_module("module")
