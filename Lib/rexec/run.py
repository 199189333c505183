"""One run of a cell: its result, its streams, its clocks, and how its calls are made."""

import asyncio
import codecs
import collections
import concurrent.futures
import contextvars
import dataclasses
import inspect
import os
import time

from .channel import CALLS_OPEN
from .monitor import monitor
from .values import Malformed, OverLimit

# The shortest sleep between two looks at a clock.
_TICK = 0.002
# How often the memory of a cell is looked at, which may end before it can be asked.
_LOOK = 0.1
_PROCESSORS = os.cpu_count() or 1
_CANCELLED = "the call was cancelled"

# The cell that waits for the function that runs here.
calling = contextvars.ContextVar("rexec.calling", default=None)


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a run used: seconds of processor and of wall time (waits for the supervisor left out),
    bytes of memory at most so far, calls of the supervisor, bytes of output."""

    cpu: float = 0.0
    wall: float = 0.0
    memory: int = 0
    calls: int = 0
    output: int = 0


class Result:
    """What became of a run: `text`, `stdout`, `stderr`, `usage`, and `value`, which raises TypeError
    if it could not cross."""

    def __init__(self, value=None, why=None, text="", stdout="", stderr="", usage=Usage()):
        self._value = value
        self._why = why
        self.text = text
        self.stdout = stdout
        self.stderr = stderr
        self.usage = usage

    @property
    def value(self):
        if self._why is not None:
            raise TypeError(self._why)
        return self._value

    def __repr__(self):
        return f"<rexec.Result {self.text!r}>" if self.text else "<rexec.Result>"


class Stream:
    """One of a run's two streams: bytes from the cell become text here."""

    def __init__(self, sink):
        self.pieces = []
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        write = getattr(sink, "write", sink)
        self._write = write if callable(write) else None

    def put(self, data, last=False):
        self.add(self._decoder.decode(data, last))

    def add(self, text):
        if text:
            self.pieces.append(text)
            if len(self.pieces) > 4096:
                self.pieces = ["".join(self.pieces)]
            if self._write is not None:
                self._write(text)


class Run:
    """The state of one run."""

    def __init__(self, cell, number, timeout, caller):
        limits = cell.limits
        self.cell = cell
        self.worker = cell._worker
        self.number = number
        self.caller = caller
        self.streams = {1: Stream(cell._sinks[0]), 2: Stream(cell._sinks[1])}
        self.output = 0
        self.output_inside = 0      # of cells inside
        self.calls = 0
        self.open = {}              # calls that were not answered: number to whether own
        self.started = False
        self.error = None           # what the code raised
        self.begin = time.monotonic()
        self.until = None if timeout is None else self.begin + timeout
        self.wall = limits.wall
        self.paused = 0.0
        self.paused_at = None
        self.cpu = limits.cpu
        own = self.worker.cpu() or 0.0
        self.cpu_begin = self.cpu_used() or 0.0
        self.cpu_end = self.cpu_begin
        self.memory = 0
        self.looked = self.begin
        if self.cpu is not None:
            self.worker.allow_cpu(own + self.cpu + 1)

    def cpu_used(self):
        """Seconds of processor of the cell, and of those inside it; None if it is gone."""
        used = self.worker.cpu()
        nest = self.cell._nest
        return used if used is None or nest is None else used + nest.cpu()

    def check(self):
        """(the limit that was exceeded or None, seconds until it is worth looking again)."""
        now = time.monotonic()
        if now - self.looked > _LOOK:
            self.look()
        waits = [3600.0]
        if self.until is not None:
            if now >= self.until:
                return "timeout", 0
            waits.append(self.until - now)
        paused_at = self.paused_at
        if self.wall is not None and paused_at is None:
            left = self.wall - (now - self.begin - self.paused)
            if left <= 0:
                return "wall", 0
            waits.append(left)
        if self.cpu is not None:
            used = self.cpu_used()
            if used is not None:
                self.cpu_end = used
                left = self.cpu - (used - self.cpu_begin)
                if left <= 0:
                    return "cpu", 0
                # No sooner can all processors together have used it up.
                waits.append(max(left / _PROCESSORS, _TICK))
        return None, min(waits)

    def pause(self):
        if self.paused_at is None and any(self.open.values()):
            self.paused_at = time.monotonic()

    def go_on(self):
        if self.paused_at is not None and not any(self.open.values()):
            self.paused += time.monotonic() - self.paused_at
            self.paused_at = None

    def look(self):
        """Note what the kernel says of it while it is there."""
        used = self.cpu_used()
        if used is not None:
            self.cpu_end = used
        self.memory = max(self.memory, self.worker.peak())
        self.looked = time.monotonic()

    def usage(self):
        now = time.monotonic() if self.paused_at is None else self.paused_at
        return Usage(self.cpu_end - self.cpu_begin, now - self.begin - self.paused, self.memory,
                     self.calls, self.output + self.output_inside)

    def result(self, value=None, why=None, text=""):
        for stream in self.streams.values():
            stream.put(b"", True)
        stdout, stderr = ("".join(stream.pieces) for stream in self.streams.values())
        return Result(value, why, text, stdout, stderr, self.usage())


