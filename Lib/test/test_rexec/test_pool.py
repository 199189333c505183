"""Pools: tenants, places, the extra cell of a function, cancelling, the end."""

import asyncio
import collections
import concurrent.futures
import gc
import os
import queue
import signal
import threading
import unittest

import rexec

from .base import (PATIENCE, PYTHON, is_gone, left_behind, make_cell,   # noqa: F401
                   tearDownModule, until)
from .test_life import is_zombie, run_host


class PoolTest(unittest.TestCase):
    def setUp(self):
        make_cell(functions={"f": int}).close()
        self.before = left_behind()

    def make(self, size=2, **options):
        pool = rexec.CellPool(size, python=PYTHON, **options)
        self.addCleanup(self.end, pool)
        return pool

    def end(self, pool):
        pool.shutdown()
        server = pool._servers[0].pid
        self.assertTrue(is_gone(server))
        after = left_behind()
        self.assertEqual(after[0] - self.before[0], set())
        self.assertLessEqual(after[1], self.before[1])

    def held(self, pool, count=1):
        """Submit runs that wait: (futures, what lets them go on)."""
        go = threading.Event()
        inside = threading.Semaphore(0)

        def wait():
            inside.release()
            go.wait(PATIENCE)
        futures = [pool.submit("wait()", functions={"wait": wait}) for _ in range(count)]
        for _ in futures:
            self.assertTrue(inside.acquire(timeout=PATIENCE))
        self.addCleanup(go.set)
        return futures, go


class SubmitTest(PoolTest):
    def test_submit(self):
        pool = self.make()
        future = pool.submit("print('out')\nf(n)", inputs={"n": 20},
                             functions={"f": lambda n: n + 1})
        self.assertIsInstance(future, concurrent.futures.Future)
        result = future.result(PATIENCE)
        self.assertEqual((result.value, result.stdout), (21, "out\n"))
        written = []
        pool.submit("print(input())", stdin="text", stdout=written.append).result(PATIENCE)
        self.assertEqual("".join(written), "text\n")
        result = pool.submit("import m; m.x", modules={"m": "x = 5"}).result(PATIENCE)
        self.assertEqual(result.value, 5)

    def test_errors(self):
        pool = self.make()
        with self.assertRaises(rexec.CellError):
            pool.submit("1/0").result(PATIENCE)
        with self.assertRaises(rexec.LimitExceeded) as caught:
            pool.submit("while True: pass", timeout=0.2).result(PATIENCE)
        self.assertEqual(caught.exception.limit, "timeout")
        for bad, error in (({"functions": {"f": 5}}, TypeError), ({"python": "x"}, TypeError),
                           ({"limits": 5}, TypeError), ({"stdout": 5}, TypeError),
                           ({"limits": rexec.Limits(cpu=11)}, ValueError),
                           ({"limits": rexec.Limits(memory=None)}, ValueError)):
            self.assertRaises(error, pool.submit, "1", **bad)
            self.assertRaises(error, pool.cell, **bad)
        self.assertRaises(TypeError, pool.submit, b"1")
        self.assertEqual(pool.metrics.busy, 0)
        self.assertEqual(pool.submit("6*7").result(PATIENCE).value, 42)

    def test_no_cell_is_had_twice(self):
        pool = self.make()
        code = ("import sys, json\nfound = hasattr(json, 'mark'), 'mark' in globals()\n"
                "json.mark = mark = 1\nfound")
        futures = [pool.submit(code) for _ in range(20)]
        self.assertEqual({future.result(PATIENCE).value for future in futures}, {(False, False)})
        # The same code finds its marks where a cell is used twice.
        with pool.cell() as cell:
            cell.run(code)
            self.assertEqual(cell.run(code).value, (True, True))

    def test_size_is_kept(self):
        pool = self.make(2)
        lock = threading.Lock()
        inside, most = 0, 0

        def f():
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            until(lambda: inside == 2 or most == 2, "two at once")
            with lock:
                inside -= 1
        list(pool.map("f()", [{}] * 8, functions={"f": f}))
        self.assertEqual(most, 2)

    def test_lower_limits(self):
        pool = self.make()
        code = "try:\n    x = b'x' * (64 << 20)\nexcept MemoryError:\n    x = None\nx is None"
        self.assertFalse(pool.submit(code).result(PATIENCE).value)
        self.assertTrue(pool.submit(code, limits=rexec.Limits(memory=32 << 20))
                        .result(PATIENCE).value)
        with self.assertRaises(rexec.LimitExceeded) as caught:
            pool.submit("while True: pass", limits=rexec.Limits(cpu=0.2)).result(PATIENCE)
        self.assertEqual(caught.exception.limit, "cpu")
        with self.assertRaises(rexec.LimitExceeded) as caught:
            pool.submit("f(); f()", limits=rexec.Limits(calls=1), functions={"f": int}
                        ).result(PATIENCE)
        self.assertEqual(caught.exception.limit, "calls")

    def test_map(self):
        pool = self.make()
        results = pool.map("n * n", ({"n": n} for n in range(10)))
        self.assertEqual([result.value for result in results], [n * n for n in range(10)])
        results = pool.map("1 // n", [{"n": 1}, {"n": 0}, {"n": 1}])
        self.assertEqual(next(results).value, 1)
        self.assertRaises(rexec.CellError, next, results)
        self.assertEqual(list(pool.map("1", [])), [])

    def test_map_that_is_not_wanted(self):
        """Its end cancels what was begun, also before the first result and in the middle of it."""
        pool = self.make(1)

        def inputs():
            yield {}
            raise ZeroDivisionError

        results = pool.map("while True: pass", [{}] * 3)
        results.close()
        self.assertRaises(ZeroDivisionError, pool.map, "while True: pass", inputs())
        until(lambda: not pool.metrics.busy, "the end of all")
        self.assertEqual(pool.metrics.waiting, 0)
        self.assertEqual(set(pool.metrics.why), {"cancelled"})      # none by its limits

    def test_queue(self):
        pool = self.make(1, queue=1)
        futures, go = self.held(pool)
        futures.append(pool.submit("1"))
        self.assertEqual(pool.metrics.waiting, 1)
        self.assertRaises(queue.Full, pool.submit, "2", block=False)
        blocked = []
        thread = threading.Thread(target=lambda: blocked.append(pool.submit("3")))
        thread.start()
        thread.join(0.2)
        self.assertTrue(thread.is_alive())
        go.set()
        thread.join(PATIENCE)
        self.assertEqual(blocked[0].result(PATIENCE).value, 3)
        for future in futures:
            future.result(PATIENCE)

    def test_those_who_wait_are_not_gone_through(self):
        class Counted(collections.deque):
            looks = 0

            def __iter__(self):
                Counted.looks += 1
                return super().__iter__()

        pool = self.make(1)
        pool._waiting = Counted()
        futures, go = self.held(pool)
        futures += [pool.submit("1") for _ in range(200)]
        self.assertEqual(pool.metrics.waiting, 200)
        go.set()
        for future in futures:
            future.result(PATIENCE)
        self.assertEqual(Counted.looks, 0)


