"""Each limit ends the cell by its name and leaves nothing behind.  No test here measures time: one
that hung would be ended by its own deadline."""

import resource
import time
import unittest
from unittest import mock

import rexec

from .base import CellTest, make_cell

MIB = 1 << 20


class LimitsTest(unittest.TestCase):
    def test_values(self):
        limits = rexec.Limits(cpu=1, memory=None)
        self.assertEqual((limits.cpu, limits.memory, limits.wall), (1, None, 30))
        self.assertEqual(rexec.Limits(), rexec.Limits(cpu=10, wall=30, output=MIB, calls=10_000,
                                                      memory=256 * MIB, value=16 * MIB, depth=100,
                                                      storage=64 * MIB, handles=64, threads=8))
        for wrong in [{"cpu": -1}, {"cpu": float("inf")}, {"cpu": float("nan")}, {"depth": None},
                      {"value": None}, {"depth": 10**6}, {"memory": 1 << 60}, {"wall": -0.1},
                      {"cpu": 1e300}, {"threads": 1 << 70}, {"memory": MIB - 1}]:
            (name,) = wrong
            with self.subTest(wrong=wrong), self.assertRaisesRegex(ValueError, name):
                rexec.Limits(**wrong)
        for wrong in [{"cpu": "1"}, {"calls": 1.5}, {"threads": True}, {"memory": "64M"}]:
            (name,) = wrong
            with self.subTest(wrong=wrong), self.assertRaisesRegex(TypeError, name):
                rexec.Limits(**wrong)
        with self.assertRaises(AttributeError):
            limits.cpu = 5

    def test_least_memory(self):
        """What is accepted works, and what is not is told what would be."""
        with self.assertRaisesRegex(ValueError, f"memory must be at least {MIB} bytes") as caught:
            rexec.Limits(memory=0)
        self.assertIn("not 0", str(caught.exception))
        for _ in range(5):
            with make_cell(limits={"memory": MIB}) as cell:
                self.assertEqual(cell.run("6*7").value, 42)

    def test_lower(self):
        limits = rexec.Limits(cpu=5)
        self.assertEqual(limits.lower(cpu=1).cpu, 1)
        self.assertEqual(rexec.Limits(cpu=None).lower(cpu=1).cpu, 1)
        for change in ({"cpu": 6}, {"cpu": None}):
            with self.assertRaisesRegex(ValueError, "cpu can only be lowered"):
                limits.lower(**change)

    def test_what_cannot_be_kept(self):
        from rexec.limits import check_kept
        check_kept(rexec.Limits())
        with mock.patch("sys.platform", "plan9"):
            with self.assertRaisesRegex(ValueError, "memory cannot be kept"):
                check_kept(rexec.Limits(cpu=None))
            check_kept(rexec.Limits(cpu=None, memory=None))


class CpuTest(CellTest):
    BOMBS = {
        "loop": "while True: pass",
        "catching": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "pattern": "import re\nre.match('(a+)+b', 'a' * 60)",
        "power": "10**10**8",
        "sum": "sum(range(10**12))",
        "append": "l = []\nwhile True:\n    try: l.append(l)\n    except MemoryError: pass",
        "output": "while True: print('x' * 1000)",
        "handlers": "import signal\nfor n in (2, 15, 24):\n    signal.signal(n, lambda *a: None)\n"
                    "while True: pass",
        "text": "n = 10**4000\nwhile True: str(n)",
        "threads": "import threading\ndef spin():\n    while True: pass\n"
                   "for i in range(3): threading.Thread(target=spin).start()\nspin()",
        "finalizer": "class F:\n    def __del__(self):\n        while True: pass\nF()",
        "repr": "class R:\n    def __repr__(self):\n        while True: pass\nR()",
        "str": "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
        "exit": "import atexit\nwhile True:\n    try: exit()\n    except SystemExit: pass",
        "await": "import asyncio\nwhile True: await asyncio.sleep(0)",
    }

    def test_bombs(self):
        for name, code in self.BOMBS.items():
            with self.subTest(name=name):
                error = self.exceed("cpu", code, cpu=0.3)
                self.assertGreaterEqual(error.result.usage.cpu, 0.3)

    def test_a_thread_spins_while_another_waits(self):
        waited = []

        def slow():
            time.sleep(1)
            waited.append(True)
            return 5
        self.exceed("cpu", "import threading\ndef spin():\n    while True: pass\n"
                           "threading.Thread(target=spin).start()\nwhile True: slow()",
                    functions={"slow": slow}, cpu=0.3)

    def test_a_thread_left_behind_stands_still(self):
        cell = self.make()
        cell.run("import threading, time\nn = 0\ndef spin():\n    global n\n"
                 "    while True: n += 1\nthreading.Thread(target=spin).start()\ntime.sleep(0.05)")
        before = cell._worker.cpu()
        time.sleep(0.2)
        self.assertLess(cell._worker.cpu() - before, 0.05)
        self.assertGreater(cell.run("n").value, 0)
        cell.run("time.sleep(0.01)")

    def test_is_per_run(self):
        cell = self.make(limits={"cpu": 0.5})
        for _ in range(4):
            cell.run("import time\nend = time.process_time() + 0.2\n"
                     "while time.process_time() < end: pass")

    def test_the_net(self):
        """The kernel ends what the supervisor's clock does not."""
        cell = self.make(limits={"cpu": 0.3})
        cell._worker.cpu = lambda: None
        with self.assertRaises(rexec.CellCrashed) as caught:
            cell.run("while True: pass")
        self.assertEqual(caught.exception.status, -24)


