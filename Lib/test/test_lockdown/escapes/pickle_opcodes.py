"""A pickle written by hand names its function in text.

Known from: CTF jails ("cos\\nsystem")
Effect: made
"""
import pickle

pickle.loads(b"cos\nsystem\n(S': > made'\ntR.")
