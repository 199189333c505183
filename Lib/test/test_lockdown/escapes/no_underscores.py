"""Text escapes write what the text may not have.

Known from: CTF jails that forbid underscores
Effect: made
Without: _ os system
"""
exec("\x5f\x5fimport\x5f\x5f('o\x73').s\x79stem(': > made')")
