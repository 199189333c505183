"""multiprocessing forks, and the child calls any function.

Known from: CTF jails that look for words in the text
Effect: made
Without: system popen subprocess
"""
import multiprocessing
import os

child = multiprocessing.get_context("fork").Process(target=os.mkdir, args=["made"])
child.start()
child.join()
