"""Whose turn it is to use a cell; and what a run waits for, in one place: its cell, its functions,
and the cells inside the cell."""

import os
import select
import threading


class Turn:
    """What somebody has who uses a cell.  It is given back by `is_over = True`, which no signal
    interrupts, in the `finally` of a `try` in which it is taken."""

    is_over = False


class Turns:
    """Whose turn it is."""

    def __init__(self):
        self._lock = threading.Lock()
        self._now = None

    @property
    def is_taken(self):
        now = self._now
        return now is not None and not now.is_over

    def take(self, turn):
        """False if it is somebody else's."""
        with self._lock:
            if self.is_taken:
                return False
            self._now = turn
            return True


class Waker:
    """What wakes a run that waits, from another thread."""

    def __init__(self, cell):
        self._out, self._in = os.pipe()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._lock = threading.Lock()

    def fileno(self):
        return self._out

    def wake(self):
        with self._lock:
            if self._in is not None:
                try:
                    os.write(self._in, b"!")
                except BlockingIOError:
                    pass

    def drain(self):
        try:
            os.read(self._out, 4096)
        except BlockingIOError:
            pass

    def close(self):
        with self._lock:
            os.close(self._in)
            self._in = None
        os.close(self._out)


class Waiter:
    """Of one run."""

    def __init__(self, run):
        self._run = run
        self._channel = run.cell._channel
        self._poller = poller = select.poll()
        self._worker = run.worker
        if self._worker.stderr is not None:
            poller.register(self._worker.stderr, select.POLLIN)
        self._waker = run.caller.waker
        if self._waker is not None:
            poller.register(self._waker, select.POLLIN)
        self._wanted = None
        self._nest = run.cell._nest
        self._inner = {}        # descriptors of cells inside, and what is waited for

    def wait(self, seconds, reading=True):
        """Until something has come, or so many seconds."""
        channel = self._channel
        poller = self._poller
        if reading:
            want = select.POLLIN | (select.POLLOUT if channel.is_sending else 0)
        else:
            want = select.POLLOUT
        if want != self._wanted:
            self._wanted = want
            poller.register(channel, want)
        nest = self._nest
        if nest is not None:
            seconds = min(seconds, nest.seconds())
            self._watch(nest.wanted())
        run = self._run
        # Rounded up: what is too early comes back here at once.
        for fd, events in poller.poll(int(seconds * 1000) + 1):
            if fd == channel.fileno():
                if events & select.POLLOUT:
                    channel.write()
                if events & ~select.POLLOUT:
                    channel.read()
            elif fd in self._inner:
                nest.take(run, fd, bool(events & ~select.POLLOUT))
            elif self._waker is not None and fd == self._waker.fileno():
                self._waker.drain()
                run.caller.answer(run)
            elif events & select.POLLIN:
                self._worker.drain()
            else:
                poller.unregister(fd)
        if nest is not None:
            nest.look(run)

    def _watch(self, wanted):
        for fd in self._inner.keys() - wanted.keys():
            del self._inner[fd]
            self._poller.unregister(fd)
        for fd, (reading, writing) in wanted.items():
            events = (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0)
            if self._inner.get(fd) != events:
                self._inner[fd] = events
                self._poller.register(fd, events)
