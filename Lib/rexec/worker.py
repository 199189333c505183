"""The cell's half: it prepares, locks, and then runs what the supervisor sends.

Nothing in here guards the supervisor, which trusts no word of a cell: code in the cell may reach
and change all of this.  It is frozen in the binary, and imports only what is built in before it
is ready.
"""

import _thread
import sys

import _rexec
from rexec import guest
from rexec.channel import (CALL, CANCEL, INVOKE, LIMIT, LIST, READY, REPLY, RESULT, RUN, SETUP, START,
                           STARTED)
from rexec.values import OverLimit, decode, encode, encode_parts

# Exit statuses of a worker that cannot report any more.
NO_MEMORY = 113
# Kept back for the report: a mebibyte, and what the allocator takes at a time.
KEPT_BACK = 2 << 20
# Of memory that nobody uses, so much stays with the process at most.
MOST_SPARE = 8 << 20
_UNLIMITED = 1 << 46
_most_memory = None     # the hard limit of the address space

# Called with the setup, once, after the lock and before the first run: each gives code something
# that was allowed to it.
INSTALLERS = []


class _Call:
    """A call that waits for its reply."""

    def __init__(self, number):
        self.number = number
        self.done = False
        self.reply = None
        self.lock = _thread.allocate_lock()     # held while its thread has to wait
        self.lock.acquire()
        self.told = None                        # for a call of a loop: what to do with the reply

    def finish(self, reply):
        self.reply = reply
        self.done = True
        if self.told is not None:
            self.told(self)
        else:
            self.wake()

    def wake(self):
        """Have its thread look again; False if it is to look already."""
        try:
            self.lock.release()
        except RuntimeError:
            return False
        return True


