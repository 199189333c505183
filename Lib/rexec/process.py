"""Worker processes: how they are started, looked at from outside, and ended.

The supervisor's process is never forked and no signal handler is set.  A worker ends when the
thread that started it does, so all are started by one thread that stays.
"""

import _thread
import array
import collections
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref

from . import channel as kinds
from .channel import Channel
from .errors import CellCrashed
from .values import Malformed, decode, encode, encode_parts

try:
    import fcntl
    import resource
except ImportError:
    fcntl = resource = None

# What a worker and a fork server run; the rest comes through their channels.
_PROGRAM = "import rexec.{half}; rexec.{half}.main({fd})"
_STDERR_KEPT = 4096
# How long the kernel may take to end a process that was killed.
_LONGEST_DEATH = 60
# How long a worker may take until it is ready, imports of its own included.
LONGEST_START = 60
# How long one that failed may take to say why.
_LAST_WORDS = 5
_ROOM = 1 << 46
# What the kernel holds of what one end sent, if it lets us have so much: the fewer times two
# processes take turns over a large value.
_BUFFER = 1 << 20


def is_own():
    """Is this process one of Locked Down Python's?"""
    return "lockdownlib" in sys.builtin_module_names


def find_python(python=None):
    """The path of the LDP binary: PYTHON, or this process's own, or ldpython beside it or on PATH."""
    if python is not None:
        return os.fspath(python)
    if is_own() and sys.executable:
        return sys.executable
    places = [os.path.dirname(sys.executable)] if sys.executable else []
    places += os.environ.get("PATH", os.defpath).split(os.pathsep)
    for place in places:
        path = os.path.join(place, "ldpython")
        if place and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError("no Locked Down Python: this is none, and there is no ldpython beside it"
                            " or on PATH; give python=")


# ---- the thread that starts workers --------------------------------------------------------------

class _Starter:
    def __init__(self):
        self.requests = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.thread = None

    def call(self, function, *args):
        """FUNCTION's result; it runs in the thread that stays."""
        with self.lock:
            if self.thread is None:
                # Not threading's: it lasts, and is not to be taken for one that was left behind.
                self.thread = _thread.start_new_thread(self._serve, ())
        answer = queue.SimpleQueue()
        self.requests.put((function, args, answer))
        result, error = answer.get()
        if error is not None:
            raise error
        return result

    def _serve(self):
        requests = self.requests
        while True:
            function, args, answer = requests.get()
            try:
                answer.put((function(*args), None))
            except BaseException as error:
                answer.put((None, error))
            # Whoever is waited for here would keep the last one alive.
            del function, args, answer


_starter = _Starter()
_workers = weakref.WeakSet()
# A fork of this process is to leave these alone.
add_worker = _workers.add


def _after_fork():
    """In a forked child: the workers are those of the parent."""
    global _starter
    _starter = _Starter()
    for worker in list(_workers):
        worker.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _socket_pair():
    """Two sockets, neither in the place of a standard stream that this process is without: in a
    child its own would be put there, and here others write to it."""
    pair = tuple(map(_above_streams, socket.socketpair()))
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return pair


def _above_streams(end):
    if end.fileno() > 2:
        return end
    with end:
        return socket.socket(fileno=fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))


