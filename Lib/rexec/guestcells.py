"""Cells that are made in a cell: what stands there for a process, a socket and a clock.

The rest is the supervisor's half, as everywhere: the cell that makes another is its supervisor.
What that is allowed is seen to by the supervisor of both, see nest.py.
"""

import dataclasses
import gc
import signal
import time

import rexec
from lockdownlib import LockdownError
from rexec import cell, guest, guestfolder, run
from rexec.channel import Channel
from rexec.errors import CellCrashed
from rexec.limits import HISTORIC, Limits
from rexec.nest import CHUNK, ROOM, Nest, Refused

# A wait is no longer, so that KeyboardInterrupt is not late.
_LONGEST_WAIT = 0.2
_LONGEST_DEATH = 1
_given_up = []          # cells that ended while no call could be made


def _ask(operation, *arguments):
    return guest._worker.ask("cell", operation, arguments)


class _Socket:
    """The way to an inner cell, which the supervisor of both hands on."""

    def __init__(self, number):
        self.number = number
        self.incoming = bytearray()
        self.ended = False
        self.outgoing = bytearray()
        self.unsent = 0         # by the supervisor, as last heard
        self.goes_on = False    # when it has what is outgoing
        self.allowed = None
        self.cpu = 0.0
        self.peak = 0

    def setblocking(self, flag):
        pass

    def fileno(self):
        return self.number

    def send(self, data, flags):
        room = ROOM - self.unsent - len(self.outgoing)
        if self.ended:
            raise BrokenPipeError
        if room <= 0:
            raise BlockingIOError
        self.outgoing += data[:room]
        return min(room, len(data))

    def recv(self, size):
        if not self.incoming and not self.ended:
            raise BlockingIOError
        data = bytes(self.incoming[:size])
        del self.incoming[:size]
        return data

    def recv_into(self, view):
        data = self.recv(len(view))
        view[:len(data)] = data
        return len(data)

    def close(self):
        pass

    def take_control(self, most):
        """What is to be said or done, of at most so many bytes."""
        data = bytes(self.outgoing[:most])
        del self.outgoing[:most]
        signum = 0
        if self.goes_on and not self.outgoing:
            self.goes_on = False
            signum = int(signal.SIGCONT)
        allowed, self.allowed = self.allowed, None
        self.unsent += len(data)
        return self.number, data, signum, allowed

    @property
    def is_controlled(self):
        return bool(self.outgoing) or self.goes_on or self.allowed is not None

    def take_row(self, data, ended, unsent, cpu, peak):
        self.incoming += data
        self.ended = self.ended or ended
        self.unsent = unsent
        self.cpu = max(self.cpu, cpu)
        self.peak = max(self.peak, peak)


