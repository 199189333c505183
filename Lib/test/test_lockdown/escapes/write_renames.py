"""A file is renamed by its folder's descriptor.

Known from: CTF jails that guard paths
Effect: gone
"""
import os

folder = os.open(".", os.O_RDONLY)
os.rename("file", "file2", src_dir_fd=folder, dst_dir_fd=folder)
