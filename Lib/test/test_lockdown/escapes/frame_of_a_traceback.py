"""A traceback knows the frame of whoever ran the code.

Known from: the history of pysandbox; CTF jails; the __traceback__ of PEP 3134
Effect: made
"""
try:
    1 / 0
except ZeroDivisionError as error:
    error.__traceback__.tb_frame.f_back.f_globals["os"].system(": > made")
