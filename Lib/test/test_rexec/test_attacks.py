"""What code in a cell once could do to its supervisor, each with the hole it was."""

import asyncio
import errno
import io
import os
import select
import threading
import unittest
from unittest import mock

import rexec
from rexec import channel as kinds
from rexec.files import Files
from rexec.folder import READ
from rexec.values import encode

from .base import PATIENCE, CellTest, is_gone, make_cell, tearDownModule, until  # noqa: F401
from .impostor import STARTED, FakeWorker, frame, meet, meet_async, receive, result

MIB = 1 << 20


def call(number, operation="f"):
    return frame(kinds.CALL, (number, True, "function", operation, encode(((), {}))))


class AnswersTest(unittest.TestCase):
    """A cell that does not read has no more calls made than there is room for the answers."""

    def test_not_read(self):
        calls = []

        def big():
            calls.append(1)
            return bytes(MIB)

        def play(other):
            other.sendall(STARTED)
            for number in range(1, 201):
                other.sendall(call(number))
            # Until the end of the cell.
            poller = select.poll()
            poller.register(other, 0)
            poller.poll(PATIENCE * 1000)

        # Long enough for the first calls to come on a busy machine.
        error = meet(play, functions={"f": big}, limits=rexec.Limits(wall=3, value=2 * MIB))
        self.assertEqual(getattr(error, "limit", error), "wall")
        self.assertTrue(calls)
        self.assertLess(len(calls), 10)

    def test_read_late(self):
        def play(other):
            other.sendall(STARTED)
            for number in range(1, 31):
                other.sendall(call(number))
            left = 30 * MIB
            while left > 0:
                left -= len(other.recv(1 << 16)) or left
            other.sendall(result("all"))

        found = meet(play, functions={"f": lambda: bytes(MIB)}, limits=rexec.Limits(value=2 * MIB))
        self.assertEqual(found.value, "all")
        self.assertEqual(found.usage.calls, 30)

    def test_calls_while_not_read(self):
        """Nor are the calls kept without bound."""
        sent = []

        def play(other):
            other.sendall(STARTED)
            other.settimeout(0.5)
            large = frame(kinds.CALL, (1, True, "function", "f", encode(((bytes(MIB),), {}))))
            for _ in range(100):
                other.sendall(large)
                sent.append(1)

        error = meet(play, functions={"f": lambda _: bytes(MIB)},
                     limits=rexec.Limits(wall=2, value=2 * MIB))
        self.assertEqual(getattr(error, "limit", error), "wall")
        self.assertLess(len(sent), 20)


