"""A pickle calls what __reduce__() names.

Known from: the manual's warning at pickle; many CVEs
Effect: made
"""
import os
import pickle


class Command:
    def __reduce__(self):
        return os.system, (": > made",)


pickle.loads(pickle.dumps(Command()))
