"""The places of a pool: who has one, who waits for one, and the cell that is had in it."""

import concurrent.futures
import weakref

from .cell import Cell


class PoolCell(Cell):
    """A cell that gives its place in the pool back when it ends."""

    def __init__(self, place, worker, options):
        self._place = place
        self._given_back = False
        self._origin = place.pool._origin
        super().__init__(_worker=worker, **options)
        # The pool's own way instead of the one of a cell that stands alone.
        self._finalizer.detach()
        self._finalizer = weakref.finalize(self, place.pool._drop, place, worker, self._nest)
        self._finalizer.atexit = False

    def _clean_up(self):
        if self._given_back or self._worker.is_abandoned:
            return
        self._given_back = True
        self._finalizer.detach()
        self._release()
        # Nothing comes from it any more; its end is waited for elsewhere unless somebody asks
        # for what it ended by.
        self._worker.kill()
        if self._nest is not None:
            self._nest.close()
        self._worker.socket.close()
        if self._why != "closed":
            self._worker.close()
        self._place.pool._take_back(self._place, self._worker, self._why)


class Place:
    """The right to have one cell: one of the pool's own, or the extra one of a cell that waits."""

    def __init__(self, pool, caller=None):
        self.pool = pool
        self.caller = caller
        self.is_session = False
        # How many extra ones wait for each other.
        self.depth = 0 if caller is None else caller._place.depth + 1


class Ticket:
    """Somebody who waits for a place.  `grant` is called with it, with the pool's lock held."""

    def __init__(self, grant, caller, is_session):
        self.grant = grant
        self.caller = caller
        self.is_session = is_session
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
