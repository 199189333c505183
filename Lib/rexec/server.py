"""The fork server's own half: a worker that imported what cells need and never runs their code.

It locks what it does not need for that: whatever a lock has to change is then changed once, on pages
that all cells share.  A cell is a fork of it, which then sets its limits, locks the rest, and is told
whose it is, as every worker.
The supervisor's half is in process.py.  What the supervisor sends comes with two descriptors: the
cell's end of its channel, and its standard error.
"""

import posix
import sys

import _rexec
from rexec import guest, worker
from rexec.channel import (FORK, FORKED, HEADER, READY, REAP, REAPED, START, VERSION)
from rexec.values import decode, encode

# The rights that are needed to make cells and to limit them.
_KEPT = ("fd", "fs.read", "fs.special", "ipc", "proc", "runtime")
# So often is code run until the interpreter has adapted it.
_WARM = 20
# Of requests, which are the supervisor's own, and small.
_UNLIMITED = 1 << 46


class _Server:
    def __init__(self, fd):
        import _socket
        import array
        self.pid = posix.getpid()
        self.array = array.array
        # It keeps the descriptor, and has the kernel end this process with its supervisor.
        self.guard = _rexec.Channel(fd, True)
        self.flags = _socket.MSG_CMSG_CLOEXEC
        self.level, self.rights = _socket.SOL_SOCKET, _socket.SCM_RIGHTS
        self.room = _socket.CMSG_SPACE(2 * 4)
        self.socket = _socket.socket(fileno=posix.dup(fd))

    # -- frames

    def receive(self):
        """The next frame and the descriptors that came with it; EOFError at the end."""
        data, fds = b"", self.array("i")
        need = HEADER.size
        while len(data) < need:
            more, ancillary, _, _ = self.socket.recvmsg(need - len(data), self.room, self.flags)
            for level, kind, rights in ancillary:
                if (level, kind) == (self.level, self.rights):
                    fds.frombytes(rights)
            if not more:
                raise EOFError
            data += more
            if len(data) == HEADER.size == need:
                need += HEADER.unpack(data)[0]
        return HEADER.unpack_from(data)[2], decode(data[HEADER.size:], _UNLIMITED, 200), list(fds)

    def send(self, kind, value, fds=()):
        payload = encode(value, _UNLIMITED, 200)
        data = HEADER.pack(len(payload), VERSION, kind, 0, 0) + payload
        rights = [(self.level, self.rights, self.array("i", fds))] if fds else []
        self.socket.sendmsg([data], rights)

    # -- what it is asked for

    def fork(self, start, fds):
        """A new cell.  In the cell this never returns."""
        channel, stderr = fds
        try:
            pid = posix.fork()
            if pid == 0:
                self.become(start, channel, stderr)
            pidfd = posix.pidfd_open(pid)
        except OSError as error:
            self.send(FORKED, (0, error.errno))
            return
        finally:
            for fd in fds:
                posix.close(fd)
        try:
            self.send(FORKED, (pid, 0), (pidfd,))
        finally:
            posix.close(pidfd)

    def become(self, start, channel, stderr):
        try:
            self.socket.close()
            self.guard = None
            posix.dup2(stderr, 2)
            posix.close(stderr)
            posix.setsid()
            _make_different()
            worker.become(channel, start, self.pid)
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            posix._exit(1)

    def reap(self, pid):
        """The status of a cell that has ended; it is asked for once."""
        try:
            _, status = posix.waitpid(pid, 0)
        except ChildProcessError:
            self.send(REAPED, None)
        else:
            self.send(REAPED, posix.waitstatus_to_exitcode(status))

    def serve(self):
        while True:
            kind, value, fds = self.receive()
            if kind == START:
                worker.prepare(value)
                _rehearse()
                _lock()
                _settle()
                self.send(READY, None)
            elif kind == FORK:
                self.fork(value, fds)
            elif kind == REAP:
                self.reap(value)


def _rehearse():
    """What a first run makes in the interpreter, as the types of syntax trees, is had by all cells."""
    guest.make_main()
    for _ in range(_WARM):
        worker.Worker(None).rehearse()


def _lock():
    import lockdownlib
    lockdownlib._lock_for_forks(_KEPT)


def _settle():
    """What is there now stays: collections in the cells leave its pages shared."""
    import gc
    gc.collect()
    gc.freeze()


def _make_different():
    """Cells do not share what chance gave to the server.  Python's own generator sees to itself."""
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()


def main(fd):
    """What a worker that was started as the server runs."""
    try:
        _Server(fd).serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
