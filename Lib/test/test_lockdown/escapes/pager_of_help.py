"""The pager of help() is a program.

Known from: CTF jails ("help", then "!sh" in the pager)
Effect: made
"""
import pydoc

pydoc.pipe_pager("text", "cat > made")
