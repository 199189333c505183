"""Frames between a supervisor and a cell, and the supervisor's end of the channel.

A frame is a header of twelve bytes and a payload:

    length   u32   of the payload
    version  u8    1
    kind     u8    see below
    spare    u16   0
    run      u32   the number of the run that it belongs to; 0: of none

Numbers are little-endian.  The payload of OUTPUT is the number of the stream, one byte, and what was
written; of all other kinds it is one value, see values.py.  The cell's end is Modules/_rexec.c.
"""

import _struct
from _collections import deque

from .values import LARGE, Malformed

VERSION = 1

# From the cell.
OUTPUT = 1      # stream and text
READY = 2       # it is locked, and has no tenant yet: a dict
CALL = 3        # of a service of the supervisor: (number, own, what, operation, arguments)
RESULT = 4      # the end of a run
LIMIT = 5       # a limit that the cell itself has to keep was met: its name
CANCEL = 6      # nobody waits for a call any more: its number
STARTED = 7     # the run can be interrupted from now on

# To the cell.
START = 16      # what to prepare before the lock: a dict
SETUP = 17      # whose cell it is: a dict
RUN = 18        # code: a dict
INVOKE = 19     # a function that the cell's code defined: a dict
REPLY = 20      # to a call: (number, True, value) or (number, False, (type, arguments))
LIST = 21       # which modules can be imported

# To and from a fork server, whose frames are of no run.
FORK = 32       # make a cell: a dict, and two descriptors, its channel and its standard error
FORKED = 33     # (its pid, 0), and a descriptor of it; or (0, an errno)
REAP = 34       # a pid whose process has ended
REAPED = 35     # its status as subprocess gives it; None: not known

HEADER = _struct.Struct("<IBBHI")

# Calls that wait for their replies at the same time.
CALLS_OPEN = 64
# MSG_NOSIGNAL, of Linux: a cell that ends amid what it is told must not end a supervisor that left
# SIGPIPE to the kernel.
NO_SIGNAL = 0x4000
# Beyond the bytes of values: texts, names, tracebacks.
ROOM = 2 << 20
_SMALL = 16 << 10


def largest(kind, value):
    """The most bytes that the payload of a frame from a cell may have; None: no such kind."""
    if kind in (CALL, RESULT):
        return value + ROOM
    return _SMALL if kind in (OUTPUT, READY, LIMIT, CANCEL, STARTED) else None


class FrameReader:
    """Takes bytes from a cell as they come, and gives whole frames: (kind, run, payload).

    It holds no more than four times what came: a length that is only claimed costs nothing.
    """

    # The least room for what comes.
    LEAST = 4 << 10
    # Of the memory that a large frame took, so much is kept for the next one: to get it from the
    # kernel page by page takes longer than to fill it.
    KEPT = 2 << 20

    def __init__(self, value):
        self.value = value
        self.data = bytearray()
        self.place = self.end = 0       # what came and was not given yet
        self._wanted = 0                # bytes of the frame that is on its way
        self._spare = None              # what a payload was a view of

    def feed(self, data):
        """Take these bytes."""
        end = self.end + len(data)
        while len(self.data) < end:
            self._grow()
            end = self.end + len(data)
        self.data[self.end:end] = data
        self.end = end

    def read_from(self, socket):
        """Take what the socket has, as far as there is room; how much it was."""
        if len(self.data) - self.end < self.LEAST:
            self._grow()
        with memoryview(self.data) as data:
            got = socket.recv_into(data[self.end:])
        self.end += got
        return got

    @property
    def is_full(self):
        """Has what came filled all the room?  Then there may be more."""
        return self.end == len(self.data)

    def _grow(self):
        """Have more room behind the end."""
        there = self.size
        spare, self._spare = self._spare, None
        if spare is not None and (len(spare) < there + self.LEAST or not _is_free(spare)):
            spare = None
        if spare is None and self.place:
            spare = bytearray(there + self.LEAST)
        if spare is None:
            left = max(self._wanted - there, 0)
            self.data += bytes(min(max(3 * there, self.LEAST), left + self.LEAST))
        else:
            spare[:there] = self.data[self.place:self.end]
            self.data = spare
            self.place, self.end = 0, there

    @property
    def size(self):
        """How many bytes came and were not given yet."""
        return self.end - self.place

    @property
    def has_call(self):
        """Is the next frame, or what there is of it, a CALL?"""
        place = self.place + 5
        return place < self.end and self.data[place] == CALL

    def next(self):
        """A frame, or None if there is no whole one.  Raises Malformed."""
        there = self.size
        if there < HEADER.size:
            return None
        size, version, kind, spare, run = HEADER.unpack_from(self.data, self.place)
        most = largest(kind, self.value)
        if version != VERSION or spare or most is None:
            raise Malformed("a frame of another kind")
        if size > most:
            raise Malformed("a frame too long")
        if there < HEADER.size + size:
            self._wanted = HEADER.size + size
            return None
        self._wanted = 0
        begin = self.place + HEADER.size
        end = begin + size
        if size < LARGE:
            self.place = end
            if end == self.end:
                self.place = self.end = 0
            return kind, run, bytes(self.data[begin:end])
        # Not copied, but given away.
        data = self.data
        self.data = data[end:self.end]
        self.place, self.end = 0, len(self.data)
        if len(data) <= self.KEPT:
            self._spare = data
        return kind, run, memoryview(data)[begin:end]


def _is_free(data):
    """Has nobody a view of a bytearray?  One that somebody has cannot change its length."""
    try:
        data.append(0)
    except BufferError:
        return False
    data.pop()
    return True


class Channel:
    """The supervisor's end: nothing here waits, the caller polls."""

    # Between two looks at the clocks and at what came.
    MOST_READS = 16

    def __init__(self, socket, value):
        socket.setblocking(False)
        self.socket = socket
        self.reader = FrameReader(value)
        self.ended = False
        self._out = deque()
        self.unsent = 0         # bytes of it

    def fileno(self):
        return self.socket.fileno()

    @property
    def is_sending(self):
        return bool(self._out)

    def put(self, kind, run, parts):
        """Send a frame, or what can be sent of it now.  PARTS are those of its payload."""
        size = sum(map(len, parts))
        self.unsent += HEADER.size + size
        data = HEADER.pack(size, VERSION, kind, 0, run)
        for part in parts:
            if len(part) < LARGE:
                data += part
            else:
                self._out += memoryview(data), memoryview(part)
                data = b""
        if data:
            self._out.append(memoryview(data))
        self.write()

    def send(self, data):
        """Send bytes that are frames already."""
        self.unsent += len(data)
        self._out.append(memoryview(data))
        self.write()

    def write(self):
        """Send what the other end takes now."""
        while self._out:
            data = self._out[0]
            try:
                sent = self.socket.send(data, NO_SIGNAL)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # The other end is gone: reading tells.
                self._out.clear()
                self.unsent = 0
                return
            self.unsent -= sent
            if sent == len(data):
                self._out.popleft()
            else:
                self._out[0] = data[sent:]

    def read(self):
        """Take what is there, or the beginning of it."""
        for _ in range(self.MOST_READS):
            try:
                got = self.reader.read_from(self.socket)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                got = 0
            if not got:
                self.ended = True
                return
            if not self.reader.is_full:
                return

    def next(self):
        return self.reader.next()

    def close(self):
        self._out.clear()
        self.socket.close()
