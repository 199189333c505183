"""A thread that was there before the lock does it.

Known from: sandboxes that hold one thread (seccomp without TSYNC)
Effect: made
Host: import os, queue, threading
Host: work, done = queue.SimpleQueue(), queue.SimpleQueue()
Host: def serve(): done.put(work.get()())
Host: thread = threading.Thread(target=serve, daemon=True)
Host: thread.start()
Given: work done
"""
import os


def task():
    try:
        return os.system(": > made")
    except BaseException as error:
        return error


work.put(task)
done.get()
