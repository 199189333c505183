"""What a cell says in a run, and what it is answered: the supervisor trusts no word of it."""

import signal

from . import channel as kinds
from . import report
from .channel import CALLS_OPEN
from .checks import is_coroutine_function
from .values import Malformed, OverLimit, decode, encode_parts

_CUT = "\n[output cut: its limit is {} bytes]\n"
_ROOM = 1 << 46


class Dialogue:
    """Of a Cell, which has the state."""

    def _follow(self, run):
        """Serve the run until its end."""
        channel = self._channel
        waiter = self._Waiter(run)
        most = self.limits.value if self.limits.value is not None else _ROOM
        most += 1 << 20
        while True:
            limit, wait = run.check()
            if self._why is not None or limit is not None:
                raise self._finish(run, limit)
            # No more answers are made than the cell takes.
            full = channel.unsent > most and channel.reader.has_call
            frame = None if full else channel.next()
            if frame is not None:
                result = self._take_frame(run, *frame)
                if result is not None:
                    return result
                continue
            if channel.ended:
                raise self._finish(run, None)
            waiter.wait(wait, not (full and channel.reader.size > most + kinds.ROOM))

    def _take_frame(self, run, kind, number, payload):
        if number != run.number:
            raise Malformed("a frame of another run")
        if kind == kinds.OUTPUT:
            self._take_output(run, payload)
            return None
        value = decode(payload, self.limits.value + kinds.ROOM * 8, 20, views=True)
        if kind == kinds.STARTED:
            if run.started:
                raise Malformed("started twice")
            with self._ending:      # interrupt() sees it, or is seen
                run.started = True
                interrupt = self._interrupt
            if interrupt:
                self._worker.signal(signal.SIGINT)
        elif kind == kinds.CALL:
            self._take_call(run, value)
        elif kind == kinds.CANCEL:
            if type(value) is not int:
                raise Malformed("cancels what is no call")
            if value in run.open:
                run.caller.cancel(run, value)
            elif not 0 < value <= run.calls:
                # Nor was it answered in the meantime.
                raise Malformed("cancels what it never called")
        elif kind == kinds.LIMIT:
            if type(value) is not str or value not in ("value", "depth", "threads"):
                raise Malformed("a limit of another name")
            raise self._finish(run, value)
        elif kind == kinds.RESULT:
            if run.open:
                raise Malformed("a result while a call is open")
            return self._take_result(run, value)
        else:
            raise Malformed("a frame that has no place here")
        return None

    def _take_output(self, run, payload):
        stream = run.streams.get(payload[0]) if len(payload) > 1 else None
        if stream is None:
            raise Malformed("output of no stream")
        data = payload[1:]
        limit = self.limits.output
        if limit is None:
            run.output += len(data)
            stream.put(data)
            return
        if run.output + len(data) > limit:
            raise Malformed("output beyond its limit")
        # What cells inside wrote is taken out of it.
        left = limit - run.output - run.output_inside
        run.output += len(data)
        stream.put(data[:max(left, 0)])
        if 0 < left <= len(data):
            stream.put(b"", True)
            stream.add(_CUT.format(limit))

    def _take_call(self, run, value):
        if type(value) is not tuple or len(value) != 5:
            raise Malformed("a call of another form")
        number, own, what, operation, data = value
        if (type(number) is not int or type(own) is not bool or type(what) is not str
                or type(operation) not in (str, tuple) or type(data) is not memoryview):
            raise Malformed("a call of another form")
        run.calls += 1
        if self.limits.calls is not None and run.calls > self.limits.calls:
            raise self._finish(run, "calls")
        service = self._services.get(what)
        for_cells = what == "cell" and self._nest is not None
        if (service is None and not for_cells or number in run.open
                or len(run.open) >= CALLS_OPEN + 64):
            raise Malformed("a call that has no place here")
        try:
            arguments = decode(data, self.limits.value, self.limits.depth + 2, self._resolve)
        except OverLimit as over:
            raise self._finish(run, over.limit) from None
        except ReferenceError as error:     # a revoked bastion is among them
            run.open[number] = own
            self._reply(run, number, False, error)
            return
        if (type(arguments) is not tuple or len(arguments) != 2 or type(arguments[0]) is not tuple
                or type(arguments[1]) is not dict
                or not all(type(key) is str for key in arguments[1])):
            raise Malformed("a call of another form")
        # While it waits for a cell inside its clock runs.
        run.open[number] = own and not for_cells
        if for_cells:
            if arguments[1]:
                raise Malformed("a call of another form")
            self._nest.call(run, number, operation, arguments[0])
            return
        run.pause()
        run.caller.call(run, number, service, operation, *arguments)

    def _reply(self, run, number, ok, value):
        """Answer a call.  The cell may be gone by now, and the answer with it."""
        run.open.pop(number, None)
        run.go_on()
        if self._why is not None:
            return
        if ok:
            try:
                reply = encode_parts(value, self.limits.value, self.limits.depth, self._refer)
            except OverLimit as over:
                raise self._finish(run, over.limit) from None
            except (TypeError, ValueError) as error:
                ok, value = False, error
        if not ok:
            reply = report.of_exception(value)
        self._channel.put(kinds.REPLY, run.number, encode_parts((number, ok, reply), _ROOM, 200))

    def _take_result(self, run, value):
        kind, *rest = value if type(value) is tuple and value else (None,)
        run.look()
        if kind == "value" and len(rest) == 3:
            data, why, text = rest
            if type(text) is not str or len(text) > report.LONGEST_TEXT:
                raise Malformed("a text too long")
            if data is None:
                if type(why) is not str:
                    raise Malformed("a value of another form")
                crossed, why = None, report.escape(why[:1000])
            elif type(data) is memoryview and why is None:
                try:
                    crossed = decode(data, self.limits.value, self.limits.depth, self._resolve)
                except OverLimit as over:
                    raise self._finish(run, over.limit) from None
                except ReferenceError as error:
                    crossed, why = None, f"the value cannot cross: {error}"
            else:
                raise Malformed("a value of another form")
            self._rest()
            return run.result(crossed, why, text)
        if kind == "error" and len(rest) == 1:
            error = report.cell_error(rest[0])
            if error.type_name == "MemoryError" and self.limits.memory is not None:
                raise self._finish(run, "memory")
            self._rest()
            error.result = run.result()
            run.error = error
            raise error
        raise Malformed("a result of another form")

    def _refer(self, value):
        """The number under which the cell knows an object; None if it is to know none."""
        return self._references.refer(value)

    def _resolve(self, number):
        return self._references.resolve(number)

    # -- services

    def _call_function(self, operation, args, kwargs):
        function = self._functions.get(operation) if type(operation) is str else None
        if function is None:
            raise NameError("there is no such function")
        return function(*args, **kwargs)

    def _call_file(self, operation, args, kwargs):
        if type(operation) is not str or kwargs:
            raise TypeError("no operation on files has this form")
        return self._files.call(operation, *args)

    def _is_coroutine_service(self, service, operation):
        if service == self._references.call:
            return self._references.is_coroutine(operation)
        return (service == self._call_function and type(operation) is str
                and is_coroutine_function(self._functions.get(operation)))
