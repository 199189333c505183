"""Interpreter cells: what stands for a process is an interpreter of this one, on a thread.

It has a GIL of its own and is locked, and is made sooner than a process.  It is no boundary: code in
it shares the memory of the supervisor.  Its half is worker.py, as in a process.
"""

import _thread
import datetime  # noqa: F401  its types belong to the interpreter that imports them first
import os
import signal
import socket
import threading
import time
import weakref

from . import process
from .channel import Channel

# So many that could not be ended may be there before no more are made.
MOST_STUCK = 4
# How long one may take to end: what runs in it raises at its next step.
_PATIENCE = 1
_TICK = 0.02
# Locked first, it takes its half from the binary.  Nothing is to be caught in a loop or a call: they
# raise in one that has to end.
_PROGRAM = """try:
    import lockdownlib
    lockdownlib.lockdown(keep=("fd",))
    import rexec.worker
    rexec.worker.main_in_thread({fd})
except BaseException:
    pass
"""

_stuck = weakref.WeakSet()


def check(limits, kernel="try", preload=(), path=(), python=None):
    """Refuse by name what this kind of cell cannot have."""
    if not process.is_own():
        raise ValueError("isolation='interpreter' needs Locked Down Python as the supervisor")
    if limits.memory is not None:
        raise ValueError("the limit memory cannot be kept by an interpreter cell; give memory=None")
    if limits.can_nest:
        raise ValueError("the limit cells cannot be kept by an interpreter cell: there are none in it")
    if kernel == "require":
        raise ValueError("an interpreter cell has no ring of the kernel's: kernel='require'")
    if preload or path:
        raise ValueError("nothing can be preloaded in an interpreter cell")
    if python is not None:
        raise ValueError("an interpreter cell has the supervisor's own python")


class Worker:
    """An interpreter and its thread, with what Cell wants of a process."""

    pid = 0
    stderr = None
    status = None

    def __init__(self):
        for other in list(_stuck):
            if other.wait(0):
                _stuck.discard(other)
        if len(_stuck) >= MOST_STUCK:
            raise RuntimeError(f"{MOST_STUCK} interpreter cells could not be ended: no more are made")
        self.is_abandoned = False
        self.kernel = 0
        self.socket, self._theirs = socket.socketpair()
        self._ended = threading.Lock()      # held while the thread is there
        self._ended.acquire()
        self._lock = threading.Lock()
        self._doomed = False
        self._number = None                 # of the interpreter, while it is there
        self._clock = None
        process.add_worker(self)
        try:
            # Not threading's, which would be waited for at the exit.
            _thread.start_new_thread(self._serve, ())
        except BaseException:
            self._theirs.close()
            self.socket.close()
            raise
        self.channel = Channel(self.socket, 0)

    # -- the thread

    def _serve(self):
        import _interpreters
        number = None
        theirs = self._theirs.detach()
        try:
            # It writes to a supervisor that may have closed its end.  The C thread gets this too.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
            self._clock = time.pthread_getcpuclockid(_thread.get_ident())
            config = _interpreters.new_config("isolated", allow_threads=False,
                                              allow_daemon_threads=False)
            number = _interpreters.create(config)
            with self._lock:
                self._number = number
                doomed = self._doomed
            if not doomed:
                fd, theirs = theirs, None
                _interpreters.exec(number, _PROGRAM.format(fd=fd))
        except BaseException:       # the end of the channel tells
            pass
        finally:
            if theirs is not None:
                os.close(theirs)
            if number is not None:
                try:
                    _interpreters.destroy(number)
                except BaseException:
                    pass
            with self._lock:
                self._number = None
            self._ended.release()

    # -- looked at from outside

    def cpu(self):
        if self._clock is None:
            return 0.0
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return None

    def peak(self):
        return 0

    def allow_cpu(self, seconds):
        pass

    # -- signals

    def signal(self, number):
        """SIGINT and SIGKILL; one that waits for its supervisor stands still by itself."""
        if number == signal.SIGKILL:
            return self.kill()
        if number == signal.SIGINT:
            import _rexec
            with self._lock:
                if self._number is not None:
                    _rexec.interrupt(self._number)
        return not self._has_ended()

    def kill(self):
        self._doomed = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._doom()
        return not self._has_ended()

    def _doom(self):
        import _rexec
        with self._lock:
            if self._number is not None:
                _rexec.doom(self._number)

    def _has_ended(self):
        return not self._ended.locked()

    def wait(self, timeout=_PATIENCE):
        """False if it has not ended, after a while."""
        end = time.monotonic() + min(timeout, _PATIENCE)
        while True:
            # What runs at its end is a thread state of its own.
            if self._doomed:
                self._doom()
            if self._ended.acquire(timeout=min(_TICK, max(0, end - time.monotonic()))):
                self._ended.release()
                return True
            if time.monotonic() >= end:
                return False

    def drain(self):
        pass

    def tail(self):
        return ""

    # -- the end

    def close(self):
        self.kill()
        if not self.wait():
            _stuck.add(self)
        self.socket.close()

    def abandon(self):
        """In a fork of its supervisor, where its thread is not."""
        self.is_abandoned = True
        self._number = None
        self._clock = None
        self._lock = threading.Lock()
        self.socket.close()


def start_ready():
    """An interpreter that is locked and ready for a tenant."""
    worker = Worker()
    try:
        process.await_ready(worker)
    except BaseException:
        worker.close()
        raise
    return worker
