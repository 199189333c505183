"""One thread that looks at the limits of runs whose own threads are busy with a function."""

import _thread
import math
import os
import threading
import time


class _Monitor:
    def __init__(self):
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.runs = {}          # run to the time when it is to be looked at
        self.next = math.inf    # when the thread wakes
        self.thread = None

    def watch(self, run):
        """Look after RUN until leave()."""
        limit, wait = run.check()
        due = time.monotonic() + wait
        with self.lock:
            self.runs[run] = due
            if self.thread is None:
                # Not threading's: it lasts, and is not to be taken for one that was left behind.
                self.thread = _thread.start_new_thread(self._look, ())
            elif due < self.next:
                self.changed.notify()

    def leave(self, run):
        with self.lock:
            self.runs.pop(run, None)

    def _look(self):
        with self.lock:
            while True:
                now = time.monotonic()
                for run, due in list(self.runs.items()):
                    if due <= now:
                        limit, wait = run.check()
                        if limit is not None:
                            del self.runs[run]
                            run.cell._end(limit)
                        else:
                            self.runs[run] = now + wait
                    run = None      # it is not to keep one that is over
                self.next = min(self.runs.values(), default=now + 3600)
                self.changed.wait(max(self.next - now, 0.001))


monitor = _Monitor()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=monitor.__init__)
