"""The places of a pool: who has one, who waits for one, and the cell that is had in it."""

import concurrent.futures

from .cell import Cell


class PoolCell(Cell):
    """A cell that gives its place in the pool back when it ends."""

    def __init__(self, place, worker, options):
        self._place = place
        self._given_back = False
        self._origin = place.pool._origin
        super().__init__(_worker=worker, **options)

    def _guard(self):
        # The place ends with the cell.
        self._place.pool._had[self._place.key] = self._worker, self._nest

    def _clean_up(self):
        if self._given_back or self._worker.is_abandoned:
            return
        self._release()
        # Nothing comes from it any more; its end is waited for elsewhere unless somebody asks
        # for what it ended by.
        self._worker.kill()
        if self._nest is not None:
            self._nest.close()
        self._worker.socket.close()
        if self._why != "closed":
            self._worker.close()
        self._place.pool._take_back(self._place, self._why)
        self._given_back = True


class Place:
    """The right to have one cell: one of the pool's own, or the extra one of a cell that waits.

    It is the pool's again when that takes it back, or when nobody has it any more: so it is not
    lost where Control-C comes between two steps.  The pool knows it by its key.
    """

    is_free = True      # until the pool knows of it

    def __init__(self, pool, caller=None, is_session=False):
        self.pool = pool
        self.key = object()
        self.caller = caller
        # How many extra ones wait for each other.
        self.depth = 0 if caller is None else caller._place.depth + 1
        self.is_free = False
        if caller is None:
            pool._own.add(self.key)
        else:
            pool._extra[caller] = (self.key, is_session)

    def __del__(self):
        if not self.is_free:
            # This may be in the middle of anything.
            self.pool._jobs.put((self.pool._take_back, self, None))


class Ticket:
    """Somebody who waits for a place.  `grant` is called with it, with the pool's lock held, and
    may be called again with another one if Control-C came before the pool knew that it was."""

    def __init__(self, grant, caller, is_session):
        self.grant = grant
        self.caller = caller
        self.is_session = is_session
        self.is_granted = False
        self.future = None


class PoolFuture(concurrent.futures.Future):
    """The future of code that was given to a pool; cancelling it ends the cell."""

    def __init__(self):
        super().__init__()
        self._pool = None
        self._ticket = None
        self._has_place = False
        self._cell = None

    def running(self):
        return self._has_place and not self.done()

    def cancel(self):
        was_cancelled = self.cancelled()
        if not super().cancel():
            return False
        if not was_cancelled:
            self._pool._cancel(self)
        return True


class Session:
    """What CellPool.cell() gives: a context manager, also an asynchronous one, of a Cell."""

    def __init__(self, pool, options):
        self._pool = pool
        self._options = options
        self._cell = None

    def _begin(self):
        if self._cell is not None:
            raise RuntimeError("it is one session, and has begun")

    def __enter__(self):
        self._begin()
        self._cell = self._pool._make(self._pool._wait_for_place(), self._options)
        return self._cell

    def __exit__(self, *exc_info):
        self._cell.close()

    async def __aenter__(self):
        self._begin()
        place = await self._pool._await_place(True)
        self._cell = await self._pool._make_async(place, self._options)
        return self._cell

    async def __aexit__(self, *exc_info):
        self._cell.close()
