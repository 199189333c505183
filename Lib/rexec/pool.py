"""Pools: cells for many tenants, from workers that are started ahead.

Each cell of a pool is a worker that no other code has touched, and ends with its tenant.
"""

import asyncio
import collections
import dataclasses
import os
import threading
import weakref
from queue import Full, SimpleQueue

from . import interpreter, process
from .checks import check_functions, check_kind, check_names, check_sink
from .errors import CellClosed, Error
from .limits import Limits, check_kept
from .nest import Origin
from .places import Place, PoolCell, PoolFuture, Session, Ticket
from .run import calling, make_in_executor

_PROCESSORS = os.cpu_count() or 1
# A function that a cell waits for may submit code that calls it again, and so on.
_DEEPEST = 16
# What a pool is asked for with each cell, beside its limits.
_OF_CELLS = ("functions", "open", "stdout", "stderr")


@dataclasses.dataclass(frozen=True)
class Metrics:
    """A look at a pool.

    `started` workers so far, `idle` ones that wait for a tenant, `busy` cells, `waiting` requests;
    `killed` cells that did not come to their own end, and `why`: how many for which reason, a
    limit's name, "crashed" or "cancelled".
    """

    started: int
    idle: int
    busy: int
    waiting: int
    killed: int
    why: dict


class CellPool:
    """Cells for many tenants, at most SIZE at a time, from workers that are started ahead.

    `queue` is how many requests may wait for a place before submit() blocks; None: any number.
    `limits` are the most that a cell may be given.
    """

    def __init__(self, size=None, *, queue=None, limits=None, isolation="process", kernel="try",
                 preload=(), path=(), python=None):
        size = _PROCESSORS if size is None else size
        for name, number, least in (("size", size, 1), ("queue", queue, 0)):
            if number is None and name == "queue":
                continue
            if isinstance(number, bool) or not isinstance(number, int):
                raise TypeError(f"{name} must be an int, not {type(number).__name__}")
            if number < least:
                raise ValueError(f"{name} must be at least {least}, not {number}")
        self.limits = Limits() if limits is None else limits
        if not isinstance(self.limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        check_kind(isolation, kernel)
        check_kept(self.limits)
        self.size = size
        self.queue = queue
        self.isolation = isolation
        if isolation == "interpreter":
            interpreter.check(self.limits, kernel, preload, path, python)
            self._origin = None
        else:
            self._origin = Origin(process.find_python(python), kernel,
                                  check_names("preload", preload),
                                  [os.fspath(folder) for folder in path])
        self._pid = os.getpid()
        # Finalizers come in the middle of anything, and only put jobs into the queue.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._jobs = SimpleQueue()      # of the keepers
        self._work = SimpleQueue()      # of the runners
        self._waiting = collections.deque()
        self._inner = {}                # of these, who may get an extra place, by the cells that wait
        # What is counted is in sets, by keys, so that each step can be taken twice: Control-C may
        # come between any two.
        self._own = set()               # places of the pool's own that somebody has
        self._extra = {}                # cells that wait in a function to the place they got for it
        self._had = {}                  # what cells are made of, worker and nest, by their places
        self._ready = collections.deque()
        self._starting = 0
        self._takers = set()            # places that wait for a worker
        self._failures = collections.deque()
        self._runs = set()              # submitted runs that have places
        self._runners = 0
        self._started = 0
        self._why = collections.Counter()
        self._is_shut = False
        self._is_over = False
        self._server_lock = threading.Lock()
        self._servers = [self._make_server()] if isolation == "process" else []
        self._threads = [threading.Thread(target=_keep, args=(weakref.ref(self), self._jobs),
                                          daemon=True, name="rexec-keeper")
                         for _ in range(min(size, _PROCESSORS))]
        for thread in self._threads:
            thread.start()
        # A pool that nobody has any more leaves nothing behind.
        self._finalizer = weakref.finalize(self, _leave, self._jobs, self._work, self._ready,
                                           self._servers, self._pid)
        with self._lock:
            self._fill()

    # -- what is public

    @classmethod
    async def create(cls, size=None, **options):
        """A pool, made without keeping the event loop from its work."""
        return await make_in_executor(lambda: cls(size, **options),
                                      lambda pool: pool.shutdown(wait=False))

    def submit(self, code, *, inputs=None, stdin="", modules=None, timeout=None, block=True,
               **options):
        """Run CODE in a cell of its own; a concurrent.futures.Future of its Result.

        OPTIONS are functions, open, stdout, stderr and limits, which can only be lower than the
        pool's.  If too many wait it blocks, or raises queue.Full if BLOCK is false.
        """
        options = self._check(options)
        if not isinstance(code, str):
            raise TypeError(f"code must be a str, the source, not {type(code).__name__}")
        request = {"inputs": inputs, "stdin": stdin, "modules": modules, "timeout": timeout}
        future = PoolFuture()
        future._pool = self
        caller = self._caller()
        turn = [True]       # whoever pops it runs the code

        def grant(place):
            future._has_place = True
            self._run_soon(future, (turn, place, code, request, options))

        ticket = Ticket(grant, caller, False)
        try:
            with self._lock:
                # Who is called by a cell that waits must not wait for it.
                while (caller is None and len(self._own) >= self.size and self.queue is not None
                       and not self._is_shut
                       and sum(not t.is_session for t in self._waiting) >= self.queue):
                    if not block:
                        raise Full
                    self._changed.wait()
                self._ask(ticket, future)
        except BaseException:
            self._give_up(ticket)
            raise
        return future

    def map(self, code, inputs_list, **options):
        """Run CODE with each of these inputs, each in a cell of its own; an iterator of Results in
        their order.  No more than the pool holds are begun ahead of it."""
        inputs_list = iter(inputs_list)
        futures = collections.deque()
        ahead = 2 * self.size

        def begin():
            for inputs in inputs_list:
                futures.append(self.submit(code, inputs=inputs, **options))
                return

        def results():
            try:
                for _ in range(ahead):
                    begin()
                # From its first step on the end of this, whenever that is, cancels what was begun.
                yield
                while futures:
                    result = futures.popleft()
                    try:
                        result = result.result()
                    except BaseException:
                        result.cancel()
                        raise
                    begin()
                    yield result
            finally:
                for future in futures:
                    future.cancel()

        iterator = results()
        next(iterator)
        return iterator

    def cell(self, **options):
        """A cell for more than one run: `with pool.cell() as cell:`, also `async with`."""
        return Session(self, self._check(options))

    async def arun(self, code, *, inputs=None, stdin="", modules=None, timeout=None, **options):
        """Run CODE in a cell of its own, and return its Result, for asyncio: coroutine functions
        run on the loop.  Cancelling ends the cell."""
        options = self._check(options)
        place = await self._await_place(False)
        cell = await self._make_async(place, options)
        try:
            return await cell.arun(code, inputs=inputs, stdin=stdin, modules=modules,
                                   timeout=timeout)
        except asyncio.CancelledError:
            self._note("cancelled")
            raise
        finally:
            cell.close()

    @property
    def metrics(self):
        """Metrics as they are now."""
        with self._lock:
            why = dict(self._why)
            return Metrics(self._started, len(self._ready), self._busy(), len(self._waiting),
                           sum(why.values()), why)

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Take no more work.  What was given is done, unless CANCEL_FUTURES, then what did not
        begin is cancelled; with the last cell the workers end.  WAIT for that."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._is_shut = True
            self._changed.notify_all()
            futures = [ticket.future for ticket in self._waiting if ticket.future is not None]
        if cancel_futures:
            for future in futures:
                future.cancel()
        with self._lock:
            self._finish_if_done()
            while wait and not self._is_over:
                self._changed.wait()
        if wait:
            self._finalizer()
            for thread in self._threads:
                if thread is not threading.current_thread():
                    thread.join()
            # A pool that is kept does not keep what has ended.
            self._threads = [thread for thread in self._threads if thread.is_alive()]

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.shutdown()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc_info):
        await asyncio.get_running_loop().run_in_executor(None, self.shutdown)

    def __repr__(self):
        state = "shut down" if self._is_shut else f"{self._busy()} of {self.size} busy"
        return f"<rexec.CellPool, {state}>"

    # -- requests

    def _check(self, options):
        """Options of a cell, checked and complete."""
        if os.getpid() != self._pid:
            raise CellClosed("the pool is that of the process that this one was forked from")
        limits = options.pop("limits", None)
        for name in options:
            if name not in _OF_CELLS:
                raise TypeError(f"{name} is nothing that a cell of a pool can be given")
        check_functions(options.get("functions"))
        for name in ("stdout", "stderr"):
            check_sink(name, options.get(name))
        if limits is None:
            limits = self.limits
        elif not isinstance(limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        else:
            limits = self.limits.lower(**{field.name: getattr(limits, field.name)
                                          for field in dataclasses.fields(limits)})
            if self.isolation == "interpreter":
                interpreter.check(limits)
        return {**options, "limits": limits}

    def _caller(self):
        """The cell of this pool that waits for the function that runs here, if one does."""
        cell = calling.get()
        return cell if isinstance(cell, PoolCell) and cell._place.pool is self else None

    def _ask(self, ticket, future=None):
        """Give a place to TICKET, or have it wait for one.  With the lock."""
        if self._is_shut:
            raise RuntimeError("the pool is shut down")
        ticket.future = future
        if future is not None:
            future._ticket = ticket
        caller = ticket.caller
        if caller is not None and (len(self._own) >= self.size or self._waiting):
            # It gets an extra place, or waits for the one there is.
            if caller._place.depth >= _DEEPEST:
                raise RuntimeError(f"{_DEEPEST} extra cells of the pool wait for each other already")
            _, is_session = self._extra.get(caller, (None, False))
            if is_session:
                raise RuntimeError("a function that a cell waits for has its extra cell already")
        self._waiting.append(ticket)
        if caller is not None:
            self._inner.setdefault(caller, collections.deque()).append(ticket)
        self._dispatch()

    def _busy(self):
        """How many places are had."""
        return len(self._own) + len(self._extra)

    def _dispatch(self):
        """Give the places that are free to those who wait.  With the lock.

        It looks at nobody else who waits: they may be many, and this is done for each of them."""
        waiting = self._waiting
        while waiting and (waiting[0].is_granted or len(self._own) < self.size):
            self._grant(waiting[0])
        for caller, tickets in list(self._inner.items()):
            while tickets and (tickets[0].is_granted or caller not in self._extra):
                self._grant(tickets[0])
        self._changed.notify_all()
        self._finish_if_done()

    def _grant(self, ticket):
        """Give a place of the pool's own, or else an extra one.  With the lock."""
        if not ticket.is_granted:
            ticket.grant(Place(self) if len(self._own) < self.size
                         else Place(self, ticket.caller, ticket.is_session))
            ticket.is_granted = True
        self._forget(ticket)

    def _forget(self, ticket):
        """TICKET waits no more.  With the lock."""
        tickets = self._inner.get(ticket.caller)
        if tickets is not None:
            if ticket in tickets:
                tickets.remove(ticket)
            if not tickets:
                del self._inner[ticket.caller]
        if ticket in self._waiting:
            self._waiting.remove(ticket)

    def _take_back(self, place, why):
        """PLACE is not had any more, and its cell has ended, as WHY says."""
        with self._lock:
            if place.is_free:
                return
            worker, nest = self._had.get(place.key, (None, None))
            # It is another's if that one found it among those that are ready yet.
            if worker is not None and worker.place == place.key and worker not in self._ready:
                self._jobs.put((_discard, worker, nest))
            self._own.discard(place.key)
            if self._extra.get(place.caller, (None,))[0] == place.key:
                del self._extra[place.caller]
            self._takers.discard(place.key)
            self._had.pop(place.key, None)
            self._fill()
            self._dispatch()
            place.is_free = True
            if why not in ("closed", None):
                self._why[why] += 1

    def _wait_for_place(self):
        granted = SimpleQueue()
        ticket = Ticket(granted.put, self._caller(), True)
        try:
            with self._lock:
                self._ask(ticket)
            return granted.get()
        except BaseException:
            self._give_up(ticket, granted)
            raise

    async def _await_place(self, is_session):
        loop = asyncio.get_running_loop()
        granted = SimpleQueue()
        event = asyncio.Event()

        def grant(place):
            granted.put(place)
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:
                pass    # the loop is closed

        ticket = Ticket(grant, self._caller(), is_session)
        try:
            with self._lock:
                self._ask(ticket)
            await event.wait()
        except BaseException:
            self._give_up(ticket, granted)
            raise
        return granted.get()

    def _give_up(self, ticket, granted=None):
        """Who waited for a place does not want it any more, and may have got it."""
        with self._lock:
            if ticket in self._waiting:
                self._runs.discard(ticket.future)
            self._forget(ticket)
            while granted is not None and not granted.empty():
                self._take_back(granted.get(), None)
            self._changed.notify_all()
            self._finish_if_done()

    def _cancel(self, future):
        """FUTURE was cancelled, for the first time."""
        with self._lock:
            was_waiting = future._ticket in self._waiting
            if was_waiting:
                self._forget(future._ticket)
                self._runs.discard(future)
                self._changed.notify_all()
                self._finish_if_done()
            else:
                self._why["cancelled"] += 1
            cell = future._cell
        if was_waiting:
            future.set_running_or_notify_cancel()
        elif cell is not None:
            cell.close()

    # -- runs

    def _run_soon(self, future, job):
        """With the lock."""
        self._runs.add(future)
        if self._runners < len(self._runs):
            thread = threading.Thread(target=_serve, args=(self._work,), daemon=True,
                                      name="rexec-runner")
            thread.start()
            self._threads.append(thread)
            self._runners += 1
        self._work.put((self, future, *job))

    def _run(self, future, turn, place, code, request, options):
        """One submitted run, in a thread."""
        try:
            turn.pop()
        except IndexError:
            return self._take_back(place, None)
        try:
            with self._make(place, options) as cell:
                with self._lock:
                    future._cell = cell
                if future.cancelled():
                    raise CellClosed("the run was cancelled")
                answer = (future.set_result, cell.run(code, **request))
        except BaseException as error:
            answer = (future.set_exception, error)
        if future.set_running_or_notify_cancel():
            set_it, value = answer
            set_it(value)

    # -- cells

    def _make(self, place, options):
        """The cell of a place; the place is free again if there is none."""
        try:
            worker = self._take_worker(place)
            if options["limits"].memory != self.limits.memory:
                worker.lower_memory(options["limits"].memory)
            return PoolCell(place, worker, options)
        except BaseException:
            self._take_back(place, None)
            raise

    async def _make_async(self, place, options):
        return await make_in_executor(lambda: self._make(place, options), PoolCell.close)

    def _note(self, why):
        with self._lock:
            self._why[why] += 1

    # -- workers

    def _fill(self):
        """Have as many started as may be wanted: keepers do, and look again.  With the lock."""
        for _ in range(self._wanted()):
            self._jobs.put((_start_one,))

    def _wanted(self):
        """How many more workers.  With the lock."""
        if self._is_over:
            return 0
        return self.size + len(self._takers) - len(self._ready) - self._starting

    def _take_worker(self, place):
        """A worker for the cell of PLACE, which has it from now on."""
        with self._lock:
            try:
                self._takers.add(place.key)
                while True:
                    while self._ready:
                        worker = self._ready[0]
                        if not worker.wait(0):
                            self._had[place.key] = worker, None
                            worker.place = place.key
                            self._ready.popleft()
                            return worker
                        self._jobs.put((_discard, worker))
                        self._ready.popleft()
                    if self._failures:
                        raise self._failures.popleft()
                    if self._is_over:
                        raise CellClosed("the pool was shut down")
                    self._fill()
                    self._changed.wait()
            finally:
                self._takers.discard(place.key)
                self._fill()

    def _start_one(self):
        """In a keeper: make one worker, if it is wanted."""
        with self._lock:
            if self._wanted() <= 0:
                return
            self._starting += 1
        try:
            worker = self._make_worker()
        except BaseException as error:
            with self._lock:
                self._starting -= 1
                # Who waits is told.  If nobody does, who comes next tries again.
                if len(self._takers) > self._starting + len(self._failures):
                    self._failures.append(error)
                self._changed.notify_all()
            return
        with self._lock:
            self._starting -= 1
            if not self._is_over:
                self._started += 1
                self._ready.append(worker)
                self._changed.notify_all()
                return
        worker.close()

    def _make_server(self):
        return process.Server(self._origin.python, self._origin.preload, self._origin.path)

    def _make_worker(self):
        if not self._servers:
            return interpreter.start_ready()
        server = self._servers[0]
        try:
            return server.fork(self.limits.memory, self._origin.kernel)
        except (OSError, EOFError, Error):
            if self._is_over or not server.is_gone():
                raise
        with self._server_lock:
            if self._servers[0] is server:
                self._servers[0] = self._make_server()
                server.close()
        return self._servers[0].fork(self.limits.memory, self._origin.kernel)

    # -- the end

    def _finish_if_done(self):
        """With the lock."""
        if self._is_shut and not self._busy() and not self._waiting and not self._is_over:
            self._is_over = True
            self._changed.notify_all()
            self._jobs.put((_finish, self._finalizer))


# ---- what the keepers do -------------------------------------------------------------------------

def _keep(pool, jobs):
    """A keeper: it starts workers and waits for the end of others.  It keeps no pool alive."""
    while True:
        job = jobs.get()
        if job is None:
            jobs.put(None)      # for the next one
            return
        function, *args = job
        if function is _start_one:
            args = [pool()]
        try:
            function(*args)
        except Error:
            pass        # of a worker that is done with
        del function, args, job


def _serve(work):
    """A runner: a thread for submitted runs, one after the other."""
    while True:
        job = work.get()
        if job is None:
            work.put(None)
            return
        pool, future, *arguments = job
        pool._run(future, *arguments)
        with pool._lock:
            pool._runs.discard(future)
        del pool, future, arguments, job


def _start_one(pool):
    if pool is not None:
        pool._start_one()


def _discard(worker, nest=None):
    worker.close()
    if nest is not None:
        nest.close()


def _finish(finalizer):
    finalizer()


def _leave(jobs, work, ready, servers, pid):
    """The end of a pool."""
    if os.getpid() != pid:
        return
    jobs.put(None)
    work.put(None)
    while ready:
        ready.popleft().close()
    for server in servers:
        server.close()