class ErrorsTest(CellTest):
    def test_an_error_out_of_a_sink(self):
        """An error of ours that a function or stream let out is none of this run's."""
        inner = self.make()

        def sink(text):
            inner.run("1/0")
        cell = self.make(stdout=sink)
        pid = cell._worker.pid
        with self.assertRaises(rexec.CellError):
            cell.run("print(1)\nwhile True: pass")
        self.assertTrue(cell.closed)
        self.assertTrue(is_gone(pid))
        with self.assertRaises(rexec.CellClosed):
            cell.run("1")
        self.assertEqual(inner.run("5").value, 5)

    def test_unhashable(self):
        for kind in (kinds.CANCEL, kinds.LIMIT):
            for value in ([1], {}, {1: []}):
                self.assertIsInstance(meet(STARTED + frame(kind, value)), rexec.CellCrashed)

    def test_numbers_too_long_to_show(self):
        record = {"type": "T", "message": "m", "args": encode(()), "notes": [], "link": None,
                  "frames": [("f", 10**5000, "n", "s")], "syntax": ("f", -10**5000, "s", 10**5000)}
        error = meet(STARTED + frame(kinds.RESULT, ("error", [record])))
        self.assertIsInstance(error, rexec.CellError)
        self.assertIn('File "f", line 0, in n', error.traceback)
        for code in ("raise ValueError(10**5000)", "raise SyntaxError('x', ('f', 10**5000, 1, 's'))",
                     "raise SyntaxError('x', ('f', 1, 10**5000, 's'))"):
            with self.assertRaises(rexec.CellError) as caught:
                self.cell.run(code)
            self.assertIn(caught.exception.type_name, repr(caught.exception))
        self.assertEqual(self.cell.run("1").value, 1)

    def test_exceptions_of_functions(self):
        class Evil(Exception):
            def __str__(self):
                raise SystemExit(3)

        errors = [Evil(), GeneratorExit("g"), asyncio.CancelledError()]

        def f():
            raise errors[0]
        cell = self.make(functions={"f": f})
        code = "try: f()\nexcept Exception as e: x = type(e).__name__\nx"
        for name in ("Exception", "RuntimeError", "RuntimeError"):
            self.assertEqual(cell.run(code).value, name)
            self.assertEqual(asyncio.run(cell.arun(code)).value, name)
            del errors[0]
        errors.append(SystemExit(3))
        with self.assertRaises(SystemExit):
            cell.run(code)


    def test_exceptions_that_do_not_let_themselves_be_seen(self):
        """A report is made of every error; none ends the cell or poses as another."""
        looked_at = ("args", "__cause__", "__context__", "__traceback__", "__suppress_context__",
                     "__notes__", "__class__", "__dict__")
        codes = [f"class E(Exception):\n    {name} = property(f)\nraise E(5)" for name in looked_at]
        codes += [f"class E(Exception):\n    {name} = f\nraise E(5)" for name in
                  ("__getattribute__", "__str__", "__hash__", "__eq__")]
        for kind in ("SystemExit", "KeyboardInterrupt", "ValueError"):
            self.cell.run(f"def f(*args):\n    raise {kind}(7)")
            for code in codes:
                with self.subTest(code=code, kind=kind), self.assertRaises(rexec.CellError) as caught:
                    self.cell.run(code)
                self.assertEqual((caught.exception.type_name, caught.exception.args), ("E", (5,)))
                self.assertIn("line 3, in <module>", caught.exception.traceback)
            with self.assertRaises(rexec.CellError) as caught:
                self.cell.run("class E(SyntaxError):\n    text = property(f)\nraise E(5)")
            self.assertIn(f"raised {kind}", str(caught.exception))
            self.assertEqual(self.cell.run("6*7").value, 42)

    def test_stop_iteration(self):
        """No future can hold it."""
        def f():
            return next(iter(()))
        cell = self.make(functions={"f": f}, limits={"wall": PATIENCE})
        code = "try: f()\nexcept StopIteration as e: x = type(e).__name__\nx"
        self.assertEqual(cell.run(code).value, "StopIteration")
        self.assertEqual(asyncio.run(cell.arun(code, timeout=PATIENCE)).value, "StopIteration")

    def test_calls_at_once(self):
        """A cell that counts no calls in flight itself has no more of them made."""
        counts = []

        async def f():
            counts.append(counts[-1] + 1 if counts else 1)
            # As many as there may be, however slowly they come; and one more would come by then.
            while max(counts) < kinds.CALLS_OPEN:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            counts.append(counts[-1] - 1)

        def play(other):
            other.sendall(STARTED + b"".join(map(call, range(1, 128)))
                          + frame(kinds.CANCEL, 127))
            replies = 0
            while replies < 127:
                replies += receive(other)[0] == kinds.REPLY
            other.sendall(result("all"))

        found = meet_async(play, functions={"f": f})
        self.assertEqual(getattr(found, "value", found), "all")
        self.assertEqual((max(counts), counts[-1]), (kinds.CALLS_OPEN, 0))
        self.assertEqual(len(counts), 2 * 126)