class Worker:
    """The state of the cell."""

    def __init__(self, channel):
        self.channel = channel
        self.main = None            # the thread that runs what comes through the channel
        self.run = 0
        self.value = self.depth = 0
        self.setup = {}
        self.calls = {}             # those that wait, by number
        self.numbers = 0
        self.open = False           # calls can be made
        # Code's finalisers run in the middle of what is here, and may make calls.
        self.guard = _thread.RLock()
        self.reading = _thread.RLock()
        self.files = None           # what serves open(), where that is allowed
        self.most_threads = None    # whatever a tenant says
        self.running = False        # KeyboardInterrupt is for the code
        self.asking = 0             # the main thread waits for a reply
        self.interrupted = False
        self.in_thread = False      # of an interpreter: no signal comes there

    # -- frames

    def send(self, kind, value, last=False):
        self.channel.send(kind, encode_parts(value, _UNLIMITED, 200), last)

    def receive(self):
        """The next frame that is no reply: (kind, run, value)."""
        while True:
            kind, run, payload = self.channel.receive()
            value = decode(payload, _UNLIMITED, 200, views=True)
            if kind != REPLY:
                return kind, run, value
            self.take_reply(value)

    def take_reply(self, value):
        call = self.calls.pop(value[0], None)
        if call is not None:
            call.finish(value[1:])

    def read_reply(self):
        """One frame, which is a reply, as a run is on."""
        _, _, payload = self.channel.receive()
        self.take_reply(decode(payload, _UNLIMITED, 200, views=True))

    def stop(self, limit):
        """A limit was met that this half keeps: nothing goes on after it."""
        self.running = False
        self.send(LIMIT, limit)
        # The supervisor ends the process when it reads this.
        lock = _thread.allocate_lock()
        lock.acquire()
        while True:
            lock.acquire()

    # -- calls of the supervisor

    def begin_call(self, what, operation, args, kwargs, told=None):
        try:
            data = encode_parts((tuple(args), kwargs), self.value, self.depth, guest.refer)
        except OverLimit as over:
            self.stop(over.limit)
        with self.guard:
            if not self.open:
                raise RuntimeError(f"{operation}: no run is on")
            number = self.numbers + 1
            self.numbers = number
            call = _Call(number)
            call.told = told
            self.calls[call.number] = call
        own = told is not None or _thread.get_ident() == self.main
        self.send(CALL, (call.number, own, what, operation, data))
        return call

    def end_call(self, call):
        ok, reply = call.reply
        if ok:
            return decode(reply, _UNLIMITED, 200, guest.resolve)
        raise guest.make_exception(*reply)

    def ask(self, what, operation, args=(), kwargs={}):
        """Call the supervisor, and wait."""
        own = _thread.get_ident() == self.main
        asking = self.asking
        try:
            if own:
                # An interrupt waits for the reply: the supervisor's function cannot be stopped.
                self.asking = asking + 1
                self.settle_interrupts()
            call = self.begin_call(what, operation, args, kwargs)
            self.wait(call)
        finally:
            if own:
                self.asking = asking
                self.settle_interrupts()
        if own and self.interrupted and not self.asking:
            self.interrupted = False
            raise KeyboardInterrupt
        return self.end_call(call)

    def wait(self, call):
        """Whoever waits and finds nobody reading reads for all."""
        while not call.done:
            if self.reading.acquire(False):
                try:
                    while not call.done:
                        self.read_reply()
                finally:
                    self.reading.release()
                    self.pass_on()
            else:
                call.lock.acquire()

    def pass_on(self):
        """Nobody reads any more: wake one who waits."""
        for call in list(self.calls.values()):
            if call.told is None and call.wake():
                break

    def cancel(self, call):
        self.send(CANCEL, call.number)

    # -- runs

    def on_interrupt(self, number, frame):
        if not self.running:
            return
        if self.asking:
            self.interrupted = True
        else:
            raise KeyboardInterrupt

    def settle_interrupts(self):
        """What on_interrupt() does, where it is no signal that interrupts."""
        if self.in_thread:
            fate = 2 if self.asking else 1
            if self.channel.interrupts(fate if self.running else 0) and self.running:
                self.interrupted = True

    def stop_interrupts(self):
        """The code has ended: an interrupt is for nobody."""
        while True:
            try:
                self.running = False
                self.settle_interrupts()
                return
            except KeyboardInterrupt:       # raised before it settled
                pass

    def bind(self, setup):
        """Become the cell of one tenant."""
        self.setup = setup
        self.value = setup["value"]
        self.depth = setup["depth"]
        threads = [most for most in (setup["threads"], self.most_threads) if most is not None]
        if threads:
            self.channel.limit_threads(min(threads), lambda: self.stop("threads"))
        guest.begin(self)
        if setup["files"] is not None:
            from rexec.guestfiles import GuestFiles
            self.files = GuestFiles(lambda operation, *args: self.ask("file", operation, args),
                                    setup["files"], self.is_asking)
            self.files.install()
        for install in INSTALLERS:
            install(setup)

    def is_asking(self):
        return self.asking and _thread.get_ident() == self.main

    def perform(self, kind, request):
        """One run, from its request to its result."""
        try:
            try:
                self.open = True
                self.running = True
                self.settle_interrupts()
                self.send(STARTED, None)
                value = guest.perform(self, kind == INVOKE, request)
                text = guest.show(value) if kind == RUN else ""
                report = self.report_value(value, text)
                del value               # its finaliser is the code's
                self.stop_interrupts()
            except BaseException as error:
                self.stop_interrupts()
                report = self.report_error(error)
        except KeyboardInterrupt as error:
            # It came between the end of the code and this.
            self.stop_interrupts()
            report = self.report_error(error)
        self.finish(report)

    def rehearse(self):
        """A run of nothing, of which nobody is told.  A page that a fork has in common with others
        is copied when it is written first: this is done before somebody waits."""
        self.value, self.depth = _UNLIMITED, 200
        request = {"code": "0", "inputs": encode({}), "stdin": "", "modules": {}, "output": 0}
        value = guest.perform(self, False, decode(encode(request), views=True))
        encode_parts(self.report_value(value, guest.show(value)))
        guest.forget()

    def finish(self, report):
        if self.files is not None:
            self.files.catch_up()
        with self.guard:
            self.open = False
        # Other threads may wait for calls yet: the supervisor answers them before a result counts.
        while self.calls:
            with self.reading:
                if self.calls:
                    self.read_reply()
        self.interrupted = False
        self.send(RESULT, report, True)
        if report[0] == "error":
            del report
            self.channel.keep_back(KEPT_BACK)

    def report_value(self, value, text):
        try:
            data = encode_parts(value, self.value, self.depth, guest.refer)
        except (TypeError, ValueError) as error:
            return ("value", None, str(error), text)
        except OverLimit as over:
            self.stop(over.limit)
        return ("value", data, None, text)

    def report_error(self, error):
        self.channel.keep_back(0)
        try:
            report = ("error", guest.describe(error))
            del error
            return report
        except MemoryError:
            self.channel.leave(NO_MEMORY)

    def serve(self):
        """Take work for ever; the channel's thread ends the process with the channel."""
        while True:
            kind, run, value = self.receive()
            if kind == SETUP:
                self.bind(value)
            elif kind in (RUN, INVOKE):
                output = value["output"]
                self.run = run
                self.channel.begin(run, -1 if output is None else output)
                self.perform(kind, value)
            elif kind == LIST:
                self.channel.begin(run, 0)
                self.send(RESULT, ("value", encode(guest.list_modules()), None, ""), True)


