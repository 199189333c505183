"""The cells that code in a cell makes: its supervisor starts them, and hands on bytes.

Code in a cell cannot start a process.  Its supervisor does, with no more memory than it takes from
the cell, and from then on passes what the two say to each other.  The outer cell is the inner
one's supervisor: it runs the same Cell, with what is in guestcells.py where another has a process
and a socket.  So there is nothing at the other end of an inner cell's channel but the outer cell,
and no file, function or value that an inner cell gets can be one that the outer one has not.

What the outer cell asks for comes from hostile code, and so does every byte of the inner ones.
"""

import dataclasses
import math
import signal
import threading
import time

from . import channel as kinds
from . import process
from .channel import HEADER, Channel
from .values import Malformed, OverLimit, encode_parts

# What waits for an inner cell that does not read.
ROOM = 1 << 20
# What one answer hands on at most.
CHUNK = 64 << 10
# Cells that one call may be about.
MOST_PLACES = 256
# How long to wait for the end of a process that has said its last.
_LAST_WORDS = 0.05
_SIGNALS = (0, signal.SIGINT, signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL)
_ROOM = 1 << 46


class Origin:
    """What the process of a cell was made with: those of the cells inside it get the same."""

    def __init__(self, python, kernel, preload=(), path=()):
        self.python, self.kernel, self.preload, self.path = python, kernel, preload, path


class Refused(Exception):
    """More was asked for than there is."""


class Inner:
    """A cell inside, as its outer one's supervisor sees it: a process and a socket."""

    def __init__(self, number, worker, memory):
        self.number = number
        self.worker = worker
        self.channel = worker.channel       # its way out, and in until it is ready
        self.memory = memory                # of the outer cell's, 0 if that is not limited
        self.lent = 0                       # of that, to cells inside it
        self.made_by = None                 # the call that waits for it to be ready
        self.ended = False
        self.stopped = False                # by the outer cell
        self.cpu = 0.0                      # as last seen
        self.peak = 0
        self._header = b""
        self._kind = self._left = 0

    def fileno(self):
        return self.channel.fileno()

    def note(self):
        """Note what it used while it is there to be asked."""
        self.cpu = max(self.cpu, self.worker.cpu() or 0.0)
        return self.cpu

    def read(self, most):
        """The next bytes that it says, if there are some."""
        try:
            data = self.worker.socket.recv(most)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            data = b""
        if not data:
            self.ended = True
        return data

    def count(self, data):
        """(how many frames that are no output begin in DATA, bytes of output in it)."""
        frames = output = place = 0
        while place < len(data):
            if self._left:
                now = min(self._left, len(data) - place)
                if self._kind == kinds.OUTPUT:
                    output += now
                self._left -= now
                place += now
                continue
            part = data[place:place + HEADER.size - len(self._header)]
            place += len(part)
            self._header += part
            if len(self._header) == HEADER.size:
                self._left, _, self._kind, _, _ = HEADER.unpack(self._header)
                self._header = b""
                if self._kind != kinds.OUTPUT:
                    frames += 1
                elif self._left:
                    output -= 1     # the number of the stream
                else:
                    frames += 1     # nothing that a cell sends by itself
        return frames, output


class _Wait:
    """A call that is answered when one of these cells has something to say."""

    def __init__(self, inners, controlled, until):
        self.inners, self.controlled, self.until = inners, controlled, until