class ExtraTest(PoolTest):
    def test_a_function_gets_a_cell(self):
        pool = self.make(1, queue=0)

        def f(depth):
            if not depth:
                return 0
            return pool.submit("f(n) + 1", inputs={"n": depth - 1}, functions={"f": f}
                               ).result(PATIENCE).value
        self.assertEqual(f(4), 4)
        self.assertEqual(pool.metrics.busy, 0)

    def test_no_end_of_extras(self):
        """Code that is called by what it calls does not get cells for ever."""
        pool = self.make(1)
        most = []

        def f():
            most.append(pool.metrics.busy)
            return pool.submit("f()", functions={"f": f}).result(PATIENCE).value
        with self.assertRaises(rexec.CellError) as caught:
            f()
        self.assertIn("wait for each other", str(caught.exception))
        self.assertEqual(max(most), 17)
        self.assertEqual(pool.submit("1").result(PATIENCE).value, 1)

    def test_one_extra_at_a_time(self):
        pool = self.make(1)
        busy = []

        def f():
            futures = [pool.submit("g()", functions={"g": lambda: busy.append(pool.metrics.busy)})
                       for _ in range(4)]
            for future in futures:
                future.result(PATIENCE)
        pool.submit("f()", functions={"f": f}).result(PATIENCE)
        self.assertEqual(busy, [2] * 4)

    def test_a_session_is_the_extra(self):
        pool = self.make(1)

        def f():
            with pool.cell() as cell:
                self.assertRaises(RuntimeError, pool.submit, "1")
                with self.assertRaises(RuntimeError):
                    pool.cell().__enter__()
                return cell.run("6*7").value
        self.assertEqual(pool.submit("f()", functions={"f": f}).result(PATIENCE).value, 42)

    def test_others_get_none(self):
        pool = self.make(1)
        futures, go = self.held(pool)
        waits = pool.submit("1")
        self.assertFalse(waits.running())
        self.assertEqual(pool.metrics.busy, 1)
        go.set()
        self.assertEqual(waits.result(PATIENCE).value, 1)

    def test_async(self):
        pool = self.make(1)

        async def f():
            return (await pool.arun("20")).value

        def g():
            return pool.submit("1").result(PATIENCE).value

        async def main():
            result = await pool.arun("await f() + g()", functions={"f": f, "g": g})
            return result.value
        self.assertEqual(asyncio.run(main()), 21)


