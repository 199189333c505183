"""Output as it comes, and asyncio."""

import asyncio
import io
import textwrap
import threading
import time
import unittest
import warnings
from unittest import mock

import rexec

from .base import (PATIENCE, CellTest, make_cell, nothing_left, tearDownModule,    # noqa: F401
                   until)


class StreamTest(CellTest):
    def test_collected(self):
        result = self.cell.run("import sys\nprint('out', 1)\nprint('err', file=sys.stderr)\n"
                               "sys.stdout.write('é\\n')\nsys.stdout.buffer.write(b'\\xff')\n"
                               "sys.__stdout__.write('\\ud800')")
        self.assertEqual(result.stdout, "out 1\né\n\ufffd\\ud800")
        self.assertEqual(result.stderr, "err\n")

    def test_of_a_run(self):
        self.assertEqual(self.cell.run("print(1)").stdout, "1\n")
        self.assertEqual(self.cell.run("print(2)").stdout, "2\n")

    def test_callables_and_files(self):
        out = []
        err = io.StringIO()
        cell = self.make(stdout=out.append, stderr=err)
        cell.run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
        self.assertEqual(("".join(out), err.getvalue()), ("out\n", "err\n"))

    def test_comes_while_the_code_runs(self):
        """Also while it holds the interpreter in one long call."""
        for busy in ("time.sleep(60)", "10**10**8", "while True: pass"):
            came = threading.Event()
            cell = self.make(stdout=lambda text: came.set())
            future = cell.start(f"import time\nprint('x')\n{busy}")
            self.assertTrue(came.wait(30))
            cell.close()
            with self.assertRaises(rexec.CellClosed):
                future.result(30)

    def test_is_there_before_a_call(self):
        seen = []
        cell = self.make(stdout=seen.append, functions={"f": lambda: seen.append("call")})
        cell.run("print('a', end='')\nf()\nprint('b', end='')\nf()")
        self.assertEqual(seen, ["a", "call", "b", "call"])

    def test_order(self):
        seen = []
        cell = self.make(stdout=seen.append, stderr=lambda text: seen.append(text.upper()))
        cell.run("import sys\nfor i in range(3):\n"
                 "    print('a', end=''); print('b', end='', file=sys.stderr)")
        self.assertEqual("".join(seen), "aBaBaB")

    def test_of_an_error(self):
        with self.assertRaises(rexec.CellError) as caught:
            self.cell.run("print('before')\n1/0")
        self.assertEqual(caught.exception.result.stdout, "before\n")
        # Long enough for the output to come on a busy machine.
        cell = self.make(limits={"wall": 2})
        with self.assertRaises(rexec.LimitExceeded) as caught:
            cell.run("print('before')\nimport time; time.sleep(60)")
        self.assertEqual(caught.exception.result.stdout, "before\n")

    def test_a_stream_that_fails(self):
        def broken(text):
            raise OSError("full")
        cell = self.make(stdout=broken)
        with self.assertRaisesRegex(OSError, "full"):
            cell.run("print(1)")
        self.assertTrue(cell.closed)

    def test_what_is_replaced_is_flushed(self):
        self.assertEqual(self.cell.run(
            "import io, sys\nsys.stdout = io.TextIOWrapper(io.BufferedWriter(sys.stdout.buffer))\n"
            "print('kept back')").stdout, "kept back\n")

    def test_no_descriptor(self):
        with self.assertRaises(rexec.CellError) as caught:
            self.cell.run("import sys; sys.stdout.fileno()")
        self.assertEqual(caught.exception.type_name, "io.UnsupportedOperation")

    def test_from_threads(self):
        result = self.cell.run(
            "import threading\ndef work(c):\n    for i in range(500): print(c * 50)\n"
            "ts = [threading.Thread(target=work, args=(c,)) for c in 'abcd']\n"
            "for t in ts: t.start()\nfor t in ts: t.join()")
        for c in "abcd":
            self.assertEqual(result.stdout.count(c), 500 * 50)