class Here:
    """Calls the supervisor's functions in the thread that runs."""

    waker = None

    def call(self, run, number, service, operation, args, kwargs):
        monitor.watch(run)
        token = calling.set(run.cell)
        try:
            value = service(operation, args, kwargs)
            if inspect.iscoroutine(value):
                value = _run_coroutine(value)
            answer = (True, value)
        except OverLimit as over:
            raise run.cell._finish(run, over.limit) from None
        except Malformed:
            raise
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            answer = (False, error)
        finally:
            calling.reset(token)
            monitor.leave(run)
        run.cell._reply(run, number, *answer)

    def cancel(self, run, number):
        pass

    def finish(self):
        pass


def _run_coroutine(coroutine):
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    coroutine.close()
    raise RuntimeError("a coroutine function, called where an event loop runs, wants arun() or acall()")


def _attempt(service, operation, args, kwargs):
    """(did it work, its value or error), where no future can hold the error."""
    try:
        return True, service(operation, args, kwargs)
    except StopIteration as error:
        return False, error


class OnLoop:
    """Calls coroutine functions on an event loop, others in its executor; the run goes on."""

    def __init__(self, loop, waker):
        self.loop = loop
        self.answers = collections.deque()
        self.futures = {}
        self.waiting = {}           # calls that did not begin: as many are on as may be
        self.failed = None
        self.waker = waker

    def call(self, run, number, *request):
        if len(self.futures) < CALLS_OPEN:
            self._begin(run, number, *request)
        else:
            self.waiting[number] = request

    def _begin(self, run, number, service, operation, args, kwargs):
        async def answer():
            calling.set(run.cell)       # in the context of this task
            if run.cell._is_coroutine_service(service, operation):
                return True, await service(operation, args, kwargs)
            ok, value = await self.loop.run_in_executor(
                None, contextvars.copy_context().run, _attempt, service, operation, args, kwargs)
            return ok, await value if inspect.iscoroutine(value) else value

        future = asyncio.run_coroutine_threadsafe(answer(), self.loop)
        self.futures[number] = future
        future.add_done_callback(lambda future: self._done(number, future))

    def _done(self, number, future):
        self.answers.append((number, future))
        self.waker.wake()

    def answer(self, run):
        """Send the answers that there are."""
        while self.answers:
            number, future = self.answers.popleft()
            self.futures.pop(number, None)
            if self.waiting:
                following = next(iter(self.waiting))
                self._begin(run, following, *self.waiting.pop(following))
            if future.cancelled():
                run.cell._reply(run, number, False, RuntimeError(_CANCELLED))
                continue
            error = future.exception()
            if error is None:
                run.cell._reply(run, number, *future.result())
            elif isinstance(error, OverLimit):
                raise run.cell._finish(run, error.limit)
            elif isinstance(error, (Malformed, KeyboardInterrupt, SystemExit)):
                raise error
            else:
                run.cell._reply(run, number, False, error)

    def cancel(self, run, number):
        if self.waiting.pop(number, None) is not None:
            run.cell._reply(run, number, False, RuntimeError(_CANCELLED))
        elif number in self.futures:
            self.futures[number].cancel()

    def finish(self):
        for future in list(self.futures.values()):
            future.cancel()
        self.waker.close()


async def make_in_executor(make, end):
    """What MAKE returns, which takes a while; END it when it has come too late."""
    future = asyncio.get_running_loop().run_in_executor(None, make)

    def end_it(future):
        if not future.cancelled() and future.exception() is None:
            end(future.result())

    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        future.add_done_callback(end_it)
        raise


class Future(concurrent.futures.Future):
    """The future of a run; cancelling it ends the cell."""

    def __init__(self, cell):
        super().__init__()
        self._cell = cell

    def running(self):
        return not self.done()

    def cancel(self):
        if not super().cancel():
            return False
        self._cell.close()
        return True