class Nest:
    """The cells inside one cell."""

    def __init__(self, limits, origin, worker):
        self.limits, self.origin, self.worker = limits, origin, worker
        self._inners = {}           # by number
        self._by_fd = {}
        self._waits = {}            # by the number of the call
        self._count = 0             # of cells ever made
        self._memory = 0            # that they have of the outer cell's
        self._cpu = 0.0             # of those that ended
        self._lock = threading.RLock()
        self._is_over = False

    def describe(self, kernel):
        """What the code is told of its right to make cells."""
        return {"limits": dataclasses.asdict(self.limits), "kernel": kernel,
                "preload": list(self.origin.preload)}

    # -- of the run that is on

    def cpu(self):
        """Seconds of processor that all of them have used."""
        with self._lock:
            return self._cpu + sum(inner.note() for inner in self._inners.values())

    def rest(self):
        """The outer cell stands still from now on."""
        for inner in list(self._inners.values()):
            if not inner.stopped:
                inner.worker.signal(signal.SIGSTOP)

    def wake(self):
        for inner in list(self._inners.values()):
            if not inner.stopped:
                inner.worker.signal(signal.SIGCONT)

    def kill(self):
        """The outer cell ends; this may come from any thread."""
        with self._lock:
            self._is_over = True
            for inner in self._inners.values():
                inner.note()
                inner.worker.kill()

    def close(self):
        """Give back what they held."""
        self.kill()
        with self._lock:
            for inner in list(self._inners.values()):
                self._remove(inner)

    # -- what is waited for

    def wanted(self):
        """What to wait for: descriptors, and whether there is something to read or to write."""
        wanted = {}
        for wait in self._waits.values():
            for inner in wait.inners:
                wanted[inner.fileno()] = True, inner.channel.is_sending
        for inner in list(self._inners.values()):
            if inner.made_by is not None:
                wanted[inner.fileno()] = True, False
            elif inner.channel.is_sending and inner.fileno() not in wanted:
                wanted[inner.fileno()] = False, True
        return wanted

    def seconds(self):
        """Until the first of those that wait is to be told that nothing came."""
        until = min((wait.until for wait in self._waits.values()), default=math.inf)
        return max(0, until - time.monotonic())

    def take(self, run, fd, reading):
        """Something can be read, or written."""
        inner = self._by_fd.get(fd)
        if inner is None:
            return
        was_sending = inner.channel.is_sending
        if inner.made_by is not None:
            self._take_ready(run, inner)
            return
        inner.channel.write()
        if reading or was_sending and not inner.channel.is_sending:
            for number, wait in list(self._waits.items()):
                if inner in wait.inners:
                    self._answer(run, number)

    def look(self, run):
        """Tell those who have waited long enough."""
        if self._waits:
            now = time.monotonic()
            for number, wait in list(self._waits.items()):
                if now >= wait.until:
                    self._answer(run, number)

    # -- what it is asked for

    def call(self, run, number, operation, arguments):
        """Do what the outer cell asks for; its call is answered now or later."""
        entry = _OPERATIONS.get(operation) if type(operation) is str else None
        if entry is None or tuple(map(type, arguments)) != entry[1]:
            raise Malformed("a call for cells of another form")
        try:
            entry[0](self, run, number, *arguments)
        except Refused as refused:
            run.cell._reply(run, number, True, ("refused", str(refused)))
        except OverLimit as over:
            raise run.cell._finish(run, over.limit) from None
        except OSError as error:
            # Of the machine: no process can be started.  No path is told.
            run.cell._reply(run, number, False, OSError(error.errno, error.strerror))

    def _find(self, number):
        """An inner cell, or None if it is gone; one that never was is a lie."""
        if not 0 < number <= self._count:
            raise Malformed("a cell that was never made")
        return self._inners.get(number)

    def _make(self, run, number, request):
        memory, preload = request.get("memory"), request.get("preload")
        if (request.keys() != {"memory", "preload"} or type(preload) is not list
                or type(memory) not in (int, type(None)) or not 0 <= (memory or 0) < 1 << 46):
            raise Malformed("a cell of another form")
        for name in preload:
            if name not in self.origin.preload:
                raise Refused("a module that the outer cell did not have loaded for it")
        if self.limits.cells is not None and self._count >= self.limits.cells:
            raise OverLimit("cells")
        share = self._take_memory(memory)
        self._count += 1
        try:
            worker = self._start(memory, preload)
        except BaseException:
            self._give_memory(share)
            raise
        inner = Inner(self._count, worker, share)
        inner.made_by = number
        with self._lock:
            self._inners[inner.number] = inner
            self._by_fd[inner.fileno()] = inner
            if self._is_over:
                worker.kill()
        self._begin(run, inner)

    def _begin(self, run, inner):
        """Its first word is waited for, in take()."""

    def _start(self, memory, preload):
        """A process that is on its way to be ready."""
        worker = process.start(self.origin.python)
        worker.channel = Channel(worker.socket, 0)
        request = {"preload": preload, "path": list(self.origin.path), "memory": memory,
                   "kernel": self.origin.kernel, "threads": self.limits.threads}
        worker.channel.put(kinds.START, 0, encode_parts(request, _ROOM, 200))
        return worker

    def _take_memory(self, memory):
        """Take so much of the outer cell's memory for an inner one."""
        most = self.limits.memory
        if most is None:
            return 0
        if memory is None or memory > most - self._memory:
            raise Refused(f"memory: {memory} bytes, of which there are {most - self._memory}")
        if not self.worker.lend_memory(self._memory + memory):
            raise Refused(f"memory: {memory} bytes, which are in use")
        self._memory += memory
        return memory

    def _give_memory(self, memory):
        if memory:
            self._memory -= memory
            self.worker.lend_memory(self._memory)

    def _take_ready(self, run, inner):
        """It says its first word, or none."""
        channel = inner.channel
        channel.read()
        try:
            frame = channel.next()
            if frame is None and not channel.ended:
                return
            if frame is None:
                raise Malformed("it ended")
            inner.worker.kernel = process.read_ready(frame)
        except Malformed:
            inner.worker.kernel = None
        self._say_ready(run, inner)

    def _say_ready(self, run, inner):
        number, inner.made_by = inner.made_by, None
        kernel = inner.worker.kernel
        if kernel is None or kernel < run.cell.kernel:
            self._remove(inner)
            answer = ("failed",)
        else:
            answer = ("made", inner.number, kernel, inner.note())
        run.cell._reply(run, number, True, answer)

    def _exchange(self, run, number, controls, waits, seconds):
        """Say something to cells, and wait for what they say.

        CONTROLS are (cell, bytes, signal or 0, seconds of processor that it may have in all or
        None); WAITS are cells.  The answer has a row for each of both.
        """
        controlled, inners = [], []
        if len(controls) + len(waits) > MOST_PLACES or not 0 <= seconds:
            raise Malformed("an exchange of another form")
        for control in controls:
            if type(control) is not tuple or tuple(map(type, control)) not in _CONTROLS:
                raise Malformed("an exchange of another form")
            inner, data, signum, cpu = self._find(control[0]), *control[1:]
            if signum not in _SIGNALS or cpu is not None and not 0 <= cpu < 1e9:
                raise Malformed("an exchange of another form")
            controlled.append((control[0], inner))
            if inner is None or inner.made_by is not None:
                continue
            if inner.channel.unsent + len(data) > ROOM + CHUNK:
                raise Malformed("more than there is room for")
            if data:
                inner.channel.send(data)
            if cpu is not None:
                inner.worker.allow_cpu(cpu)
            if signum:
                self._signal(inner, signum)
        for place in waits:
            if type(place) is not int:
                raise Malformed("an exchange of another form")
            inner = self._find(place)
            if inner is None or inner.ended or inner.made_by is not None:
                seconds = 0
            inners.append((place, inner))
        self._waits[number] = wait = _Wait([inner for _, inner in inners if inner is not None],
                                           controlled + inners, time.monotonic() + seconds)
        if seconds == 0 or not wait.inners:
            self._answer(run, number)

    def _signal(self, inner, signum):
        if signum in (signal.SIGSTOP, signal.SIGCONT):
            inner.stopped = signum == signal.SIGSTOP
        inner.note()
        inner.peak = max(inner.peak, inner.worker.peak())
        inner.worker.signal(signum)

    def _answer(self, run, number):
        """Say what there is for those that the call waits for."""
        wait = self._waits.pop(number)
        most = min(CHUNK, self.limits.value // 2)
        read = set()
        rows = []
        for place, inner in wait.controlled:
            if inner is None or inner.number not in self._inners:
                rows.append((place, b"", True, 0, 0.0, 0))
                continue
            data = b""
            if inner in wait.inners and inner not in read and most > 0 and not inner.ended:
                read.add(inner)
                data = inner.read(most)
                most -= len(data)
                self._charge(run, *inner.count(data))
            rows.append((place, data, inner.ended, inner.channel.unsent, inner.note(), inner.peak))
        run.cell._reply(run, number, True, rows)

    def _charge(self, run, frames, output):
        """What inner cells do is taken out of what the outer one may do."""
        run.calls += frames
        run.output_inside += output
        if self.limits.calls is not None and run.calls > self.limits.calls:
            raise run.cell._finish(run, "calls")

    def _lend(self, run, number, place, size):
        """An inner cell lends of its memory to those inside it."""
        inner = self._find(place)
        answer = False
        if inner is not None and 0 <= size:
            if self.limits.memory is None:
                answer = inner.worker.lend_memory(size)
            elif size <= inner.memory:
                more = size - inner.lent
                # What comes back to it may be another's by now.
                if more >= 0 or -more <= self.limits.memory - self._memory:
                    answer = inner.worker.lend_memory(size)
                    if answer:
                        inner.lent = size
                        self._memory -= more
        run.cell._reply(run, number, True, answer)

    def _status(self, run, number, place):
        """The exit status of a cell that has said its last, as far as it is known."""
        inner = self._find(place)
        ended = status = None
        if inner is not None and inner.ended:
            inner.note()
            ended = inner.worker.wait(_LAST_WORDS)
            status = inner.worker.status
        run.cell._reply(run, number, True, (bool(ended), status))

    def _wake(self, run, number, place):
        """Have those who wait for a cell look again."""
        inner = self._find(place)
        for other, wait in list(self._waits.items()):
            if inner in wait.inners:
                self._answer(run, other)
        run.cell._reply(run, number, True, None)

    def _close(self, run, number, places):
        for place in places:
            if type(place) is not int:
                raise Malformed("a call for cells of another form")
            inner = self._find(place)
            if inner is None:
                continue
            self._remove(inner)
            if inner.made_by is not None:
                run.cell._reply(run, inner.made_by, True, ("failed",))
            for other, wait in list(self._waits.items()):
                if inner in wait.inners:
                    self._answer(run, other)
        run.cell._reply(run, number, True, None)

    def _remove(self, inner):
        """End an inner cell, and take back what it had."""
        with self._lock:
            inner.note()
            fd = inner.fileno()
            inner.worker.kill()
            del self._inners[inner.number]
            self._by_fd.pop(fd, None)
            self._cpu += inner.cpu
        inner.worker.close()
        self._give_memory(inner.memory - inner.lent)


_CONTROLS = {(int, bytes, int, kind) for kind in (type(None), int, float)}
# Name: (function, types of the arguments).  Nothing else is answered.
_OPERATIONS = {
    "make": (Nest._make, (dict,)),
    "exchange": (Nest._exchange, (list, list, float)),
    "lend": (Nest._lend, (int, int)),
    "status": (Nest._status, (int,)),
    "wake": (Nest._wake, (int,)),
    "close": (Nest._close, (list,)),
}