# ---- the start -----------------------------------------------------------------------------------

def prepare(start):
    """Import what was asked for, from where it was said to be.  All of this is trusted."""
    import _signal
    import lockdownlib
    import resource
    global _most_memory
    # The fork server is locked by the time when its forks want to know.
    _, _most_memory = resource.getrlimit(resource.RLIMIT_AS)
    if start["preload"]:
        import site
        site.main()
        sys.path[:0] = start["path"]
        for name in start["preload"]:
            __import__(name)


def limit(memory):
    """Set the process's own limits: it is trusted until the lock."""
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if memory is not None:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            pages = int(file.read(100).split()[0])
        most = pages * resource.getpagesize() + memory
        if _most_memory != resource.RLIM_INFINITY:
            most = min(most, _most_memory)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def become(fd, start, parent=0):
    """Lock, say so, and serve as a cell on the socket FD; never returns.  PARENT is the pid of the
    process that this one ends with, if it may have ended by now."""
    import _signal
    import lockdownlib
    channel = _rexec.Channel(fd, True, parent)
    worker = Worker(channel)
    worker.most_threads = start.get("threads")
    guest.prepare(worker)
    # The thread that started it may have blocked or ignored these, which a process inherits.
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    _signal.signal(_signal.SIGXCPU, _signal.SIG_DFL)
    _signal.signal(_signal.SIGINT, worker.on_interrupt)
    channel.keep_back(KEPT_BACK)
    limit(start["memory"])
    lockdownlib.lockdown(keep=(), kernel=start["kernel"])
    # Not before: the lock gives threads other numbers.
    worker.main = _thread.get_ident()
    memory = start["memory"]
    channel.watch(MOST_SPARE if memory is None else min(memory // 32, MOST_SPARE))
    guest.take_streams()
    if parent:
        worker.rehearse()
    worker.send(READY, {"kernel": lockdownlib._kernel_level()})
    try:
        worker.serve()
    except EOFError:
        channel.leave(0)
    except MemoryError:
        channel.leave(NO_MEMORY)


def main(fd):
    """What a worker that was started as a process runs."""
    import _socket
    channel = _socket.socket(fileno=fd)
    header = _receive(channel, 12)
    size = int.from_bytes(header[:4], "little")
    if header[5] != START:
        raise ValueError("the first frame is none of START")
    start = decode(_receive(channel, size), _UNLIMITED, 200)
    channel.detach()
    prepare(start)
    become(fd, start)


def main_in_thread(fd):
    """What the interpreter of an interpreter cell runs; the process is its supervisor's."""
    import lockdownlib
    channel = _rexec.Channel(fd, False)
    worker = Worker(channel)
    guest.prepare(worker)
    lockdownlib.lockdown(keep=())
    worker.main = _thread.get_ident()
    worker.in_thread = True
    # Nor interpreters: what runs there could not be ended.
    worker.most_threads = 0
    channel.watch()
    guest.take_streams()
    worker.send(READY, {"kernel": 0})
    worker.serve()


def _receive(channel, size):
    data = b""
    while len(data) < size:
        more = channel.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data
