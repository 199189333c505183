"""The traceback that C code prints reads the file, with nothing of Python's asked.

Known from: the history of pysandbox
Effect: read
Without: open import
"""
def hook(hook):
    hook(ZeroDivisionError, error, error.__traceback__)


try:
    exec(compile("1 / 0", "canary", "exec"))
except ZeroDivisionError as caught:
    error = caught
    sys = __builtins__["__imp" + "ort__"]("sys")
    hook(sys.__excepthook__)