class SessionTest(PoolTest):
    def test_session(self):
        pool = self.make()
        with pool.cell(functions={"f": lambda: 5}) as cell:
            self.assertIsInstance(cell, rexec.Cell)
            cell.run("x = f()")
            self.assertEqual(cell.run("x").value, 5)
            self.assertEqual(pool.metrics.busy, 1)
            pid = cell._worker.pid
        self.assertTrue(cell.closed)
        self.assertRaises(rexec.CellClosed, cell.run, "1")
        self.assertEqual(pool.metrics.busy, 0)
        until(lambda: is_gone(pid), "the end of the cell")

    def test_files(self):
        pool = self.make()
        with pool.cell(open=rexec.Overlay(os.path.dirname(__file__))) as cell:
            name = os.path.basename(__file__).replace(".pyc", ".py")
            self.assertIn("Pools", cell.run(f"open({name!r}).read()").value)
        with pool.cell() as cell, self.assertRaises(rexec.CellError):
            cell.run(f"open({name!r}).read()")

    def test_dropped(self):
        pool = self.make(1)
        session = pool.cell()
        pid = session.__enter__()._worker.pid
        self.assertEqual(pool.metrics.busy, 1)
        del session
        gc.collect()
        until(lambda: not pool.metrics.busy and is_gone(pid), "the place is free")
        self.assertEqual(pool.submit("1").result(PATIENCE).value, 1)

    def test_async(self):
        pool = self.make()

        async def main():
            async with pool.cell() as cell:
                await cell.arun("x = 5")
                value = (await cell.arun("x")).value
            results = await asyncio.gather(*(pool.arun("n", inputs={"n": n}) for n in range(8)))
            return value, [result.value for result in results]
        self.assertEqual(asyncio.run(main()), (5, list(range(8))))

    def test_many_threads(self):
        pool = self.make(2)
        values = []

        def work():
            with pool.cell() as cell:
                values.append(cell.run("6*7").value)
        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(values, [42] * 12)


