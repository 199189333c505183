"""The collector calls back.

Known from: sandboxes that watch what is called, not what is called back
Effect: made
"""
import gc
import os

once = []


def back(phase, info):
    if not once:
        once.append(phase)
        os.mkdir("made")


gc.callbacks.append(back)
gc.collect()
