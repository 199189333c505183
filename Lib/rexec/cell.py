"""Cells: their start, the turns of their runs, and their end."""

import asyncio
import os
import signal
import threading
import weakref

from . import channel as kinds
from . import process
from .bastion import References
from .checks import (check_functions, check_kind, check_names, check_sink, check_timeout,
                     is_coroutine_function, make_dict)
from .dialogue import Dialogue
from .errors import CellClosed, CellCrashed, LimitExceeded
from .limits import Limits, check_kept
from .nest import Nest, Origin
from .run import Future, Here, OnLoop, Run, make_in_executor
from .values import Malformed, OverLimit, encode_parts
from .wait import Turn, Turns, Waiter, Waker

_ROOM = 1 << 46
# What the worker's own exit status says when it could not report.
_STATUS_LIMITS = {113: "memory"}


class Cell(Dialogue):
    """A padded cell: a process that runs code which is not trusted.

    State lasts from one run to the next.  One run at a time: another is a RuntimeError.
    """

    _Waiter, _Waker = Waiter, Waker
    _origin = None      # what its process was made with

    def __init__(self, *, limits=None, functions=None, open=None, stdout=None, stderr=None,
                 isolation="process", kernel="try", preload=(), path=(), python=None,
                 _worker=None):
        self.limits = Limits() if limits is None else limits
        if not isinstance(self.limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        check_kind(isolation, kernel)
        check_kept(self.limits)
        if isolation == "interpreter":
            from . import interpreter
            interpreter.check(self.limits, kernel, preload, path, python)
            _worker = interpreter.start_ready
        self._functions = check_functions(functions)
        self._sinks = (check_sink("stdout", stdout), check_sink("stderr", stderr))
        self._references = References()
        self._files = None
        if open is not None:
            from .files import Files
            self._files = Files(open, self.limits, OverLimit)
        self._turns = Turns()
        self._ending = threading.Lock()     # of the end, and of the first moment to interrupt
        self._why = None            # how the cell ended: None, "closed", or a limit's name
        self._run = None
        self._number = 0
        self._interrupt = False
        self._stopped = False
        self.kernel = 0
        self._worker = None
        if callable(_worker):
            _worker = _worker()
        elif _worker is None:
            self._origin = Origin(process.find_python(python), kernel,
                                  check_names("preload", preload), [os.fspath(p) for p in path])
            _worker = self._start_worker()
        self._worker = _worker
        self.kernel = _worker.kernel
        self._channel = _worker.channel
        self._channel.reader.value = self.limits.value
        self._nest = self._make_nest() if self.limits.can_nest else None
        self._guard()
        # Not before: what is not guarded yet ends when nobody has it, and this has the cell.
        self._services = {"function": self._call_function, "bastion": self._references.call}
        if self._files is not None:
            self._services["file"] = self._call_file
        self._bind()

    # -- the start

    def _guard(self):
        """Have what it is made of end with it."""
        self._finalizer = weakref.finalize(self, _discard, self._worker, self._nest, self._turns)

    def _start_worker(self):
        origin = self._origin
        return process.start_ready(origin.python, self.limits.memory, origin.kernel, origin.preload,
                                   origin.path)

    def _make_nest(self):
        return Nest(self.limits, self._origin, self._worker)

    def _bind(self):
        setup = {"functions": {name: is_coroutine_function(function)
                               for name, function in self._functions.items()},
                 "value": self.limits.value, "depth": self.limits.depth,
                 "threads": self.limits.threads,
                 "files": self._files.cwd if self._files else None,
                 "nest": None if self._nest is None else self._nest.describe(self.kernel)}
        self._channel.put(kinds.SETUP, 0, encode_parts(setup, _ROOM, 200))

    # -- what is public

    @classmethod
    async def create(cls, **options):
        """A cell, made without keeping the event loop from its work."""
        return await make_in_executor(lambda: cls(**options), cls.close)

    def run(self, code, *, inputs=None, stdin="", modules=None, timeout=None):
        """Run CODE and return its Result."""
        return self._perform(kinds.RUN, self._request(code, inputs, stdin, modules), timeout, Here())

    def call(self, name, /, *args, **kwargs):
        """Call a function that the cell's code defined; its value."""
        request = self._call_request(name, args, kwargs)
        return self._perform(kinds.INVOKE, request, None, Here()).value

    def start(self, code, *, inputs=None, stdin="", modules=None, timeout=None):
        """Begin to run CODE in a thread; a concurrent.futures.Future of its Result."""
        request = self._request(code, inputs, stdin, modules)
        future = Future(self)
        caller = Here()
        turn = Turn()

        def work():
            try:
                result = self._perform_taken(kinds.RUN, request, timeout, caller, turn)
            except BaseException as error:
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)
            else:
                if future.set_running_or_notify_cancel():
                    future.set_result(result)

        self._begin_thread(work, caller, turn)
        return future

    async def arun(self, code, *, inputs=None, stdin="", modules=None, timeout=None):
        """As run(), for asyncio: coroutine functions run on the loop."""
        request = self._request(code, inputs, stdin, modules)
        return await self._perform_async(kinds.RUN, request, timeout)

    async def acall(self, name, /, *args, **kwargs):
        """As call(), for asyncio."""
        request = self._call_request(name, args, kwargs)
        return (await self._perform_async(kinds.INVOKE, request, None)).value

    def interrupt(self):
        """Raise KeyboardInterrupt in the code that runs, if any does."""
        run = self._run
        if run is None:
            return
        with self._ending:
            started = run.started
            if not started:
                self._interrupt = True
        if started:
            self._worker.signal(signal.SIGINT)

    @property
    def modules(self):
        """The names of the modules that code in the cell can import."""
        names = self._perform(kinds.LIST, {}, None, Here()).value
        if type(names) is not list or not all(type(name) is str for name in names):
            raise self._broke_rules("names that are none")
        return frozenset(names)

    @property
    def closed(self):
        return self._why is not None

    def close(self):
        """End the cell, whatever it does."""
        if self._worker.is_abandoned:
            self._why = self._why or "closed"
            return
        self._end("closed")
        # A run that is on finds the channel closed, and cleans up.
        turn = Turn()
        try:
            if self._turns.take(turn):
                self._clean_up()
        finally:
            turn.is_over = True

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc_info):
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def __repr__(self):
        state = "closed" if self.closed else "busy" if self._turns.is_taken else "idle"
        return f"<rexec.Cell, {state}>"

    # -- requests

    def _request(self, code, inputs, stdin, modules):
        if not isinstance(code, str):
            raise TypeError(f"code must be a str, the source, not {type(code).__name__}")
        if not callable(stdin) and not isinstance(stdin, str):
            raise TypeError(f"stdin must be a str or a callable, not {type(stdin).__name__}")
        inputs = make_dict("inputs", inputs)
        check_names("inputs", inputs)
        modules = make_dict("modules", modules)
        for name, source in modules.items():
            if not isinstance(name, str) or not isinstance(source, str):
                raise TypeError("modules must be names and sources, both str")
            check_names("modules", name.split("."))
        return {"code": str(code), "inputs": self._encode(inputs), "stdin": stdin if callable(stdin) else str(stdin),
                "modules": modules, "output": self.limits.output}

    def _call_request(self, name, args, kwargs):
        if not isinstance(name, str):
            raise TypeError(f"the name of a function must be a str, not {type(name).__name__}")
        return {"name": str(name), "arguments": self._encode((args, kwargs)),
                "output": self.limits.output}

    def _encode(self, value):
        """VALUE for the cell.  What is beyond the limits ends it, as everywhere."""
        try:
            return encode_parts(value, self.limits.value, self.limits.depth, self._refer)
        except OverLimit as over:
            raise self._exceed(over.limit) from None

    # -- one run

    def _take(self, turn):
        if self._worker.is_abandoned and self._why is None:
            self._why = "closed"        # this process is a fork of the supervisor
        if self._why is not None:
            raise self._closed()
        if not self._turns.take(turn):
            raise RuntimeError("cell is busy")
        if self._why is not None:
            raise self._closed()

    def _perform(self, kind, request, timeout, caller):
        turn = Turn()
        try:
            self._take(turn)
            return self._perform_taken(kind, request, timeout, caller, turn)
        finally:
            turn.is_over = True

    async def _perform_async(self, kind, request, timeout):
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        turn = Turn()
        caller = OnLoop(loop, self._Waker(self))

        def tell(set_it, value):
            if not done.done():
                set_it(value)

        def work():
            try:
                result = self._perform_taken(kind, request, timeout, caller, turn)
            except BaseException as error:
                answer = (done.set_exception, error)
            else:
                answer = (done.set_result, result)
            try:
                loop.call_soon_threadsafe(tell, *answer)
            except RuntimeError:
                pass    # the loop is closed

        self._begin_thread(work, caller, turn)
        try:
            return await done
        except asyncio.CancelledError:
            self._end("closed")
            raise

    def _begin_thread(self, work, caller, turn):
        """Have a thread do WORK, a run of this cell, in this turn."""
        jobs = [work]       # whoever pops it gives back what was taken

        def begin():
            try:
                work = jobs.pop()
            except IndexError:
                return
            work()

        try:
            self._take(turn)
            threading.Thread(target=begin, name="rexec-run", daemon=True).start()
        except BaseException:
            try:
                jobs.pop()
            except IndexError:      # Control-C came when it had begun, and nobody will have its result
                self._end("closed")
            else:
                try:
                    caller.finish()
                finally:
                    turn.is_over = True
            raise

    def _perform_taken(self, kind, request, timeout, caller, turn):
        """A run; the cell is busy with it, and this is the end of the turn."""
        try:
            check_timeout(timeout)
            if self._number and self._has_spoken():
                # An answer to a question that it has not heard yet.
                raise self._broke_rules("a frame between runs")
            self._number = self._number % 0xFFFFFFFF + 1
            run = Run(self, self._number, timeout, caller)
            self._interrupt = False
            self._run = run
            read = request.get("stdin")
            if callable(read):
                self._services["input"] = lambda operation, args, kwargs: read()
                request["stdin"] = None
            request = encode_parts(request, _ROOM, 200)
            try:
                self._channel.put(kind, run.number, request)
                # Not before: what it says from now on it says after it was asked.
                self._wake_worker()
                return self._follow(run)
            except Malformed as error:
                raise self._broke_rules(error, run) from None
            except BaseException as error:
                if error is not run.error:
                    # Of a function, a stream, the keyboard or the end of the cell: the run cannot
                    # be picked up again.
                    self._end("closed")
                    self._clean_up()
                if isinstance(error, RecursionError):
                    raise RecursionError("the supervisor is too deep in calls of its own to go on"
                                         " with a run: the cell was closed") from error
                raise
        finally:
            try:
                self._run = None
                if "input" in self._services:
                    self._services["input"] = _no_input
                caller.finish()
            finally:
                turn.is_over = True

    # -- between runs

    def _rest(self):
        """Between runs the cell stands still: nobody counts what it uses then."""
        self._stopped = self._worker.signal(signal.SIGSTOP)
        if self._nest is not None:
            self._nest.rest()

    def _has_spoken(self):
        """Did the cell, which stands still, send anything since its last run?"""
        channel = self._channel
        channel.read()
        return channel.reader.size > 0

    def _wake_worker(self):
        if self._stopped:
            self._stopped = False
            self._worker.signal(signal.SIGCONT)
            if self._nest is not None:
                self._nest.wake()

    # -- the end

    def _end(self, why):
        """End the cell for this reason, if it has not ended for another."""
        with self._ending:
            if self._why is None:
                self._why = why
                run = self._run
                if run is not None:
                    run.look()
                self._worker.kill()
                if self._nest is not None:
                    self._nest.kill()

    def _clean_up(self):
        """Give back what an ended cell held."""
        self._worker.close()
        if self._nest is not None:
            self._nest.close()
        self._release()

    def _release(self):
        """Let go of what the supervisor lent the cell."""
        self._references.clear()
        if self._files is not None:
            self._files.close()

    def _finish(self, run, limit):
        """Clean up after a cell that ended in a run; the exception to raise.  LIMIT is the limit
        that was exceeded; None if it ended for another reason, which is found here."""
        if limit is not None:
            self._end(limit)
        elif self._why is None:
            # It went by itself.  Only its status tells why.
            self._worker.wait(1)
            limit = _STATUS_LIMITS.get(self._worker.status)
            self._end(limit or "crashed")
        why = self._why
        self._clean_up()
        result = run.result()
        if why == "closed":
            return CellClosed("the cell was closed", result)
        if why == "crashed":
            return process.crashed(self._worker, "the cell ended by itself", result)
        return _exceeded(why, self.limits, result)

    def _broke_rules(self, how, run=None):
        """End a cell that did what no cell does by itself; the exception to raise."""
        self._end("crashed")
        result = None if run is None else run.result()
        self._clean_up()
        return CellCrashed(f"the cell broke the rules of its channel: {how}", self._worker.status,
                           self._worker.tail(), result)

    def _exceed(self, limit):
        """As _finish(), where there is no run."""
        turn = Turn()
        try:
            if self._turns.take(turn):
                self._end(limit)
                self._clean_up()
        finally:
            turn.is_over = True
        return _exceeded(limit, self.limits, None)

    def _closed(self):
        return CellClosed("the cell was closed" if self._why == "closed" else
                          f"the cell is gone since an earlier run ({self._why})")


def _exceeded(limit, limits, result):
    most = getattr(limits, limit, None)
    unit = " s" if limit in ("cpu", "wall") else " bytes" if limit in ("memory", "value") else ""
    text = f"the limit {limit} was exceeded" + (f" ({most}{unit})" if most is not None else "")
    return LimitExceeded(limit, text, result)


def _no_input(operation, args, kwargs):
    raise ValueError("this stdin was of an earlier run")


def _discard(worker, nest, turns):
    """A cell that nobody has any more.  At the exit of the interpreter a run may be on: that cleans
    up after itself, if there is time."""
    worker.kill()
    if nest is not None:
        nest.kill()
    if turns.take(Turn()):
        worker.close()
        if nest is not None:
            nest.close()