def _exchange(sockets, seconds):
    """Say what is to be said to these, and wait for what they say."""
    _close_given_up()
    # A value is what may cross at a time.
    chunk = min(CHUNK * 4, guest._worker.value // 2 - 1024)
    while True:
        left = chunk
        controls = []
        for socket in sockets:
            if socket.is_controlled and left > 0:
                controls.append(socket.take_control(left))
                left -= len(controls[-1][1])
        more = any(socket.outgoing for socket in sockets)
        rows = _ask("exchange", controls, [socket.number for socket in sockets],
                    float(0 if more else seconds))
        by_number = {socket.number: socket for socket in sockets}
        for number, *row in rows:
            by_number[number].take_row(*row)
        if not more or any(socket.incoming or socket.ended for socket in sockets):
            return


class _Worker:
    """The process of an inner cell, as seen from here."""

    pid = 0
    stderr = None
    status = None
    is_abandoned = False

    def __init__(self, number, kernel, cpu):
        self.kernel = kernel
        self.socket = _Socket(number)
        self.socket.cpu = cpu
        self.channel = Channel(self.socket, 0)
        self._gone = False

    def cpu(self):
        return self.socket.cpu

    def peak(self):
        return self.socket.peak

    def allow_cpu(self, seconds):
        self.socket.allowed = float(seconds)

    def lend_memory(self, size):
        return _ask("lend", self.socket.number, size)

    def signal(self, number):
        if self._gone or self.socket.ended:
            return False
        if number == signal.SIGCONT:
            self.socket.goes_on = True      # with what is said next
            return True
        try:
            rows = _ask("exchange", [(self.socket.number, b"", int(number), None)], [], 0.0)
        except RuntimeError:    # no run is on
            _given_up.append(self.socket.number)
            return False
        self.socket.take_row(*rows[0][1:])
        return not self.socket.ended

    def kill(self):
        return self.signal(signal.SIGKILL)

    def wait(self, timeout=_LONGEST_DEATH):
        if self._gone:
            return True
        end = time.monotonic() + min(timeout, _LONGEST_DEATH)
        while True:
            ended, self.status = _ask("status", self.socket.number)
            if ended or time.monotonic() > end:
                return ended

    def drain(self):
        pass

    def tail(self):
        return ""

    def close(self):
        if self._gone:
            return
        self._gone = self.socket.ended = True
        _given_up.append(self.socket.number)
        try:
            _close_given_up()
        except RuntimeError:    # no run is on
            pass


def _close_given_up():
    numbers = []
    while _given_up:
        numbers.append(_given_up.pop())
    if numbers:
        try:
            _ask("close", numbers)
        except BaseException:
            _given_up.extend(numbers)
            raise


def _make(memory, preload):
    """A process that is ready for a tenant."""
    _close_given_up()
    answer = _ask("make", {"memory": memory, "preload": list(preload)})
    if answer[0] == "refused":
        raise Refused(answer[1])
    if answer[0] != "made":
        raise CellCrashed("the cell did not start")
    return _Worker(*answer[1:])


class _Waker:
    """Wakes a run that waits for an inner cell, from another thread."""

    def __init__(self, cell):
        self._number = cell._worker.socket.number
        self._is_open = True

    def wake(self):
        if self._is_open:
            _ask("wake", self._number)

    def drain(self):
        pass

    def close(self):
        self._is_open = False


class _Waiter:
    """As that of wait.py, which asks the kernel."""

    def __init__(self, run):
        self._run = run
        self._channel = run.cell._channel
        self._nest = run.cell._nest

    def wait(self, seconds, reading=True):
        run = self._run
        caller = run.caller
        channel = self._channel
        mine = run.worker.socket
        wanted = {}
        nest = self._nest
        if nest is not None:
            wanted = nest.wanted()
            seconds = min(seconds, nest.seconds())
        if caller.waker is not None and caller.answers:
            seconds = 0
        inners = [nest.socket(number) for number in wanted]
        _exchange([mine, *inners], max(0, min(seconds, _LONGEST_WAIT)))
        if channel.is_sending:
            channel.write()
        if reading and (mine.incoming or mine.ended):
            channel.read()
        for inner in inners:
            if inner.incoming or inner.ended or wanted[inner.number][1]:
                nest.take(run, inner.number, bool(inner.incoming or inner.ended))
        if caller.waker is not None:
            caller.answer(run)
        if nest is not None:
            nest.look(run)


class _Nest(Nest):
    """The cells inside an inner cell: this one makes them for it, as its own supervisor does."""

    def socket(self, number):
        return self._by_fd[number].worker.socket

    def _start(self, memory, preload):
        return _make(memory, preload)

    def _begin(self, run, inner):
        self._say_ready(run, inner)


class _NoMonitor:
    """Here there is no thread to spare for it.  While a function runs here, the limits of the inner
    cell that waits for it are kept by the kernel, a second late, and by those of this cell."""

    def watch(self, run):
        pass

    leave = watch


class Cell(cell.Cell):
    __doc__ = cell.Cell.__doc__

    _Waiter, _Waker = _Waiter, _Waker

    def __init__(self, *, limits=None, kernel="try", preload=(), path=(), python=None, **options):
        if path or python is not None:
            raise LockdownError("lockdown is enabled: a cell in a cell has its outer one's path and"
                                " python")
        if limits is not None and not isinstance(limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        super().__init__(limits=_share.take(limits), kernel=kernel, preload=preload, python="",
                         **options)
        if kernel == "require" and not self.kernel:
            self.close()
            raise LockdownError("lockdown is enabled: the outer cell has no ring of the kernel's")

    def _start_worker(self):
        for is_last in (False, True):
            try:
                return _make(self.limits.memory, self._origin.preload)
            except Refused as refused:
                if is_last:
                    raise LockdownError(f"lockdown is enabled: {refused}") from None
            gc.collect()        # cells that nobody has any more have memory yet

    def _has_spoken(self):
        _exchange([self._worker.socket], 0)
        return super()._has_spoken()

    def _make_nest(self):
        return _Nest(self.limits, self._origin, self._worker)


class _Share:
    """What this cell has, and what of it an inner one may be given."""

    def __init__(self, nest):
        self.limits = None if nest is None else Limits(**nest["limits"])

    def take(self, limits):
        """The limits of an inner cell; LockdownError if they are more than there is."""
        mine = self.limits
        if mine is None:
            raise LockdownError("lockdown is enabled: this cell may make no cells; its supervisor"
                                " allows them by Limits(cells=, nesting=)")
        if limits is None or limits is HISTORIC:
            # More of them fit that have none inside.
            nesting = mine.nesting - 1 if limits is HISTORIC else 0
            memory = None if mine.memory is None else mine.memory // (2 if nesting else 4)
            return dataclasses.replace(mine, memory=memory, cells=mine.cells if nesting else 0,
                                       nesting=nesting)
        for field in dataclasses.fields(mine):
            most, asked = getattr(mine, field.name), getattr(limits, field.name)
            if field.name == "nesting":
                most -= 1
            if most is not None and (asked is None or asked > most):
                raise LockdownError(f"lockdown is enabled: {field.name}={asked} is more than the"
                                    f" outer cell has to give, {most}")
        return limits


# It puts itself in the place of what rexec is outside.
if guest._worker is None:
    raise ImportError("rexec.guestcells is for the inside of a cell", name=__name__)
_share = _Share(guest._worker.setup["nest"])
run.monitor = _NoMonitor()
cell.Cell = rexec.Cell = Cell
rexec.ReadOnly, rexec.ReadWrite = guestfolder.ReadOnly, guestfolder.ReadWrite