class WallTest(CellTest):
    def test_wall(self):
        self.exceed("wall", "import time\ntime.sleep(60)", wall=0.2)
        self.exceed("wall", "import threading\nthreading.Event().wait()", wall=0.2)
        self.exceed("wall", "import asyncio\nawait asyncio.sleep(60)", wall=0.2)

    def test_pauses_while_a_function_runs(self):
        # What runs besides the function may take its time on a busy machine.
        cell = self.make(limits={"wall": 2}, functions={"slow": lambda: time.sleep(3)})
        result = cell.run("slow()")
        self.assertLess(result.usage.wall, 2)

    def test_goes_on_while_another_thread_waits(self):
        def slow():
            time.sleep(0.6)
        self.exceed("wall", "import threading, time\nthreading.Thread(target=slow).start()\n"
                            "time.sleep(60)", functions={"slow": slow}, wall=0.3)

    def test_timeout(self):
        self.exceed("timeout", "import time\ntime.sleep(60)", timeout=0.2)
        self.exceed("timeout", "while True: pass", timeout=0.2)
        # It never pauses; what a function returned is dropped.
        done = []

        def slow():
            time.sleep(3)
            done.append(1)
        self.exceed("timeout", "slow()\nslow()", functions={"slow": slow}, timeout=2)
        self.assertEqual(done, [1])

    def test_zero(self):
        self.exceed("timeout", "1", timeout=0)


class MemoryTest(CellTest):
    BOMBS = {
        "small objects": "l = []\nwhile True: l.append([1])",
        "blocks": "l = []\nwhile True: l.append(bytearray(1000))",
        "large": "'a' * 10**9",
        "strings": "s = 'a'\nwhile True: s += s",
        "dict": "d = {}\nwhile True: d[len(d)] = str(len(d))",
        "in a function": "def f(l):\n    while True: l = [l, 'x' * 1000]\nf(None)",
        "in a thread": "l = []\ndef f():\n    try:\n        while True: l.append([1])\n"
                       "    except MemoryError: failed.append(1)\nimport threading\nfailed = []\n"
                       "t = threading.Thread(target=f); t.start(); t.join()\nl.append(bytes(10**9))",
        "raised again": "l = []\ntry:\n    while True: l.append([1])\n"
                        "except MemoryError: raise MemoryError",
        "raised": "raise MemoryError",
        "repr": "class C:\n    def __repr__(self): return 'a' * 10**9\nC()",
    }

    def test_bombs(self):
        for name, code in self.BOMBS.items():
            with self.subTest(name=name):
                self.exceed("memory", code, memory=64 * MIB)

    def test_the_ring_needs_little(self):
        """A small limit must not cost the kernel's ring."""
        level = self.cell.kernel
        self.assertEqual(self.make(limits={"memory": 1 << 20}).kernel, level)

    def test_memory_error_comes_first(self):
        cell = self.make(limits={"memory": 64 * MIB})
        code = "try: x = bytes(10**8)\nexcept MemoryError: x = 'caught'\nx"
        for _ in range(3):
            self.assertEqual(cell.run(code).value, "caught")
        self.assertEqual(cell.run("len(bytes(10**7))").value, 10**7)

    def test_none(self):
        cell = self.make(limits={"memory": None})
        self.assertEqual(cell.run("len(bytes(3 * 10**8))").value, 3 * 10**8)
        for code in ("raise MemoryError", "bytes(1 << 60)", "eval('-' * 10**5 + '1')"):
            with self.assertRaises(rexec.CellError) as caught:
                cell.run(code)
            self.assertEqual(caught.exception.type_name, "MemoryError")
        self.assertEqual(cell.run("1").value, 1)

    def test_a_value_that_does_not_fit(self):
        cell = self.make(limits={"memory": 16 * MIB, "value": 64 * MIB})
        with self.assertRaises(rexec.LimitExceeded) as caught:
            cell.run("x", inputs={"x": bytes(40 * MIB)})
        self.assertEqual(caught.exception.limit, "memory")

    def test_usage_is_the_childs_own(self):
        large = bytearray(200 * MIB)
        large[::4096] = b"x" * len(large[::4096])
        self.assertLess(make_and_run("1").usage.memory, 60 * MIB)


def make_and_run(code, **options):
    with make_cell(**options) as cell:
        return cell.run(code)


