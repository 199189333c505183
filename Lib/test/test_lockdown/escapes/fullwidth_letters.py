"""Names are normalised: letters of other alphabets mean the same.

Known from: CTF jails that look for words in the text (NFKC, PEP 3131)
Effect: made
Without: os system
"""
import ｏｓ

ｏｓ.ｓｙｓｔｅｍ(": > made")
