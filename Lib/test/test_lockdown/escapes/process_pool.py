"""A pool of processes runs any function in others.

Known from: CTF jails that look for words in the text
Effect: made
"""
import concurrent.futures
import multiprocessing
import os

context = multiprocessing.get_context("fork")
with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
    pool.submit(os.mkdir, "made").result()