class InterruptTest(CellTest):
    def test_interrupt(self):
        for code in ("import time\ntime.sleep(60)", "while True: pass",
                     "import threading\nthreading.Event().wait()",
                     "import asyncio\nawait asyncio.sleep(60)"):
            with self.subTest(code=code):
                cell = self.make()
                cell.run("kept = 5")
                out = []
                future = cell.start("started = True\n" + code)
                until(lambda: cell._run is not None and cell._run.started, "started")
                time.sleep(0.05)
                cell.interrupt()
                with self.assertRaises(rexec.CellError) as caught:
                    future.result(30)
                self.assertEqual(caught.exception.type_name, "KeyboardInterrupt")
                self.assertEqual(cell.run("kept").value, 5)

    def test_at_once(self):
        """It is not lost if the run has not begun yet."""
        for _ in range(20):
            future = self.cell.start("import time\ntime.sleep(60)")
            until(lambda: self.cell._run is not None, "run")
            self.cell.interrupt()
            with self.assertRaises(rexec.CellError):
                future.result(30)

    def test_idle(self):
        self.cell.run("1")
        self.cell.interrupt()
        self.cell._worker.signal(2)
        self.assertEqual(self.cell.run("2").value, 2)

    def test_waits_for_a_function(self):
        done = []

        def slow():
            began.set()
            time.sleep(0.3)
            done.append(1)
        began = threading.Event()
        cell = self.make(functions={"slow": slow})
        future = cell.start("try: slow()\nexcept KeyboardInterrupt: x = 'interrupted'\nx")
        began.wait(30)
        cell.interrupt()
        self.assertEqual(future.result(30).value, "interrupted")
        self.assertEqual(done, [1])

    def test_many(self):
        """Interrupts at all moments leave the cell as it should be."""
        cell = self.make(functions={"f": lambda: None})
        stop = threading.Event()

        def shoot():
            while not stop.is_set():
                cell.interrupt()
                time.sleep(0.003)
        thread = threading.Thread(target=shoot)
        thread.start()
        try:
            for i in range(100):
                try:
                    cell.run("for i in range(20): f(); print(i)")
                except rexec.CellError as error:
                    self.assertEqual(error.type_name, "KeyboardInterrupt")
        finally:
            stop.set()
            thread.join()
        self.assertEqual(cell.run("f()\n5").value, 5)


class FutureTest(CellTest):
    def test_start(self):
        future = self.cell.start("6*7")
        self.assertEqual(future.result(30).value, 42)
        with self.assertRaises(rexec.CellError):
            self.cell.start("1/0").result(30)
        go = threading.Event()
        cell = self.make(functions={"wait": lambda: go.wait(PATIENCE)})
        future = cell.start("wait()")
        with self.assertRaisesRegex(RuntimeError, "cell is busy"):
            cell.run("1")
        self.assertTrue(future.running())
        go.set()
        self.assertTrue(future.result(30).value)
        with self.assertRaises(TypeError):
            self.cell.start(5)
        self.assertEqual(self.cell.run("1").value, 1)

    def test_cancel(self):
        import concurrent.futures
        with nothing_left(self):
            cell = make_cell()
            future = cell.start("while True: pass")
            until(lambda: cell._run is not None, "run")
            self.assertTrue(future.cancel())
            with self.assertRaises(concurrent.futures.CancelledError):
                future.result(30)
            until(lambda: not cell._turns.is_taken, "free")
            self.assertTrue(cell.closed)
            cell.close()
        done = self.cell.start("1")
        done.result(30)
        self.assertFalse(done.cancel())
        self.assertEqual(self.cell.run("1").value, 1)


    def test_control_c_as_it_begins(self):
        """Whether the thread has begun or not, what was taken for the run is given back once."""
        real = threading.Thread.start

        def before(thread):
            raise KeyboardInterrupt

        def after(thread):
            real(thread)
            raise KeyboardInterrupt

        for begin in before, after:
            for run in lambda cell: cell.start("1"), lambda cell: asyncio.run(cell.arun("1")):
                with self.subTest(begin=begin), nothing_left(self):
                    cell = make_cell()
                    with mock.patch("threading.Thread.start", begin), self.assertRaises(KeyboardInterrupt):
                        run(cell)
                    until(lambda: not cell._turns.is_taken, "free")
                    self.assertEqual(cell.closed, begin is after)
                    cell.close()
                    self.assertRaises(rexec.CellClosed, cell.run, "1")
                    del cell


