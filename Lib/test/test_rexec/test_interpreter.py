"""Interpreter cells."""

import asyncio
import collections
import contextlib
import gc
import os
import random
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest

import rexec
from rexec import process

from .base import CellTest, left_behind, tearDownModule, until  # noqa: F401

if not process.is_own():
    raise unittest.SkipTest("interpreter cells need Locked Down Python as the supervisor")

from rexec import interpreter      # noqa: E402


def make(limits=None, **options):
    limits = rexec.Limits(**{"memory": None, **(limits or {})})
    return rexec.Cell(isolation="interpreter", limits=limits, **options)


@contextlib.contextmanager
def nothing_left(case):
    make().close()
    before = left_behind()
    threads = thread_count()
    yield
    after = left_behind()
    case.assertLessEqual(after[1], before[1])
    until(lambda: thread_count() <= threads, "the thread gone")
    # On a busy machine one may be counted that came to its end later.
    case.assertEqual([worker for worker in interpreter._stuck if not worker.wait(0)], [])


def thread_count():
    return len(os.listdir("/proc/self/task"))


class InterpreterTest(unittest.TestCase):
    def make(self, **options):
        cell = make(**options)
        self.addCleanup(cell.close)
        return cell


class WorkTest(InterpreterTest):
    """It is the Cell that there is with a process."""

    def test_run(self):
        cell = self.make(functions={"f": lambda x, y=1: x + y})
        found = cell.run("import math, json\nx = f(n, y=2)\nprint('hello')\n[x, json.dumps(x)]",
                         inputs={"n": 3})
        self.assertEqual((found.value, found.text, found.stdout), ([5, "5"], "[5, '5']", "hello\n"))
        self.assertEqual(found.usage.calls, 1)
        self.assertEqual(cell.run("x").value, 5)
        cell.run("def g(a): return a * 2")
        self.assertEqual(cell.call("g", 4), 8)
        self.assertEqual(cell.run("input()", stdin="line\n").value, "line")
        self.assertEqual(cell.run("import m\nm.x", modules={"m": "x = 7"}).value, 7)
        self.assertIn("json", cell.modules)
        self.assertEqual(cell.kernel, 0)

    def test_own_state(self):
        """None of the supervisor's, and none of another cell's."""
        one, two = self.make(), self.make()
        one.run("import json\njson.secret = 1\nimport builtins\nbuiltins.secret = 2")
        self.assertEqual(two.run("import json\nhasattr(json, 'secret'), 'secret' in dir(__builtins__)").value,
                         (False, False))
        self.assertFalse(hasattr(__import__("json"), "secret"))
        self.assertEqual(two.run("import os, sys\ndict(os.environ), sys.argv").value, ({}, [""]))

    def test_locked(self):
        cell = self.make()
        for code in ("open('/etc/hostname')", "import os; os.listdir('/')", "import os; os.fork()",
                     "import os; os.write(2, b'x')", "import socket; socket.create_connection(('127.0.0.1', 1))",
                     "import os; os._exit(3)", "import ctypes; ctypes.CDLL(None)", "import gc; gc.get_objects()",
                     "import _rexec; _rexec.doom(1)", "import _interpreters; _interpreters.list_all()",
                     "import _interpreters; _interpreters.exec(0, 'pass')"):
            with self.subTest(code=code), self.assertRaisesRegex(rexec.CellError, "(?i)lockdown"):
                cell.run(code)

    def test_errors(self):
        cell = self.make()
        with self.assertRaises(rexec.CellError) as caught:
            cell.run("def f():\n    raise KeyError('k')\nf()")
        self.assertEqual((caught.exception.type_name, caught.exception.args), ("KeyError", ("k",)))
        self.assertIn("raise KeyError('k')", caught.exception.traceback)
        with self.assertRaises(rexec.CellError):
            cell.run("raise SystemExit(3)")
        self.assertEqual(cell.run("1").value, 1)

    def test_asyncio(self):
        async def slow(x):
            await asyncio.sleep(0.01)
            return x + 1

        async def main():
            async with make(functions={"slow": slow}) as cell:
                found = await cell.arun("import asyncio\nsum(await asyncio.gather(*map(slow, range(10))))")
                return found.value
        self.assertEqual(asyncio.run(main()), 55)

    def test_what_crosses(self):
        cell = self.make()
        for value in (None, 1.5, [1, "a", b"b" * 300_000, {2: (3,)}, 10**400]):
            self.assertEqual(cell.run("x", inputs={"x": value}).value, value)
        self.assertEqual(cell.run("x.append(1)\nx.append(2)",
                                  inputs={"x": rexec.Bastion(found := [])}).value, None)
        self.assertEqual(found, [1, 2])
        with self.assertRaisesRegex(TypeError, "only plain data"):
            cell.run("1", inputs={"x": object()})

    def test_no_threads(self):
        for limits in ({}, {"threads": None}):
            cell = self.make(limits=limits)
            with self.assertRaisesRegex(rexec.CellError, "thread is not supported"):
                cell.run("import threading\nthreading.Thread(target=print).start()")
            # What runs in an interpreter inside could not be ended.
            with self.assertRaises(rexec.LimitExceeded) as caught:
                cell.run("import _interpreters\n_interpreters.create()")
            self.assertEqual(caught.exception.limit, "threads")

    def test_refused_options(self):
        for options, regex in (({"limits": rexec.Limits()}, "memory=None"), ({"preload": ["json"]}, "preloaded"),
                               ({"kernel": "require"}, "kernel"), ({"python": "/bin/true"}, "python"),
                               ({"path": ["/tmp"]}, "preloaded"),
                               ({"limits": rexec.Limits(memory=None, cells=1, nesting=1)}, "cells"),
                               ({"isolation": "none"}, "isolation must be")):
            options = {"isolation": "interpreter", "limits": rexec.Limits(memory=None), **options}
            with self.subTest(options=options), self.assertRaisesRegex(ValueError, regex):
                rexec.Cell(**options)

    def test_at_the_same_time(self):
        """Each has its own GIL: while one computes the others go on."""
        cells = [self.make() for _ in range(3)]
        started = threading.Barrier(4, timeout=60)
        future = cells[0].start("n = 0\nwhile True: n += 1")
        try:
            for cell in cells[1:]:
                self.assertEqual(cell.run("sum(range(1000))").value, 499500)
        finally:
            self.assertFalse(future.done())
            future.cancel()
        del started

    def test_interrupt(self):
        timer = threading.Timer(0.1, lambda: cell.interrupt())
        cell = self.make(functions={"ready": timer.start})
        cell.run("x = 5")
        with self.assertRaises(rexec.CellError) as caught:
            cell.run("ready()\nwhile True: pass")
        timer.join()
        self.assertEqual(caught.exception.type_name, "KeyboardInterrupt")
        self.assertEqual(cell.run("x").value, 5)


    def test_interrupt_at_any_moment(self):
        """One that comes as the code ends, or waits for an answer, ends nothing else."""
        cell = self.make(functions={"ask": lambda: 7})
        cell.run("x = 5")
        ended = collections.Counter()
        for number in range(300):
            timer = threading.Timer(0.002 * random.random(), cell.interrupt)
            timer.start()
            try:
                ended[cell.run(("sum(range(3000)) and 7", "ask()")[number % 2]).value] += 1
            except rexec.CellError as error:
                ended[error.type_name] += 1
            timer.join()
        self.assertEqual(set(ended) - {7, "KeyboardInterrupt"}, set())
        self.assertGreater(ended[7], 0)
        self.assertEqual(cell.run("x").value, 5)


