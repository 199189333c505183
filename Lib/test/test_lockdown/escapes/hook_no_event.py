"""Functions that raise no event change the file system.

Known from: PEP 578 bypasses (os.mkfifo and others have no event)
Effect: made
Host: import sys
Host: def hook(event, args):
Host:     if event.startswith(("os.", "open", "shutil.")): raise RuntimeError("jail")
Host: sys.addaudithook(hook)
"""
import os

os.mkfifo("made")
