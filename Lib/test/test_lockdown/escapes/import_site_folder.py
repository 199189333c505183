"""site runs the lines of .pth files.

Known from: CTF jails where files can be put beside
Effect: made
Host: file = open("folder/a.pth", "w")
Host: file.write("import os; os.mkdir('made')\n")
Host: file.close()
"""
import site

site.addsitedir("folder")
