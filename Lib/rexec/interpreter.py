"""Interpreter cells: what stands for a process is an interpreter of this one, on a thread.

It has a GIL of its own and is locked, and is made sooner than a process.  It is no boundary: code in
it shares the memory of the supervisor.  Its half is worker.py, as in a process.
"""

import _thread
import atexit
import datetime  # noqa: F401  its types belong to the interpreter that imports them first
import signal
import socket
import threading
import time
import warnings

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

_running = set()        # lives whose threads are there
_stuck = set()          # those that could not be ended
_is_over = False        # the supervisor's process ends


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


class _Life:
    """What a worker and its thread have in common: the thread keeps no worker alive."""

    def __init__(self, socket):
        self.socket = socket            # the supervisor's end
        self.clock = None
        self.number = None              # of the interpreter, while it is there
        self.doomed = False
        self.lock = threading.Lock()
        self.ended = threading.Event()  # the thread is not there any more

    def serve(self, theirs):
        """The thread."""
        import _interpreters
        _running.add(self)
        try:
            # It writes to a supervisor that may have closed its end.  The C thread gets this too.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
            self.clock = time.pthread_getcpuclockid(_thread.get_ident())
            config = _interpreters.new_config("isolated", allow_threads=False,
                                              allow_daemon_threads=False)
            number = _interpreters.create(config)
            with self.lock:
                self.number = number
                doomed = self.doomed
            if not doomed:
                _interpreters.exec(number, _PROGRAM.format(fd=theirs.fileno()))
        except BaseException:       # the end of the channel tells
            pass
        finally:
            if self.number is not None:
                _destroy(self.number)
            theirs.close()
            with self.lock:
                self.number = None
            _running.discard(self)
            self.ended.set()

    def call(self, function):
        """FUNCTION of the interpreter's number, if it is there."""
        with self.lock:
            if self.number is not None:
                function(self.number)

    def kill(self):
        import _rexec
        self.doomed = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.call(_rexec.doom)

    def wait(self, timeout):
        """False if its thread has not ended, after a while."""
        import _rexec
        end = time.monotonic() + min(timeout, _PATIENCE)
        while True:
            # What runs at its end is a thread state of its own.
            if self.doomed:
                self.call(_rexec.doom)
            if self.ended.wait(min(_TICK, max(0, end - time.monotonic()))):
                return True
            if time.monotonic() >= end:
                return False


def _destroy(number):
    """The end of an interpreter, and of the queues and channels that its code made."""
    import _interpchannels
    import _interpqueues
    import _interpreters
    import _rexec
    try:
        _interpreters.destroy(number)
        queues, channels = _rexec.mailboxes(number)
        for queue in queues:
            _interpqueues.destroy(queue)
        for channel in channels:
            _interpchannels.destroy(channel)
    except BaseException:
        pass


class Worker:
    """An interpreter and its thread, with what Cell wants of a process."""

    pid = 0
    stderr = None
    status = None
    life = None
    place = None        # of a pool, by its key

    def __init__(self):
        for life in list(_stuck):
            if life.wait(0):
                _stuck.discard(life)
        if len(_stuck) >= MOST_STUCK:
            raise RuntimeError(f"{MOST_STUCK} interpreter cells could not be ended: no more are made")
        if _is_over:
            raise RuntimeError("the process ends: no more interpreter cells are made")
        self.is_abandoned = False
        self.kernel = 0
        self.socket, theirs = socket.socketpair()
        self.channel = Channel(self.socket, 0)
        self.life = life = _Life(self.socket)
        process.add_worker(self)
        # Not threading's, which would be waited for at the exit.
        _thread.start_new_thread(life.serve, (theirs,))

    # -- looked at from outside

    def cpu(self):
        if self.life.clock is None:
            return 0.0
        try:
            return time.clock_gettime(self.life.clock)
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
            self.life.call(_rexec.interrupt)
        return not self.life.ended.is_set()

    def kill(self):
        self.life.kill()
        return not self.life.ended.is_set()

    def wait(self, timeout=_PATIENCE):
        """False if it has not ended, after a while."""
        return self.life.wait(timeout)

    def drain(self):
        pass

    def tail(self):
        return ""

    # -- the end

    def close(self):
        self.kill()
        if not self.wait():
            _stuck.add(self.life)
        self.socket.close()

    def abandon(self):
        """In a fork of its supervisor, where its thread is not."""
        self.is_abandoned = True
        self.life = _Life(self.socket)
        self.socket.close()

    def __del__(self):
        if self.life is not None and not self.is_abandoned and not _is_over:
            self.life.kill()
            self.socket.close()


def _end_all():
    """The exit of the process: it waits for what runs in it no longer than this."""
    global _is_over
    _is_over = True
    lives = list(_running)
    for life in lives:
        life.kill()
    end = time.monotonic() + _PATIENCE
    stuck = sum(not life.wait(max(0, end - time.monotonic())) for life in lives)
    if stuck:
        warnings.warn(f"interpreter cells that could not be ended: {stuck}; the process ends anyway",
                      ResourceWarning)


atexit.register(_end_all)


def start_ready():
    """An interpreter that is locked and ready for a tenant."""
    worker = Worker()
    try:
        process.await_ready(worker)
    except BaseException:
        worker.close()
        raise
    return worker
