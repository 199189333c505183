"""The name print means the guest's function for the host as well.

Known from: CTF jails: what the host calls once the guest has ended
Effect: made
Host: def finish(): print("done")
Given: finish
"""
import builtins
import os

builtins.print = lambda text: os.mkdir("made")
finish()
