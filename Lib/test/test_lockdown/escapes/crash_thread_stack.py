"""A thread with the smallest stack overruns it.

Known from: reports of crashes by threading.stack_size()
Effect: crash
"""
import _thread
import marshal

_thread.stack_size(32768)
lock = _thread.allocate_lock()
lock.acquire()


def work():
    value = ()
    for _ in range(2000):
        value = (value,)
    try:
        marshal.dumps(value)
    finally:
        lock.release()


_thread.start_new_thread(work, ())
lock.acquire()