class EndTest(PoolTest):
    def test_cancel(self):
        pool = self.make(1)
        inside = threading.Event()
        pids = []

        def f():
            pids.append(running._cell._worker.pid)
            inside.set()
        running = pool.submit("import time\nf()\nwhile True: pass", functions={"f": f})
        waiting = pool.submit("1")
        self.assertTrue(inside.wait(PATIENCE))
        self.assertTrue(running.running())
        self.assertTrue(waiting.cancel())
        self.assertEqual(pool.metrics.waiting, 0)
        self.assertTrue(running.cancel())
        self.assertTrue(running.cancel())
        done, others = concurrent.futures.wait([running, waiting], PATIENCE)
        self.assertEqual(others, set())
        self.assertRaises(concurrent.futures.CancelledError, running.result, 0)
        until(lambda: is_gone(pids[0]), "the end of the cell")
        self.assertEqual(pool.submit("6*7").result(PATIENCE).value, 42)
        self.assertEqual(pool.metrics.why, {"cancelled": 1})

    def test_cancel_async(self):
        pool = self.make(1)

        async def main():
            inside = asyncio.Event()

            async def f():
                inside.set()
            task = asyncio.ensure_future(pool.arun("await f()\nwhile True: pass",
                                                   functions={"f": f}))
            await inside.wait()
            waits = asyncio.ensure_future(pool.arun("1"))
            await asyncio.sleep(0)
            waits.cancel()
            task.cancel()
            outcome = await asyncio.gather(task, waits, return_exceptions=True)
            return [type(one) for one in outcome], (await pool.arun("6*7")).value
        self.assertEqual(asyncio.run(main()), ([asyncio.CancelledError] * 2, 42))

    def test_crash(self):
        pool = self.make(1)
        for number in (signal.SIGKILL, signal.SIGSEGV):
            with self.assertRaises(rexec.CellCrashed) as caught:
                future = pool.submit("f()\nwhile True: pass", functions={
                    "f": lambda: os.kill(future._cell._worker.pid, number)})
                future.result(PATIENCE)
            self.assertEqual(caught.exception.status, -number)
            self.assertEqual(pool.submit("6*7").result(PATIENCE).value, 42)
        with self.assertRaises(rexec.LimitExceeded):
            pool.submit("while True: pass", timeout=0.1).result(PATIENCE)
        self.assertEqual(pool.metrics.why, {"crashed": 2, "timeout": 1})
        self.assertEqual(pool.metrics.killed, 3)

    def test_idle_worker_that_dies(self):
        pool = self.make(1)
        until(lambda: pool.metrics.idle == 1, "a worker")
        os.kill(pool._ready[0].pid, signal.SIGKILL)
        self.assertTrue(pool._ready[0].wait(PATIENCE) or True)
        self.assertEqual(pool.submit("6*7").result(PATIENCE).value, 42)

    def test_server_that_dies(self):
        pool = self.make(1)
        first = pool._servers[0].pid
        os.kill(first, signal.SIGKILL)
        until(lambda: pool._servers[0].is_gone(), "the end of the server")
        until(lambda: all(worker.wait(0) for worker in list(pool._ready)), "the end of workers")
        self.assertEqual(pool.submit("6*7").result(PATIENCE).value, 42)
        self.assertNotEqual(pool._servers[0].pid, first)

    def test_shutdown(self):
        pool = self.make(1)
        futures, go = self.held(pool)
        futures.append(pool.submit("2"))
        pool.shutdown(wait=False)
        self.assertRaises(RuntimeError, pool.submit, "1")
        with self.assertRaises(RuntimeError):
            pool.cell().__enter__()
        go.set()
        self.assertEqual(futures[1].result(PATIENCE).value, 2)
        pool.shutdown()
        self.assertEqual(pool.metrics.idle, 0)

    def test_shutdown_cancels(self):
        pool = self.make(1)
        futures, go = self.held(pool)
        futures += [pool.submit("2") for _ in range(3)]
        pool.shutdown(wait=False, cancel_futures=True)
        self.assertTrue(all(future.cancelled() for future in futures[1:]))
        go.set()
        self.assertIsNone(futures[0].result(PATIENCE).value)

    def test_context(self):
        with self.make() as pool:
            future = pool.submit("6*7")
        self.assertEqual(future.result(0).value, 42)
        self.assertRaises(RuntimeError, pool.submit, "1")

    def test_dropped(self):
        pool = rexec.CellPool(1, python=PYTHON)
        pool.submit("1").result(PATIENCE)
        server = pool._servers[0].pid
        del pool

        def ended():
            gc.collect()
            return is_gone(server)
        until(ended, "the end of a pool that nobody has")

    def test_that_does_not_start(self):
        with self.assertRaisesRegex(rexec.CellCrashed, "status 1.: ModuleNotFoundError: No module") as caught:
            rexec.CellPool(1, python=PYTHON, preload=["nowhere_to_be_found"])
        self.assertIn("nowhere_to_be_found", caught.exception.stderr)
        for bad, error in (({"size": 0}, ValueError), ({"size": 1.5}, TypeError),
                           ({"queue": -1}, ValueError), ({"kernel": "maybe"}, ValueError),
                           ({"limits": 1}, TypeError)):
            self.assertRaises(error, rexec.CellPool, python=PYTHON, **bad)

    def test_supervisor_that_ends(self):
        out = run_host("""
            pool = rexec.CellPool(2, python=PYTHON)
            pool.submit("1").result()
            with pool.cell() as cell:
                print(pool._servers[0].pid, cell._worker.pid, flush=True)
                os._exit(0)
        """)
        for pid in map(int, out.split()):
            until(lambda: is_gone(pid) or is_zombie(pid), f"the end of {pid}")

    def test_fork_of_the_application(self):
        out = run_host("""
            pool = rexec.CellPool(1, python=PYTHON)
            with pool.cell() as cell:
                pid = os.fork()
                if not pid:
                    for use in (lambda: pool.submit("1"), lambda: cell.run("1")):
                        try:
                            use()
                        except rexec.CellClosed:
                            print("closed", flush=True)
                    pool.shutdown()
                    os._exit(0)
                os.waitpid(pid, 0)
                print(cell.run("6*7").value)
            print(pool.submit("6*7").result().value)
            pool.shutdown()
        """)
        # The parent may warn of its threads, before or after the child's first word.
        words = [line for line in out.splitlines() if line in ("closed", "42")]
        self.assertEqual(words, ["closed", "closed", "42", "42"])


if __name__ == "__main__":
    unittest.main()