class CountTest(CellTest):
    def test_calls(self):
        made = []
        error = self.exceed("calls", "while True: f()", functions={"f": lambda: made.append(1)},
                            calls=50)
        self.assertEqual(len(made), 50)
        self.assertEqual(error.result.usage.calls, 51)
        self.exceed("calls", "while True:\n    try: f()\n    except BaseException: pass",
                    functions={"f": lambda: 1 / 0}, calls=50)
        cell = self.make(limits={"calls": 5}, functions={"f": lambda: 1})
        for _ in range(3):
            cell.run("for i in range(5): f()")

    def test_threads(self):
        code = "import threading, time\nfor i in range({}):\n" \
               "    threading.Thread(target=time.sleep, args=({},)).start()"
        self.exceed("threads", code.format(9, 60), threads=8)
        self.exceed("threads", "import threading\ndef bomb():\n"
                    "    while True:\n        try: threading.Thread(target=bomb).start()\n"
                    "        except BaseException: pass\nbomb()")
        self.exceed("threads", "import _thread\n_thread.start_new_thread(print, ())", threads=0)
        cell = self.make(limits={"threads": 3})
        for _ in range(10):
            cell.run(code.format(3, 0) + "\nfor t in threading.enumerate()[1:]: t.join()")
        cell.run("from concurrent.futures import ThreadPoolExecutor\n"
                 "with ThreadPoolExecutor(3) as p: list(p.map(str, range(100)))")

    def test_threads_of_a_supervisor_with_a_large_stack(self):
        old = resource.getrlimit(resource.RLIMIT_STACK)
        if old[1] != resource.RLIM_INFINITY and old[1] < 256 * MIB:
            self.skipTest("the stack may not have 256 MiB here")
        resource.setrlimit(resource.RLIMIT_STACK, (256 * MIB, old[1]))
        try:
            cell = self.make()
        finally:
            resource.setrlimit(resource.RLIMIT_STACK, old)
        cell.run("import threading\ngo = threading.Event()\n"
                 "all = [threading.Thread(target=go.wait) for _ in range(8)]\n"
                 "for t in all: t.start()\ngo.set()\nfor t in all: t.join()")

    def test_threads_cannot_be_lifted(self):
        find = "import sys\nf = sys._getframe()\nwhile f and '_worker' not in f.f_globals:" \
               " f = f.f_back\nf.f_globals['_worker'].channel.limit_threads(1000, print)"
        with self.assertRaisesRegex(rexec.CellError, "there is a limit already"):
            self.cell.run(find)

    def test_output(self):
        result = make_and_run("for i in range(10**5): print('x' * 100)")
        self.assertTrue(result.stdout.startswith("x" * 100 + "\nxxx"))
        self.assertIn("output cut: its limit is 1048576 bytes", result.stdout[-60:])
        self.assertLess(len(result.stdout), MIB + 100)
        self.assertEqual(result.usage.output, MIB)
        cell = self.make(limits={"output": 10})
        self.assertEqual(cell.run("import sys\nprint('12345'); print('6789a', file=sys.stderr)\n"
                                  "print('more')").stderr[:4], "6789")
        self.assertEqual(cell.run("print('12345')").stdout, "12345\n")
        self.assertEqual(self.make(limits={"output": 0}).run("print('x')").stdout, "")

    def test_value(self):
        self.exceed("value", "'a' * 10**6", value=MIB)
        self.exceed("value", "f('a' * 10**6)", functions={"f": len}, value=MIB)
        self.exceed("value", "f()", functions={"f": lambda: "a" * 10**6}, value=MIB)
        self.exceed("value", "1 << (65 << 13)")
        self.exceed("value", "[[]] * 10**6", value=MIB)
        cell = self.make(limits={"value": 1000})
        with self.assertRaises(rexec.LimitExceeded) as caught:
            cell.run("1", inputs={"x": bytes(1000)})
        self.assertEqual(caught.exception.limit, "value")
        self.assertTrue(cell.closed)

    def test_depth(self):
        code = "x = []\nfor i in range({}): x = [x]\n"
        self.exceed("depth", code.format(200) + "x")
        self.exceed("depth", code.format(200) + "f(x)", functions={"f": len})
        self.assertIsInstance(make_and_run(code.format(90) + "x").value, list)


class ComputingTest(CellTest):
    """What ends by an error of the code."""

    def test_errors(self):
        for code, kind in [
                ("def f(): f()\nf()", "RecursionError"),
                ("import json; json.loads('[' * 100000)", "RecursionError"),
                ("str(10**100000)", "ValueError"), ("int('1' * 100000)", "ValueError"),
                ("class C:\n    def __repr__(self): return repr(self)\nrepr(C())",
                 "RecursionError"),
                ("x = []\nfor i in range(10**5): x = [x]\nrepr(x)", "RecursionError"),
                ("eval('(' * 1000 + ')' * 1000)", "SyntaxError"),
                ("compile('-' * 10**5 + '1', '', 'eval')", "MemoryError")]:
            with self.subTest(code=code):
                cell = self.make()
                try:
                    cell.run(code)
                except rexec.CellError as error:
                    self.assertEqual(error.type_name, kind)
                    self.assertEqual(cell.run("6*7").value, 42)
                except rexec.LimitExceeded as error:
                    self.assertEqual((kind, error.limit), ("MemoryError", "memory"))


if __name__ == "__main__":
    unittest.main()