class EndTest(InterpreterTest):
    """What does not want to end."""

    def exceed(self, limit, code, **limits):
        with nothing_left(self):
            cell = make(limits=limits)
            with self.assertRaises(rexec.LimitExceeded) as caught:
                cell.run(textwrap.dedent(code))
            self.assertEqual(caught.exception.limit, limit)
            self.assertTrue(cell.closed)
            with self.assertRaises(rexec.CellClosed):
                cell.run("1")
            del cell, caught

    def test_loops(self):
        for code in ("while True: pass",
                     "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
                     "def f():\n  try:\n    while True: pass\n  except BaseException: f()\nf()",
                     "def f():\n  while True:\n    try: yield\n    except BaseException: pass\n"
                     "while True:\n  try:\n    for x in f(): pass\n  finally: continue",
                     "class C:\n  def __enter__(self): return self\n  def __exit__(self, *e): return True\n"
                     "while True:\n  with C():\n    while True: pass",
                     "import asyncio\nasync def f():\n  while True:\n    try: await asyncio.sleep(0)\n"
                     "    except BaseException: pass\nawait f()",
                     "class F:\n  def __del__(self):\n    while True:\n      try: F()\n"
                     "      except BaseException: pass\nF()",
                     "import sys\nsys.unraisablehook = sys.excepthook = lambda *a: [0 for _ in iter(int, 1)]\n"
                     "while True: pass"):
            with self.subTest(code=code):
                self.exceed("cpu", code, cpu=0.2)

    def test_waits(self):
        for code in ("import time\ntime.sleep(1000)", "import threading\nthreading.Event().wait()",
                     "import threading\nthreading.Event().wait(1000)",
                     "import _thread\nlock = _thread.allocate_lock()\nlock.acquire()\nlock.acquire()",
                     "import queue\nqueue.SimpleQueue().get()", "import queue\nqueue.Queue().get()",
                     "import queue\nqueue.SimpleQueue().get(timeout=1000)",
                     "import asyncio\nawait asyncio.sleep(1000)",
                     "import asyncio\nasync def f(): await asyncio.sleep(1000)\nasyncio.run(f())",
                     "import select\nselect.poll().poll()", "import select\nselect.epoll().poll(1000)",
                     "import time\nwhile True:\n  try: time.sleep(1000)\n  except BaseException: pass"):
            with self.subTest(code=code):
                self.exceed("wall", code, wall=0.2)

    def test_computing(self):
        """C code that looks for signals ends as well."""
        self.exceed("cpu", "import re\nre.match('(a*)*b', 'a' * 40)", cpu=0.2)

    def test_a_slice_is_not_the_end(self):
        """What waits in slices waits as long as it is told."""
        cell = self.make()
        self.assertTrue(cell.run("import time\nb = time.monotonic()\ntime.sleep(0.1)\n"
                                 "time.monotonic() - b >= 0.1").value)
        self.assertTrue(cell.run("import threading\nb = time.monotonic()\n"
                                 "r = threading.Event().wait(0.1)\n"
                                 "not r and time.monotonic() - b >= 0.1").value)
        self.assertTrue(cell.run("import select\nb = time.monotonic()\n"
                                 "r = select.poll().poll(50), select.epoll().poll(0.05)\n"
                                 "r == ([], []) and time.monotonic() - b >= 0.1").value)
        self.assertTrue(cell.run("l = threading.RLock()\nl.acquire()\nl.acquire(timeout=1)").value)

    def test_what_is_left_to_be_done(self):
        """Finalizers and the like get no more time than it takes to end them."""
        for code in ("class F:\n  def __del__(self):\n    while True: pass\nf = F()",
                     "import atexit\ndef f():\n  while True: pass\nx = atexit.register(f)",
                     "import weakref\nclass C: pass\nc = C()\ndef f(_):\n  while True: pass\n"
                     "w = weakref.ref(c, f)",
                     "import threading\ndef f():\n  while True: pass\nthreading._shutdown = f"):
            with self.subTest(code=code), nothing_left(self):
                cell = make()
                cell.run(code)
                cell.close()
                del cell

    def test_close_from_another_thread(self):
        with nothing_left(self):
            cell = make()
            future = cell.start("while True: pass")
            until(lambda: cell._run is not None and cell._run.started, "started")
            cell.close()
            self.assertIsInstance(future.exception(), rexec.CellClosed)
            del cell, future

    def test_dropped(self):
        with nothing_left(self):
            cell = make()
            cell.run("x = 1")
            del cell
            gc.collect()

    def test_no_memory_left_behind(self):
        """A hundred that were made and ended leave less than one did."""
        code = """if True:
            import os, rexec
            def resident():
                with open("/proc/self/statm") as file:
                    return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

            def use(times):
                limits = rexec.Limits(memory=None)
                for _ in range(times):
                    with rexec.Cell(isolation="interpreter", limits=limits) as cell:
                        cell.run("import json, re\\nx = [str(n) + 'x' for n in range(1000)]")

            use(20)
            # The kernel gives memory as it likes: what is left behind is left each time.
            for attempt in range(3):
                before = resident()
                use(100)
                grown = resident() - before
                if grown < 1 << 20:
                    break
            print(grown)
        """
        # What the C library has for each thread comes and goes.
        found = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True,
                               env={**os.environ, "MALLOC_ARENA_MAX": "1"})
        self.assertLess(int(found.stdout), 1 << 20)


