"""The event loop of a run that awaits: it waits for the channel instead of the kernel's events."""

import asyncio
import collections
from asyncio import base_events

from rexec.channel import CALLS_OPEN


class _Selector:
    """What the loop asks for events."""

    def __init__(self, worker):
        self.worker = worker

    def select(self, timeout):
        worker = self.worker
        if worker.channel.poll(timeout) and worker.reading.acquire(False):
            try:
                if worker.calls:
                    worker.read_reply()
            finally:
                worker.reading.release()
                worker.pass_on()
        return ()


class _Loop(base_events.BaseEventLoop):
    def __init__(self, worker):
        super().__init__()
        self._worker = worker
        self._selector = _Selector(worker)
        self._places = CALLS_OPEN
        self._queue = collections.deque()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        self._worker.channel.wake()

    async def ask(self, what, operation, args, kwargs):
        """Call the supervisor without blocking the loop."""
        while self._places == 0:
            place = self.create_future()
            self._queue.append(place)
            await place
        self._places -= 1
        worker = self._worker
        answered = self.create_future()

        def told(call):
            # By whichever thread reads.
            try:
                self.call_soon_threadsafe(finish, call)
            except RuntimeError:
                pass    # the loop is closed, and nobody waits

        def finish(call):
            self._leave_place()
            if not answered.done():
                answered.set_result(None)

        try:
            call = worker.begin_call(what, operation, args, kwargs, told)
        except BaseException:
            self._leave_place()
            raise
        try:
            await answered
        except asyncio.CancelledError:
            if not call.done:
                worker.cancel(call)
            raise
        return worker.end_call(call)

    def _leave_place(self):
        self._places += 1
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                break


def run(worker, coroutine):
    """The result of COROUTINE; what is pending then is cancelled."""
    with asyncio.Runner(loop_factory=lambda: _Loop(worker)) as runner:
        return runner.run(coroutine)
