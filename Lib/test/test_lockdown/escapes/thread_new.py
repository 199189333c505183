"""Another thread does it.

Known from: sandboxes that hold one thread (trace functions, older seccomp)
Effect: made
"""
import threading
import os

thread = threading.Thread(target=os.system, args=[": > made"])
thread.start()
thread.join()
