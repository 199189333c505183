"""shutil moves a file.

Known from: CTF jails that guard os alone
Effect: gone
"""
import shutil

shutil.move("file", "folder/file")