class MailboxTest(InterpreterTest):
    """Queues and channels are the process's, and a cell's end with it."""

    def test_none_are_left(self):
        import _interpchannels
        import _interpqueues
        host = _interpqueues.create(0, 0, 1)
        self.addCleanup(_interpqueues.destroy, host)
        channel = _interpchannels.create(1)
        before = _interpqueues.list_all(), _interpchannels.list_all()
        for end in ("", "import atexit\nx = atexit.register(make)", "class F:\n  def __del__(self): make()\nf = F()"):
            with self.subTest(end=end):
                cell = self.make()
                count = cell.run("""if True:
                    import _interpqueues as queues, _interpchannels as channels
                    kept = []
                    def make():
                        queue = queues.create(0, 0, 1)
                        queues.put(queue, b"x" * 1000, 0, 1)
                        channel = channels.create(1)
                        channels.send(channel, b"x", blocking=False)
                        kept.append(channel)
                        return queues.get_count(queue), channels.get_count(channel)
                    a = make()
                """ + "\n" + end + "\na, make()").value
                self.assertEqual(count, ((1, 1), (1, 1)))
                self.assertEqual(len(_interpqueues.list_all()), len(before[0]) + 2)
                cell.close()
                self.assertEqual((_interpqueues.list_all(), _interpchannels.list_all()), before)
        del channel


