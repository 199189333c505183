"""The collector shows a tuple that is not complete.

Known from: Lib/test/crashers/gc_inspection.py of CPython
Effect: crash
"""
import gc


def items():
    marker = object()
    yield marker
    for found in gc.get_referrers(marker):
        if type(found) is tuple:
            found[-1].attribute


tuple(items())