class BetweenRunsTest(CellTest):
    def test_stdin_of_an_earlier_run(self):
        asked = []

        def feed():
            asked.append(1)
            return "line\n"
        self.cell.run("import sys\nold = sys.stdin\nold.readline()", stdin=feed)
        self.assertTrue(asked)
        del asked[:]
        with self.assertRaisesRegex(rexec.CellError, "an earlier run"):
            self.cell.run("old.readline()")
        self.assertFalse(asked)
        self.assertEqual(self.cell.run("input()", stdin=feed).value, "line")

    def test_an_answer_before_the_question(self):
        worker = FakeWorker()
        cell = rexec.Cell(_worker=worker)
        worker.other.sendall(STARTED + result("first") + frame(kinds.STARTED, None, 2)
                             + result("early", 2))
        self.assertEqual(cell.run("").value, "first")
        with self.assertRaisesRegex(rexec.CellCrashed, "between runs"):
            cell.run("")
        self.assertTrue(cell.closed)
        worker.other.close()

    def test_no_descriptors(self):
        async def main():
            with mock.patch("os.pipe", side_effect=OSError(errno.EMFILE, "too many")):
                with self.assertRaises(OSError):
                    await cell.arun("1")
            return (await cell.arun("2")).value
        cell = self.make()
        self.assertEqual(asyncio.run(main()), 2)

    def test_keys_that_cannot_cross(self):
        """An error where the value is read, not the end of the cell."""
        for code in ("{i * (2**61 - 1) for i in range(100)}",
                     "class K(str):\n    __hash__ = object.__hash__\n    __eq__ = object.__eq__\n"
                     "{K('a'): 1, K('a'): 2}"):
            found = self.cell.run(code)
            with self.assertRaisesRegex(TypeError, "keys"):
                found.value
        with self.assertRaisesRegex(ValueError, "keys"):
            self.cell.run("1", inputs={"x": {i * (2**61 - 1) for i in range(100)}})
        self.assertEqual(self.cell.run("1").value, 1)

    def test_bastion_as_key(self):
        class Object:
            def __hash__(self):
                raise AssertionError("asked for its hash")

            def __eq__(self, other):
                raise AssertionError("compared")

        with make_cell() as cell:
            found = cell.run("{b: 1}", inputs={"b": rexec.Bastion(Object())})
            with self.assertRaisesRegex(TypeError, "key or in a set"):
                found.value
            with self.assertRaisesRegex(TypeError, "key or in a set"):
                cell.run("1", inputs={"x": {rexec.Bastion(Object())}})
            self.assertIsNotNone(cell.run("[b]").value)


class SlowFileTest(unittest.TestCase):
    """A file of a policy may wait as long as it wants; it holds up nothing else."""

    def setUp(self):
        self.end, self.other = os.pipe()
        self.addCleanup(os.close, self.other)

    def test_close_does_not_wait(self):
        class Pipe(io.BufferedReader):
            def read1(self, size):
                reads.set()
                return super().read1(size)

        reads = threading.Event()
        pipe = Pipe(io.FileIO(self.end))
        files = Files(lambda path, mode: pipe if path == "/pipe" else b"text")
        slow = files.call("open", b"/pipe", READ)[0]
        quick = files.call("open", b"/quick", READ)[0]
        got = []

        def read():
            got.append(files.call("read", slow, 0, 4))
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        self.assertTrue(reads.wait(PATIENCE))
        closer = threading.Thread(target=lambda: (got.append(files.call("read", quick, 0, 9)),
                                                  files.close()), daemon=True)
        closer.start()
        closer.join(PATIENCE)
        stuck = closer.is_alive()
        os.write(self.other, b"data")
        thread.join(PATIENCE)
        self.assertFalse(stuck)
        self.assertEqual(got, [b"text", b"data"])
        until(lambda: pipe.closed, "closed by the one who read")
        with self.assertRaises(OSError):
            files.call("open", b"/quick", READ)

    def test_timeout(self):
        async def main():
            cell = make_cell(open=lambda path, mode: os.fdopen(self.end, "rb"))
            try:
                await asyncio.wait_for(cell.arun("open('/x', 'rb').read(1)", timeout=0.5), PATIENCE)
            finally:
                os.write(self.other, b"x" * 100)
        with self.assertRaises(rexec.LimitExceeded) as caught:
            asyncio.run(main())
        self.assertEqual(caught.exception.limit, "timeout")


if __name__ == "__main__":
    unittest.main()