class StuckTest(unittest.TestCase):
    """One that stays in a C call that looks at nothing."""

    def run_child(self, code):
        begin = "import rexec\nmake = lambda: rexec.Cell(isolation='interpreter'," \
                " limits=rexec.Limits(memory=None))\n"
        return subprocess.run([sys.executable, "-c", begin + textwrap.dedent(code)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)

    def test_counted(self):
        found = self.run_child("""\
            import gc, os
            for n in range(4):
                cell = make()
                cell.run("import socket\\na, b = socket.socketpair()")
                try:
                    # Long enough to come to the call on a busy machine.
                    cell.run("a.recv(1)", timeout=1)
                except rexec.LimitExceeded as error:
                    print(error.limit, cell.closed)
                del cell
                gc.collect()
            try:
                make()
            except RuntimeError as error:
                print(error)
            print("exits", flush=True)
            os._exit(0)
            """)
        self.assertEqual(found.stdout.splitlines(),
                         ["timeout True"] * 4
                         + ["4 interpreter cells could not be ended: no more are made", "exits"],
                         found.stderr)

    def test_exit(self):
        """It does not keep its process, which ends as it would have."""
        for use in ("cell = make()\ntry: cell.run(code)\nexcept rexec.LimitExceeded: pass",
                    "cell = make(30)\nfuture = cell.start(code)\nstarted(lambda: cell._run.started)",
                    "pool = rexec.CellPool(1, isolation='interpreter', limits=limits)\n"
                    "future = pool.submit(code)\nstarted(lambda: future._cell._run.started)"):
            for code in ("sum(range(10**14))", "import socket\na, b = socket.socketpair()\na.recv(1)"):
                with self.subTest(use=use, code=code), tempfile.TemporaryDirectory() as folder:
                    path = os.path.join(folder, "written")
                    found = self.run_child(f"""\
                        import atexit, sys, time, warnings
                        warnings.simplefilter("ignore", ResourceWarning)
                        code = {code!r}
                        limits = rexec.Limits(memory=None, cpu=None)
                        def make(wall=0.2):
                            return rexec.Cell(isolation="interpreter",
                                              limits=rexec.Limits(memory=None, cpu=None, wall=wall))
                        def started(condition):
                            while True:
                                try:
                                    if condition():
                                        return time.sleep(0.3)
                                except AttributeError:
                                    time.sleep(0.01)
                        class Last:
                            def __del__(self):
                                print("deleted")
                        last = Last()
                        atexit.register(print, "at exit")
                        file = open({path!r}, "w")
                        file.write("all")
                        exec({use!r})
                        sys.exit(3)
                        """)
                    self.assertEqual((found.stdout, found.returncode), ("at exit\ndeleted\n", 3),
                                     found.stderr)
                    self.assertEqual(found.stderr, "")
                    with open(path) as file:
                        self.assertEqual(file.read(), "all")

    def test_exit_warns(self):
        found = self.run_child("""\
            import warnings
            warnings.simplefilter("always")
            cell = make()
            try: cell.run("sum(range(10**14))", timeout=1)
            except rexec.LimitExceeded: pass
            """)
        self.assertIn("ResourceWarning: interpreter cells that could not be ended: 1;", found.stderr)
        self.assertEqual(found.returncode, 0)

    def test_a_broken_pipe_does_not_end_the_supervisor(self):
        """One that writes in a C loop, for a supervisor that closes its end and would end by SIGPIPE."""
        found = self.run_child("""\
            import signal, time
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            for n in range(40):
                cell = rexec.Cell(isolation="interpreter", limits=rexec.Limits(memory=None, output=None))
                future = cell.start(
                    "import collections, itertools, rexec.guest\\n"
                    "write = rexec.guest._worker.channel.write\\n"
                    "collections.deque(map(write, itertools.repeat(1), itertools.repeat(b'x' * 9000)), 0)")
                time.sleep(0.05)
                cell.close()
                if not isinstance(future.exception(), rexec.CellClosed):
                    print(future.exception())
            print("lives")
            """)
        self.assertEqual((found.stdout, found.stderr, found.returncode), ("lives\n", "", 0))

    def test_exit_with_cells_open(self):
        found = self.run_child("""\
            cell = make()
            other = make()
            print(cell.run("5").value)
            future = other.start("while True: pass")
            """)
        self.assertEqual((found.stdout, found.stderr, found.returncode), ("5\n", "", 0))


class PoolTest(unittest.TestCase):
    """A pool whose workers are interpreters."""

    def make(self, size=2, **options):
        pool = rexec.CellPool(size, isolation="interpreter", limits=rexec.Limits(memory=None),
                              **options)
        self.addCleanup(pool.shutdown)
        return pool

    def test_submits(self):
        with make(functions={"f": int}) as cell:
            cell.run("f(1)")        # the monitor is a thread that stays
        with nothing_left(self):
            pool = self.make()
            code = "found = 'mark' in globals()\nmark = f(n)\nfound, mark"
            futures = [pool.submit(code, inputs={"n": n}, functions={"f": lambda n: n + 1})
                       for n in range(10)]
            self.assertEqual([future.result(60).value for future in futures],
                             [(False, n + 1) for n in range(10)])
            # The same code finds its mark where a cell is used twice.
            with pool.cell(functions={"f": int}) as cell:
                cell.run(code, inputs={"n": 1})
                self.assertEqual(cell.run(code, inputs={"n": 2}).value, (True, 2))
            pool.shutdown()

    def test_it_is_this_process(self):
        pool = self.make(1)
        with pool.cell() as cell:
            self.assertEqual((cell._worker.pid, pool._servers), (0, []))
            self.assertEqual(cell.run("import os\ntry:\n    os.getpid()\nexcept Exception as e:"
                                      "\n    name = type(e).__name__\nname").value,
                             "LockdownPermissionError")

    def test_a_limit_ends_it_and_the_next_one_works(self):
        pool = self.make(1)
        with self.assertRaises(rexec.LimitExceeded):
            pool.submit("while True: pass", limits=rexec.Limits(memory=None, wall=0.2)).result(60)
        self.assertEqual(pool.submit("6*7").result(60).value, 42)
        self.assertEqual(pool.metrics.why, {"wall": 1})

    def test_what_it_cannot_have(self):
        for options in ({"preload": ["json"]}, {"path": ["/"]}, {"python": sys.executable},
                        {"kernel": "require"}, {"limits": rexec.Limits()}):
            options.setdefault("limits", rexec.Limits(memory=None))
            with self.assertRaises(ValueError):
                rexec.CellPool(1, isolation="interpreter", **options)
        with self.assertRaises(ValueError):
            rexec.CellPool(1, isolation="thread")
        pool = self.make(1)
        with self.assertRaisesRegex(ValueError, "memory"):
            pool.submit("1", limits=rexec.Limits(memory=1 << 30))


if __name__ == "__main__":
    unittest.main()