def _start(python, half):
    ours, theirs = _socket_pair()
    try:
        fd = theirs.fileno()
        process = subprocess.Popen(
            [python, "-I", "-S", "-X", "lockdown=later", "-c", _PROGRAM.format(half=half, fd=fd)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=(fd,), env={}, cwd="/", start_new_session=True, bufsize=0)
        return Worker(process.pid, ours, process.stderr, process)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


def start(python, half="worker"):
    """A Worker of this binary."""
    return _starter.call(_start, python, half)


# ---- workers -------------------------------------------------------------------------------------

class _Descriptor:
    """Closed when nobody has it any more: who waits for it can be sure of its number."""

    def __init__(self, fd):
        self._fd = fd

    def fileno(self):
        return self._fd

    def __del__(self, close=os.close):
        fd, self._fd = self._fd, -1
        close(fd)


class Worker:
    """A process that serves one cell at most.

    `socket` is the supervisor's end of its channel.  `stderr` is a raw file or None, `process` the
    Popen object if the worker is a child of this process, `server` the Server if it is a child of
    that.  One that nobody has any more, as Control-C came when it had just been made, is ended by the
    thread that starts them.
    """

    place = None        # of a pool, by its key
    _gone = True        # until there is something to give back

    def __init__(self, pid, channel, stderr=None, process=None, server=None, pidfd=None):
        self.pid = pid
        self.socket = channel
        self.stderr = stderr
        self.status = None
        self.is_abandoned = False
        self._process = process
        self._server = server
        self._tail = collections.deque(maxlen=_STDERR_KEPT)
        # Of what is held of it: two threads may give it back at the same time.
        self._lock = threading.RLock()
        self._gone = False
        # The clock of all its threads together, by the kernel's numbering of clocks.
        self._clock = ~pid << 3 | 2
        pidfd = self._open_pidfd() if pidfd is None else pidfd
        self._pidfd = None if pidfd is None else _Descriptor(pidfd)
        if stderr is not None:
            os.set_blocking(stderr.fileno(), False)
        add_worker(self)

    def _open_pidfd(self):
        if not hasattr(os, "pidfd_open"):
            return None
        try:
            pidfd = os.pidfd_open(self.pid)
        except OSError:
            return None
        # Where others take exit statuses, the number may be another process's by now.
        if self._process is not None and self._read("stat") is not None:
            fields = self._read("stat").rpartition(b")")[2].split()
            if int(fields[1]) != os.getpid():
                os.close(pidfd)
                return None
        return pidfd

    def _read(self, name):
        try:
            with open(f"/proc/{self.pid}/{name}", "rb", buffering=0) as file:
                return file.read(8192)
        except OSError:
            return None

    # -- looked at from outside

    def cpu(self):
        """Seconds of processor time of all its threads so far; None if it is gone."""
        if self._gone:
            return None         # its number may be another's
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return None

    def peak(self):
        """The most memory that it had resident so far, in bytes; 0 if it is gone."""
        _, found, rest = (self._read("status") or b"").partition(b"VmHWM:")
        return int(rest.split()[0]) << 10 if found else 0

    def allow_cpu(self, seconds):
        """Have the kernel end it when it has used so many seconds in all: a net below the
        supervisor's own clock."""
        if resource is None or not hasattr(resource, "prlimit"):
            return
        try:
            _, hard = resource.prlimit(self.pid, resource.RLIMIT_CPU)
            resource.prlimit(self.pid, resource.RLIMIT_CPU, (int(seconds) + 1, hard))
        except (OSError, ValueError):
            pass    # it is gone, or may not be touched: the supervisor's clock is there

    def lower_memory(self, size):
        """Let it have so many bytes more than it has now, if that is less than it may have."""
        if resource is None or not hasattr(resource, "prlimit"):
            raise ValueError("the limit memory cannot be lowered: resource has no prlimit()")
        pages = int((self._read("statm") or b"0").split()[0])
        most = pages * resource.getpagesize() + size
        try:
            soft, hard = resource.prlimit(self.pid, resource.RLIMIT_AS)
            if soft == resource.RLIM_INFINITY or most < soft:
                resource.prlimit(self.pid, resource.RLIMIT_AS, (most, most))
        except ProcessLookupError:
            pass    # it is gone, and the next one to ask it for something is told

    def lend_memory(self, size):
        """Let it have SIZE bytes less than is its own; False if it uses them.  Only the kernel's
        soft limit changes, which the code cannot: what was lent comes back."""
        if self._gone or resource is None or not hasattr(resource, "prlimit"):
            return False
        pages = int((self._read("statm") or b"0").split()[0])
        try:
            _, hard = resource.prlimit(self.pid, resource.RLIMIT_AS)
            if hard == resource.RLIM_INFINITY:
                return True
            if size and pages * resource.getpagesize() > hard - size:
                return False
            resource.prlimit(self.pid, resource.RLIMIT_AS, (hard - size, hard))
        except ProcessLookupError:
            return False
        return True

    # -- signals

    def signal(self, number):
        """False if it is gone."""
        with self._lock:
            if self._gone:
                return False
            try:
                if self._pidfd is not None:
                    signal.pidfd_send_signal(self._pidfd.fileno(), number)
                elif self._process is not None:
                    self._process.send_signal(number)
                else:
                    return False
            except OSError:         # it is gone; or it is garbage, and its descriptor went first
                return False
            return True

    def kill(self):
        return self.signal(signal.SIGKILL)

    def wait(self, timeout=_LONGEST_DEATH):
        """Wait until it has ended; False if it has not.  Its status is kept if there is one to be
        had: others may have taken it."""
        pidfd = self._pidfd
        if self._gone:
            return True
        if pidfd is None:
            return self._wait_for_child(timeout)
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        if not poller.poll(timeout * 1000):
            return False
        with self._lock:
            if self._gone:
                return True
            if self._process is not None:
                try:
                    info = os.waitid(os.P_PIDFD, pidfd.fileno(), os.WEXITED | os.WNOHANG)
                except ChildProcessError:
                    info = None
                if info is not None:
                    exited = info.si_code == os.CLD_EXITED
                    self.status = info.si_status if exited else -info.si_status
                # It is not to be waited for again.
                self._process.returncode = 0 if self.status is None else self.status
            if self._server is not None:
                self.status = self._server.reap(self.pid)
            self._gone = True
        return True

    def _wait_for_child(self, timeout):
        if self._process is None:
            return True
        try:
            self.status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        self._gone = True
        return True

    # -- what it wrote to its standard error

    def drain(self):
        with self._lock:
            if self.stderr is None:
                return
            try:
                data = self.stderr.read(65536)
                while data:
                    self._tail.extend(data)
                    data = self.stderr.read(65536)
            except OSError:
                pass

    def tail(self):
        with self._lock:
            self.drain()
            return bytes(self._tail).decode("utf-8", "replace")

    # -- the end

    def close(self):
        """End it, wait for its end, and give back what it held.  Any number of threads may do so at
        the same time."""
        self.socket.close()
        self.kill()
        self.wait()
        self._give_back()

    def __del__(self):
        if not self._gone:
            _starter.requests.put((self.close, (), queue.SimpleQueue()))

    def abandon(self):
        """In a fork of its supervisor: close what this process has of it, and leave it alone."""
        self.is_abandoned = True
        # Whoever held it is no thread of this process.
        self._lock = threading.RLock()
        self.socket.close()
        self._give_back()

    def _give_back(self):
        with self._lock:
            self._gone = True
            if self.stderr is not None:
                self.drain()
                stderr, self.stderr = self.stderr, None
                stderr.close()
            self._pidfd = None
            if self._process is not None and self._process.returncode is None:
                self._process.returncode = 0


def crashed(worker, what, result=None):
    """The CellCrashed of a worker that has ended."""
    status = worker.status
    if status is None:
        how = ""
    elif status < 0:
        try:
            how = f" (killed by {signal.Signals(-status).name})"
        except ValueError:
            how = f" (killed by signal {-status})"
    else:
        how = f" (exit status {status})"
    return CellCrashed(what + how, status, worker.tail(), result)


def not_started(worker, what):
    """The CellCrashed of one that ran nothing yet but what is trusted: what it said last is why."""
    error = crashed(worker, what)
    last = error.stderr.strip().rpartition("\n")[2]
    return CellCrashed(f"{error}: {last}", error.status, error.stderr) if last else error


def start_ready(python, memory, kernel, preload=(), path=()):
    """A worker that is locked and ready for a tenant."""
    worker = start(python)
    worker.channel = Channel(worker.socket, 0)
    request = {"preload": list(preload), "path": list(path), "kernel": kernel, "memory": memory}
    worker.channel.put(kinds.START, 0, encode_parts(request, _ROOM, 200))
    return _when_ready(worker)


def _when_ready(worker):
    try:
        await_ready(worker)
    except BaseException:
        worker.close()
        raise
    return worker


def await_ready(worker):
    """Wait until it says so.  It has run no code that is not trusted."""
    channel = worker.channel
    until = time.monotonic() + LONGEST_START
    poller = select.poll()
    poller.register(channel, select.POLLIN)
    while True:
        frame = channel.next()
        if frame is not None:
            break
        left = until - time.monotonic()
        if channel.ended or left <= 0:
            # One that failed has something to say yet.
            if not channel.ended or not worker.wait(_LAST_WORDS):
                worker.kill()
                worker.wait()
            what = "the cell did not start"
            raise not_started(worker, what if channel.ended else f"{what} in {LONGEST_START} s")
        if poller.poll(left * 1000):
            channel.read()
    try:
        worker.kernel = read_ready(frame)
    except Malformed:
        raise CellCrashed("the cell is of another version") from None


def read_ready(frame):
    """The level of the kernel's ring in a worker's first frame.  Raises Malformed."""
    kind, run, payload = frame
    if kind != kinds.READY or run:
        raise Malformed("a first frame of another kind")
    ready = decode(payload)
    if type(ready) is not dict or type(ready.get("kernel")) is not int:
        raise Malformed("a first frame of another form")
    return ready["kernel"]


# ---- the fork server -----------------------------------------------------------------------------

class Server:
    """A process whose forks are workers: what they need is imported once.  See server.py.

    It runs no code that is not trusted, and ends with this process.
    """

    def __init__(self, python, preload=(), path=()):
        # A finalizer may close this in the middle of a question.
        self._lock = threading.RLock()
        self._is_lost = False
        self._process = start(python, "server")
        self._socket = self._process.socket
        try:
            self._socket.settimeout(LONGEST_START)
            self._send(kinds.START, {"preload": list(preload), "path": list(path)})
            self._receive(kinds.READY)
        except (OSError, EOFError):
            if not self._process.wait(_LAST_WORDS):
                self._process.kill()
                self._process.wait()
            error = not_started(self._process, "the fork server did not start")
            self.close()
            raise error from None
        except BaseException:
            self.close()
            raise

    @property
    def pid(self):
        return self._process.pid

    def _send(self, kind, value, fds=()):
        payload = encode(value, _ROOM, 200)
        data = kinds.HEADER.pack(len(payload), kinds.VERSION, kind, 0, 0) + payload
        if fds:
            # socket.send_fds() leaves the flags out.
            rights = socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds)
            sent = self._socket.sendmsg([data], [rights], kinds.NO_SIGNAL)
            data = data[sent:]
        self._socket.sendall(data, kinds.NO_SIGNAL)

    def _receive(self, kind):
        data, fds = b"", []
        need = kinds.HEADER.size
        try:
            while len(data) < need:
                more, rights, _, _ = socket.recv_fds(self._socket, need - len(data), 1)
                fds += rights
                if not more:
                    raise EOFError("the fork server is gone")
                data += more
                if len(data) == need == kinds.HEADER.size:
                    need += kinds.HEADER.unpack(data)[0]
            if kinds.HEADER.unpack_from(data)[1:3] != (kinds.VERSION, kind):
                raise EOFError("the fork server is of another version")
            return decode(data[kinds.HEADER.size:]), fds
        except BaseException:
            for fd in fds:
                os.close(fd)
            raise

    def _ask(self, kind, value, answer, fds=()):
        with self._lock:
            try:
                self._send(kind, value, fds)
                return self._receive(answer)
            except BaseException:
                # Who asks next must not get this answer.
                self._is_lost = True
                self._process.kill()
                raise

    def fork(self, memory, kernel):
        """A worker that is locked and ready for a tenant.  EOFError or OSError if the server is
        gone or can make none."""
        ours, theirs = _socket_pair()
        stderr, theirs_stderr = os.pipe()
        try:
            (pid, error), fds = self._ask(kinds.FORK, {"memory": memory, "kernel": kernel},
                                          kinds.FORKED, [theirs.fileno(), theirs_stderr])
            if not pid:
                raise OSError(error, f"no cell could be forked: {os.strerror(error)}")
        except BaseException:
            ours.close()
            os.close(stderr)
            raise
        finally:
            theirs.close()
            os.close(theirs_stderr)
        worker = Worker(pid, ours, open(stderr, "rb", buffering=0), server=self, pidfd=fds[0])
        worker.channel = Channel(ours, 0)
        return _when_ready(worker)

    def reap(self, pid):
        """The status of a fork that has ended; None if nobody knows it any more."""
        try:
            return self._ask(kinds.REAP, pid, kinds.REAPED)[0]
        except (OSError, EOFError):
            return None

    def is_gone(self):
        return self._process.wait(_LONGEST_DEATH if self._is_lost else 0)

    def close(self):
        """End it, and with it its forks."""
        self._process.kill()
        with self._lock:
            self._process.close()
