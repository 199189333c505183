"""The pickler's memo has addresses as keys.

Known from: the attribute memo of pickle.Pickler
Effect: address
Host: target = ["text"]
Given: target
"""
import io
import pickle

pickler = pickle._Pickler(io.BytesIO())
pickler.dump(target)
answer = list(pickler.memo)