class AsyncTest(unittest.IsolatedAsyncioTestCase):
    async def test_arun(self):
        async with make_cell() as cell:
            self.assertEqual((await cell.arun("6*7")).value, 42)
            await cell.arun("def f(x): return x + 1")
            self.assertEqual(await cell.acall("f", 1), 2)
            with self.assertRaises(rexec.CellError):
                await cell.arun("1/0")
        self.assertTrue(cell.closed)

    async def test_functions(self):
        loop = asyncio.get_running_loop()
        seen = []

        async def slow(n):
            seen.append(asyncio.get_running_loop() is loop)
            await asyncio.sleep(0.01)
            return n * 2

        def plain(n):
            seen.append(threading.current_thread() is not threading.main_thread())
            return n + 1

        async def fails():
            raise LookupError("message")

        async with make_cell(functions={"slow": slow, "plain": plain, "fails": fails}) as cell:
            result = await cell.arun("[await slow(2), plain(3)]")
            self.assertEqual(result.value, [4, 4])
            self.assertEqual(seen, [True, True])
            result = await cell.arun("import asyncio\n"
                                     "await asyncio.gather(*[slow(i) for i in range(200)])")
            self.assertEqual(result.value, [i * 2 for i in range(200)])
            self.assertEqual((await cell.arun(
                "try: await fails()\nexcept LookupError as e: x = str(e)\nx")).value, "message")

    async def test_at_most_64_in_flight(self):
        flying = most = 0

        async def f():
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            # However slowly they come, there are two at a time.
            while most < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.02)
            flying -= 1
        async with make_cell(functions={"f": f}) as cell:
            await cell.arun("import asyncio\nawait asyncio.gather(*[f() for i in range(200)])")
        self.assertLessEqual(most, 64)
        self.assertGreater(most, 1)

    async def test_cancelled_inside(self):
        begun, cancelled = asyncio.Event(), asyncio.Event()

        async def never():
            begun.set()
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                cancelled.set()
                raise
        begin = "import asyncio\nt = asyncio.ensure_future(never())\nawait begun()\n"
        async with make_cell(functions={"never": never, "begun": begun.wait}) as cell:
            result = await cell.arun(
                begin + "try: await asyncio.wait_for(t, 0.05)\n"
                "except TimeoutError: x = 'timeout'\nx")
            self.assertEqual(result.value, "timeout")
            self.assertTrue(cancelled.is_set())
            # What is pending at the end of a run is cancelled.
            begun.clear()
            cancelled.clear()
            await cell.arun(begin)
            self.assertTrue(cancelled.is_set())
            self.assertEqual((await cell.arun("t.cancelled()")).value, True)

    async def test_cancelling_ends_the_cell(self):
        cell = make_cell()
        task = asyncio.ensure_future(cell.arun("while True: pass"))
        await asyncio.sleep(0.2)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertTrue(cell.closed)
        with self.assertRaises(rexec.CellClosed):
            await cell.arun("1")
        cell.close()

    async def test_limits(self):
        cancelled = []

        async def never():
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                cancelled.append(1)
                raise
        cell = make_cell(functions={"never": never, "plain": lambda: None}, limits={"calls": 20})
        with self.assertRaises(rexec.LimitExceeded) as caught:
            await cell.arun("import asyncio\nt = asyncio.ensure_future(never())\n"
                            "while True:\n    await asyncio.sleep(0)\n    plain()")
        self.assertEqual(caught.exception.limit, "calls")
        end = time.monotonic() + PATIENCE
        while not cancelled and time.monotonic() < end:
            await asyncio.sleep(0.01)
        self.assertEqual(cancelled, [1])

    async def test_a_function_that_leaves(self):
        async def leave():
            raise KeyError("x")

        cell = make_cell(functions={"leave": leave})
        with self.assertRaises(rexec.CellError):
            await cell.arun("await leave()")
        await asyncio.get_running_loop().run_in_executor(None, cell.close)

    async def test_many_at_once(self):
        cells = [make_cell() for _ in range(5)]
        results = await asyncio.gather(*[cell.arun(f"{i}*2") for i, cell in enumerate(cells)])
        self.assertEqual([result.value for result in results], [0, 2, 4, 6, 8])
        for cell in cells:
            cell.close()


class LoopInsideTest(CellTest):
    def test_top_level_await_and_only_then(self):
        self.assert_value("import asyncio\nawait asyncio.sleep(0.001, 5)", 5)
        self.assert_value("async def g():\n    for i in range(3): yield i\n"
                          "[i async for i in g()]", [0, 1, 2])
        with self.assertRaises(rexec.CellError) as caught:
            self.cell.run("asyncio.get_running_loop()")
        self.assertEqual(caught.exception.type_name, "RuntimeError")

    def test_what_works_on_it(self):
        self.assert_value(textwrap.dedent("""\
            import asyncio
            async def work(n):
                await asyncio.sleep(0.001 * n)
                return n
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work(i)) for i in range(3)]
            queue = asyncio.Queue()
            loop = asyncio.get_running_loop()
            loop.call_later(0.01, queue.put_nowait, 'later')
            found = [t.result() for t in tasks] + [await queue.get()]
            found.append(await asyncio.to_thread(lambda: 'thread'))
            found"""), [0, 1, 2, "later", "thread"])

    def test_coroutine_functions_where_a_loop_runs(self):
        async def function():
            return 5

        async def main():
            with make_cell(functions={"f": function}) as cell:
                cell.run("await f()")

        with warnings.catch_warnings(), self.assertRaisesRegex(rexec.CellError, "RuntimeError: .*wants arun"):
            warnings.simplefilter("error")
            asyncio.run(main())

    def test_coroutine_functions_without_arun(self):
        async def double(n):
            await asyncio.sleep(0)
            return n * 2
        cell = self.make(functions={"double": double})
        self.assertEqual(cell.run("await double(4)").value, 8)
        self.assertEqual(cell.run("import asyncio\nasync def f(): return await double(1)\n"
                                  "await asyncio.gather(f(), f())").value, [2, 2])


if __name__ == "__main__":
    unittest.main()
