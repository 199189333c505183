"""Cells that are made in cells."""

import asyncio
import errno
import gc
import os
import shutil
import signal
import tempfile
import textwrap
import threading
import time
import unittest

import rexec
from rexec import channel as kinds
from rexec.nest import Nest, Origin
from rexec.values import encode

from .base import (PATIENCE, PYTHON, CellTest, is_gone, make_cell, nothing_left,    # noqa: F401
                   tearDownModule, until)
from .impostor import STARTED, FakeWorker, frame, result

MIB = 1 << 20
NESTED = {"cells": 8, "nesting": 3}
BEGIN = "import rexec, lockdownlib\n"


def inners(cell):
    """The workers of the cells inside."""
    return [inner.worker for inner in cell._nest._inners.values()]


def state_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def memory_of(pid):
    """(soft, hard) limit of the address space."""
    with open(f"/proc/{pid}/limits") as file:
        for line in file:
            if line.startswith("Max address space"):
                return tuple(map(int, line.split()[3:5]))


class NestTest(CellTest):
    options = {"limits": NESTED}

    def nested(self, code, **options):
        return self.cell.run(BEGIN + textwrap.dedent(code), **options)

    def assert_nested(self, code, value, **options):
        self.assertEqual(self.nested(code, **options).value, value)

    def refused(self, expression, regex):
        with self.assertRaisesRegex(rexec.CellError, regex) as caught:
            self.nested(expression)
        self.assertEqual(caught.exception.type_name, "lockdownlib.LockdownError")


class CellInCellTest(NestTest):
    """It is the Cell that there is outside."""

    def test_run(self):
        self.assert_nested("""\
            with rexec.Cell() as cell:
                first = cell.run("import math\\nx = math.comb(n, 2)\\nprint('hello')\\nx", inputs={"n": 8})
                second = cell.run("x + 1", stdin="")
            first.value, first.text, first.stdout, second.value, cell.closed, isinstance(cell, rexec.Cell)
            """, (28, "28", "hello\n", 29, True, True))

    def test_values(self):
        self.assert_nested("""\
            import datetime, decimal
            value = [1, 2.5, "\\u1234", b"x" * 300_000, {"a": (1, {2}), None: range(3)},
                     datetime.date(2000, 1, 2), decimal.Decimal("1.5"), 10**400]
            with rexec.Cell() as cell:
                got = cell.run("value", inputs={"value": value}).value
                try:
                    cell.run("1", inputs={"value": rexec})
                except TypeError as error:
                    why = str(error)
            got == value, "module" in why
            """, (True, True))

    def test_functions(self):
        asked = []
        cell = self.make(functions={"top": lambda x: asked.append(x) or x * 2, "other": print})
        found = cell.run(BEGIN + textwrap.dedent("""\
            def up(x, *, more=0):
                if x < 0:
                    raise ValueError("negative")
                return top(x) + more
            cell = rexec.Cell(functions={"up": up})
            value = cell.run("try: up(-1)\\nexcept ValueError as e: why = str(e)\\n"
                             "up(5, more=1), why").value
            missing = []
            for name in ("top", "other"):
                try:
                    cell.run(name)
                except rexec.CellError as error:
                    missing.append(error.type_name)
            value, missing
            """))
        self.assertEqual(found.value, ((11, "negative"), ["NameError", "NameError"]))
        self.assertEqual(asked, [5])

    def test_function_that_runs_another(self):
        self.assert_nested("""\
            one = rexec.Cell()
            two = rexec.Cell(functions={"f": lambda x: one.run(f"{x} + 1").value})
            two.run("f(f(f(1)))").value
            """, 4)

    def test_busy(self):
        self.assert_nested("""\
            def again():
                try:
                    cell.run("1")
                except RuntimeError as error:
                    return str(error)
            cell = rexec.Cell(functions={"again": again})
            cell.run("again()").value
            """, "cell is busy")

    def test_bastion(self):
        self.assert_nested("""\
            class Account:
                balance = 0
                def deposit(self, amount):
                    self.balance += amount
                    return self.balance
            account = Account()
            cell = rexec.Cell(functions={"own": lambda thing: thing is account})
            cell.run("a.deposit(5)", inputs={"a": rexec.Bastion(account)})
            cell.run("a.deposit(6), own(a), hasattr(a, 'balance'), repr(a)").value
            """, (11, True, False, "<Bastion for Account>"))

    def test_streams(self):
        self.assert_nested("""\
            pieces = []
            feed = iter(["one\\n", "two\\n", ""])
            cell = rexec.Cell(stdout=pieces.append)
            found = cell.run("import sys\\nfor line in sys.stdin: print(line, end='')\\n"
                             "print('bad', file=sys.stderr)", stdin=lambda: next(feed))
            found.stdout, found.stderr, "".join(pieces)
            """, ("one\ntwo\n", "bad\n", "one\ntwo\n"))

    def test_modules(self):
        self.assert_nested("""\
            cell = rexec.Cell()
            a = cell.run("import helper\\nhelper.x", modules={"helper": "x = 5"}).value
            cell.run("def f(a, b=1): return a + b")
            a, cell.call("f", 2, b=3), "json" in cell.modules, "_ctypes" in cell.modules
            """, (5, 5, True, False))

    def test_errors(self):
        found = self.nested("""\
            cell = rexec.Cell()
            try:
                cell.run("def f():\\n    raise LookupError('no', 3)\\nf()")
            except rexec.CellError as error:
                first = error.type_name, error.args, error.traceback
            try:
                cell.run("import os; os._exit(3)")
            except rexec.CellError as error:
                second = error.type_name
            first, second, cell.run("7").value
            """).value
        self.assertEqual(found[0][:2], ("LookupError", ("no", 3)))
        self.assertIn("raise LookupError('no', 3)", found[0][2])
        self.assertEqual(found[1:], ("lockdownlib.LockdownPermissionError", 7))

    def test_files(self):
        self.assert_nested("""\
            files = {"/a": b"text"}
            def policy(path, mode):
                if path not in files:
                    raise FileNotFoundError(2, "none")
                return files[path]
            cell = rexec.Cell(open=policy)
            cell.run("try: open('/b')\\nexcept FileNotFoundError as e: why = e.errno\\n"
                     "open('/a').read(), why").value
            """, ("text", 2))

    def test_folders(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        for name, text in (("a/one", "1"), ("a/deep/two", "22"), ("secret", "s"), ("b/old", "o")):
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        os.symlink("../secret", os.path.join(folder, "a/link"))
        os.symlink("one", os.path.join(folder, "a/inside"))
        cell = self.make(open=rexec.ReadWrite(folder, at="/data"))
        found = cell.run(BEGIN + textwrap.dedent("""\
            cell = rexec.Cell(open=[rexec.ReadOnly("a", at="/a"), rexec.ReadWrite("/data/b", at="/b")])
            cell.run('''if True:
                import os, pathlib
                def errno_of(function, *args):
                    try:
                        return function(*args), None
                    except OSError as error:
                        return error.errno
                with open("/b/new", "w") as file:
                    written = file.write("new text")
                with open("/b/new", "a") as file:
                    written = file.write("!")
                with open("/b/new", "r+") as file:
                    size = file.truncate(5)
                os.mkdir("/b/folder")
                os.rename("/b/old", "/b/folder/moved")
                os.mkdir("/b/other")
                os.rmdir("/b/other")
            ''')
            read = cell.run('''[open("/a/one").read(), open("/a/deep/two").read(), os.getcwd(),
                sorted(os.listdir("/a")), os.stat("/a/deep/two").st_size,
                sorted(str(p) for p in pathlib.Path("/b").rglob("*"))]''').value
            errors = cell.run('''[errno_of(open, p) for p in ("/a/link", "/a/inside", "/a/../secret",
                "/data/secret", "/a/deep/../../secret", "/a/one/../one", "/a/none", "/a/deep")]''').value
            changes = cell.run('''[errno_of(f, *a) for f, *a in ((open, "/a/x", "w"),
                (os.remove, "/a/one"), (os.mkdir, "/a/x"), (os.rename, "/b/new", "/a/new"),
                (os.rmdir, "/b"), (os.mkdir, "/b/folder"), (open, "/b/new", "x"))]''').value
            try:
                rexec.Cell(open=[rexec.ReadOnly("a", at="/a"), rexec.ReadOnly("a/deep", at="/b")])
            except ValueError as error:
                why = str(error)
            read, errors, changes, why, open("b/new").read()
            """))
        read, errors, changes, why, new = found.value
        self.assertEqual(read, ["1", "22", "/a", ["deep", "inside", "link", "one"], 2,
                                ["/b/folder", "/b/folder/moved", "/b/new"]])
        self.assertEqual(errors, [errno.EACCES, errno.EACCES, errno.EACCES, errno.ENOENT, errno.EACCES,
                                  errno.ENOTDIR, errno.ENOENT, errno.EISDIR])
        self.assertEqual(changes, [errno.EROFS, errno.EROFS, errno.EROFS, errno.EXDEV, errno.EBUSY,
                                   errno.EEXIST, errno.EEXIST])
        self.assertIn("not disjoint", why)
        self.assertEqual(new, "new t")
        with open(os.path.join(folder, "b/folder/moved")) as file:
            self.assertEqual(file.read(), "o")

    def test_storage(self):
        """What an inner cell writes the outer one has written."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        cell = self.make(open=rexec.ReadWrite(folder), limits={**NESTED, "storage": 12_000})
        with self.assertRaises(rexec.LimitExceeded) as caught:
            cell.run(BEGIN + textwrap.dedent("""\
                for n in range(3):
                    with rexec.Cell(open=rexec.ReadWrite("/data")) as inner:
                        inner.run(f"with open('/data/{n}', 'w') as file: file.write('x' * 4000)")
                """))
        self.assertEqual(caught.exception.limit, "storage")
        self.assertEqual(sorted(os.listdir(folder))[:2], ["0", "1"])

    def test_asyncio(self):
        code = """\
            import asyncio
            async def slow(x):
                await asyncio.sleep(0.01)
                return x + 1
            def plain(x):
                return x * 2
            async with rexec.Cell(functions={"slow": slow, "plain": plain}) as cell:
                found = await cell.arun("import asyncio\\n"
                                        "sum(await asyncio.gather(*map(slow, range(70)))), plain(4)")
                await cell.arun("def f(x): return x")
                called = await cell.acall("f", 3)
            found.value, called
            """
        self.assert_nested(code, ((sum(range(71)), 8), 3))
        found = asyncio.run(self.cell.arun(BEGIN + textwrap.dedent(code)))
        self.assertEqual(found.value, ((sum(range(71)), 8), 3))

    def test_at_once(self):
        """Several run at the same time, each for a thread of the outer cell."""
        self.assert_nested("""\
            cells = [rexec.Cell() for _ in range(3)]
            futures = [cell.start("import time\\nfor n in range(5): time.sleep(0.02); print(n)\\nn")
                       for cell in cells]
            cells[0].closed, [future.result().value for future in futures]
            """, (False, [4, 4, 4]))

    def test_interrupt(self):
        self.assert_nested("""\
            import threading
            timer = threading.Timer(0.1, lambda: cell.interrupt())
            cell = rexec.Cell(functions={"ready": timer.start})
            cell.run("x = 5")
            try:
                cell.run("ready()\\nwhile True: pass")
            except rexec.CellError as error:
                why = error.type_name
            timer.join()
            why, cell.run("x").value
            """, ("KeyboardInterrupt", 5))

    def test_interrupt_from_outside(self):
        cell = self.make(functions={"ready": lambda: timer.start()})
        timer = threading.Timer(0.1, cell.interrupt)
        found = cell.run(BEGIN + textwrap.dedent("""\
            cell = rexec.Cell(functions={"ready": ready})
            try:
                cell.run("ready()\\nwhile True: pass")
            except KeyboardInterrupt:
                why = "interrupted"
            why, cell.closed
            """))
        timer.join()
        self.assertEqual(found.value, ("interrupted", True))

    def test_deep(self):
        found = self.make(functions={"top": lambda x: x + ["top"]}).run(BEGIN + textwrap.dedent('''\
            limits = rexec.Limits(memory=120 << 20, cells=2, nesting=2)
            one = rexec.Cell(limits=limits, functions={"f": lambda x: top(x + [1])})
            one.run("""if True:
                import rexec
                limits = rexec.Limits(memory=60 << 20, cells=1, nesting=1)
                two = rexec.Cell(limits=limits, functions={"g": lambda x: f(x + [2])})
                two.run(\'\'\'if True:
                    import rexec
                    three = rexec.Cell(limits=rexec.Limits(memory=30 << 20),
                                       functions={"h": lambda x: g(x + [3])})
                \'\'\')
            """)
            deep = one.run("two.run('three.run(\\"h([4])\\").value').value").value
            why = one.run("""if True:
                try:
                    two.run("three.run('import rexec; rexec.Cell()')")
                except rexec.CellError as error:
                    why = str(error)
            why""").value
            deep, why
            '''))
        self.assertEqual(found.value[0], [4, 3, 2, 1, "top"])
        self.assertIn("LockdownError", found.value[1])

    def test_preload(self):
        cell = self.make(preload=["json", "csv"])
        found = cell.run(BEGIN + textwrap.dedent("""\
            cell = rexec.Cell(preload=["json"])
            try:
                rexec.Cell(preload=["decimal"])
            except lockdownlib.LockdownError as error:
                why = str(error)
            why, cell.run("import sys\\n'json' in sys.modules, 'csv' in sys.modules").value
            """))
        self.assertIn("module", found.value[0])
        self.assertEqual(found.value[1], (True, False))

    def test_pool(self):
        with rexec.CellPool(1, limits=rexec.Limits(**NESTED), python=PYTHON) as pool:
            for _ in range(2):
                found = pool.submit(BEGIN + "rexec.Cell().run('6 * 7').value").result()
                self.assertEqual(found.value, 42)
            limits = rexec.Limits()
            future = pool.submit(BEGIN + "rexec.Cell()", limits=limits)
            with self.assertRaisesRegex(rexec.CellError, "LockdownError"):
                future.result()


class RightsTest(NestTest):
    """An inner cell has what the outer one has, or less."""

    def test_off(self):
        for limits in ({}, {"cells": 3}, {"nesting": 3}):
            cell = self.make(limits=limits)
            with self.assertRaises(rexec.CellError) as caught:
                cell.run("import rexec\nrexec.Cell()")
            self.assertEqual(caught.exception.type_name, "lockdownlib.LockdownError")
            with self.assertRaises(rexec.CellCrashed):
                cell.run("import rexec.guest\n"
                         "rexec.guest._worker.ask('cell', 'make', ({'memory': 1, 'preload': []},))")

    def test_more_limits(self):
        for name in ("cpu", "wall", "output", "calls", "memory", "value", "storage", "handles",
                     "threads"):
            most = getattr(self.cell.limits, name)
            self.refused(f"rexec.Cell(limits=rexec.Limits(**{{'memory': 1 << 25, {name!r}: {most + 1}}}))",
                         f"{name}={most + 1} is more")
            if name != "value":
                self.refused(f"rexec.Cell(limits=rexec.Limits(**{{'memory': 1 << 25, {name!r}: None}}))",
                             f"{name}=None is more")
        self.refused("rexec.Cell(limits=rexec.Limits(memory=1 << 25, depth=101))", "depth=101")
        self.refused("rexec.Cell(limits=rexec.Limits(memory=1 << 25, cells=9, nesting=1))", "cells=9")
        self.refused("rexec.Cell(limits=rexec.Limits(memory=1 << 25, cells=1, nesting=3))",
                     "nesting=3")
        self.assertEqual(inners(self.cell), [])

    def test_other_options(self):
        self.refused("rexec.Cell(python='/bin/sh')", "python")
        self.refused("rexec.Cell(path=['/tmp'])", "path")
        if not self.cell.kernel:
            self.refused("rexec.Cell(kernel='require')", "ring")
        with self.assertRaisesRegex(rexec.CellError, "Lockdown"):
            self.nested("rexec.CellPool(1)")

    def test_kernel(self):
        """Nothing takes the ring away."""
        self.assert_nested("cell = rexec.Cell(kernel='off')\ncell.kernel", self.cell.kernel)
        self.assertEqual([worker.kernel for worker in inners(self.cell)], [self.cell.kernel])

    def test_defaults(self):
        self.assert_nested("""\
            cell = rexec.Cell()
            try:
                cell.run("import rexec\\nrexec.Cell()")
            except rexec.CellError as error:
                why = error.type_name
            cell.limits.memory, cell.limits.cpu, cell.limits.cells, why
            """, (64 * MIB, 10, 0, "lockdownlib.LockdownError"))

    def test_around_the_half_in_the_cell(self):
        """What the cell's own half checks, it checks for the error's sake."""
        self.nested("""\
            from rexec import guestcells
            guestcells._share.limits = rexec.Limits(cells=None, nesting=16, memory=None, threads=None)
            """)
        self.refused("rexec.Cell(limits=rexec.Limits(memory=257 << 20))", "of which there are")
        self.refused("rexec.Cell(limits=rexec.Limits(memory=None))", "of which there are")
        self.refused("rexec.Cell(limits=rexec.Limits(memory=255 << 20))", "in use")
        self.assertEqual(inners(self.cell), [])
        # The number of threads is the outer cell's, whatever the tenant says.
        found = self.nested("""\
            cell = rexec.Cell(limits=rexec.Limits(memory=200 << 20, threads=None))
            try:
                cell.run("import threading\\ne = threading.Event()\\n"
                         "for n in range(9): threading.Thread(target=e.wait, daemon=True).start()")
            except rexec.LimitExceeded as error:
                why = error.limit
            why
            """)
        self.assertEqual(found.value, "threads")


class SharesTest(NestTest):
    """What inner cells use is taken out of what the outer one may use."""

    def test_memory(self):
        pid = self.cell._worker.pid
        soft, hard = memory_of(pid)
        self.nested("one = rexec.Cell(limits=rexec.Limits(memory=50 << 20))\n"
                    "two = rexec.Cell(limits=rexec.Limits(memory=30 << 20))")
        self.assertEqual(memory_of(pid), (soft - 80 * MIB, hard))
        with self.assertRaisesRegex(rexec.CellError, "MemoryError"):
            self.nested("try: x = bytes(180 << 20)\n"
                        "except MemoryError: raise RuntimeError('MemoryError')")
        self.nested("one.close()")
        self.assertEqual(memory_of(pid), (soft - 30 * MIB, hard))
        # One that nobody has any more is found when its memory is wanted.
        self.nested("del two\nthree = rexec.Cell(limits=rexec.Limits(memory=230 << 20))")
        self.assertEqual(memory_of(pid), (soft - 230 * MIB, hard))
        self.nested("three.close()\nx = bytes(180 << 20)")

    def test_memory_of_those_inside(self):
        pid = self.cell._worker.pid
        soft, hard = memory_of(pid)
        self.nested("one = rexec.Cell(limits=rexec.Limits(memory=100 << 20, cells=2, nesting=1))\n"
                    "one.run('import rexec\\ntwo = rexec.Cell(limits=rexec.Limits(memory=40 << 20))')")
        self.assertEqual(memory_of(pid), (soft - 100 * MIB, hard))
        one, two = inners(self.cell)
        soft_of_one, hard_of_one = memory_of(one.pid)
        self.assertEqual(soft_of_one, hard_of_one - 40 * MIB)
        self.nested("one.run('two.close()')")
        self.assertEqual(memory_of(one.pid), (hard_of_one, hard_of_one))
        self.nested("one.close()")
        self.assertEqual(memory_of(pid), (soft, hard))

    def test_memory_beyond(self):
        self.assert_nested("""\
            cell = rexec.Cell(limits=rexec.Limits(memory=20 << 20))
            try:
                cell.run("x = bytes(30 << 20)")
            except rexec.LimitExceeded as error:
                why = error.limit
            why
            """, "memory")

    def gone_by(self, limit, code, functions=None, **limits):
        """The outer cell goes beyond a limit by what an inner one does, and all are gone."""
        with nothing_left(self):
            cell = make_cell(limits={**NESTED, **limits}, functions=functions)
            cell.run(BEGIN + "cell = rexec.Cell()")
            pids = [cell._worker.pid, *(worker.pid for worker in inners(cell))]
            self.assertEqual(len(pids), 2)
            with self.assertRaises(rexec.LimitExceeded) as caught:
                cell.run(BEGIN + textwrap.dedent(code))
            self.assertEqual(caught.exception.limit, limit)
            self.assertTrue(cell.closed)
            for pid in pids:
                self.assertTrue(is_gone(pid))
            del cell
        return caught.exception

    def test_cpu(self):
        error = self.gone_by("cpu", "cell.run('while True: pass')", cpu=2)
        self.assertGreater(error.result.usage.cpu, 1.9)

    def test_cpu_in_a_function(self):
        """Also while the outer cell does something else."""
        self.gone_by("cpu", """\
            import time
            cell = rexec.Cell(functions={"f": lambda: time.sleep(20)})
            cell.run("import threading\\ndef spin():\\n    while True: pass\\n"
                     "threading.Thread(target=spin, daemon=True).start()\\nf()")
            """, cpu=2)

    def test_cpu_of_those_that_ended(self):
        """Making cells is not for nothing."""
        self.gone_by("cpu", """\
            while True:
                with rexec.Cell() as other:
                    other.run("for n in range(3_000_000): pass")
            """, cpu=2, cells=None)

    def test_wall(self):
        self.gone_by("wall", "cell.run('import time\\ntime.sleep(60)')", wall=4)

    def test_wall_while_another_thread_calls(self):
        self.gone_by("wall", """\
            import threading
            cell = rexec.Cell(limits=rexec.Limits(memory=30 << 20, wall=3.4))
            threading.Timer(0.5, slow).start()
            cell.run('import time\\ntime.sleep(60)')
            """, wall=4, functions={"slow": lambda: time.sleep(5)})

    def test_calls(self):
        self.gone_by("calls", """\
            cell = rexec.Cell(functions={"f": lambda: None})
            cell.run("while True: f()")
            """, calls=300)

    def test_own_calls(self):
        """What goes round the half in the cell is counted as well."""
        self.gone_by("calls", """\
            from rexec import guest
            while True:
                guest._worker.ask("cell", "exchange", ([], [1], 0.0))
            """, calls=300)

    def test_output(self):
        self.assert_nested("""\
            cell = rexec.Cell()
            found = cell.run("print('x' * 2_000_000)")
            len(found.stdout) < 1_100_000, found.stdout.endswith("bytes]\\n")
            """, (True, True))
        cell = self.make(limits={**NESTED, "output": 1000})
        found = cell.run(BEGIN + "cell = rexec.Cell()\ncell.run(\"print('x' * 700)\")\n"
                         "print('q' * 400)\nprint('z')")
        self.assertEqual(found.stdout.count("q"), 299)
        self.assertIn("output cut", found.stdout)
        self.assertNotIn("z", found.stdout)
        self.assertEqual(cell.run("print('again')").stdout, "again\n")

    def test_count(self):
        self.gone_by("cells", "while True: rexec.Cell(limits=rexec.Limits(memory=8 << 20)).close()",
                     cells=4)

    def test_count_of_all_levels(self):
        """A bomb of cells that make cells."""
        self.gone_by("cells", '''\
            code = """if True:
                import rexec
                while True:
                    with rexec.Cell(limits=rexec.Limits(memory=20 << 20)) as cell:
                        cell.run("1")
            """
            while True:
                limits = rexec.Limits(memory=60 << 20, cells=3, nesting=2)
                with rexec.Cell(limits=limits) as other:
                    try:
                        other.run(code)
                    except rexec.LimitExceeded:
                        pass
            ''', cells=6)

    def test_limits_of_the_inner_one(self):
        """Each ends the inner cell and nothing else."""
        found = self.nested("""\
            def meet(code, **limits):
                limits = rexec.Limits(**{"memory": 40 << 20, **limits})
                cell = rexec.Cell(limits=limits, functions={"f": lambda x=None: x})
                try:
                    cell.run(code)
                except rexec.LimitExceeded as error:
                    return error.limit, cell.closed
                finally:
                    cell.close()
            [meet("while True: pass", cpu=0.2), meet("import time\\ntime.sleep(60)", wall=0.2),
             meet("while True: f()", calls=10), meet("f('x' * 100_000)", value=20_000),
             meet("x = []\\nfor n in range(30): x = [x]\\nf(x)", depth=20),
             meet("import threading\\nfor n in range(3): threading.Timer(60, print).start()", threads=2)]
            """)
        self.assertEqual(found.value, [(name, True) for name in ("cpu", "wall", "calls", "value",
                                                                 "depth", "threads")])
        self.assertEqual(inners(self.cell), [])


class EndTest(NestTest):
    """Inner cells end with the outer one."""

    def start(self, **functions):
        """An outer cell in a thread, two levels deep, in a call of its supervisor's function."""
        called = threading.Event()
        end = threading.Event()
        self.addCleanup(end.set)

        def hang():
            called.set()
            end.wait()

        cell = make_cell(limits=NESTED, functions={"hang": hang})
        errors = []

        def work():
            try:
                cell.run(BEGIN + textwrap.dedent("""\
                    limits = rexec.Limits(memory=100 << 20, cells=2, nesting=1)
                    one = rexec.Cell(limits=limits, functions={"f": hang})
                    one.run("import rexec\\ntwo = rexec.Cell(functions={'g': f})\\ntwo.run('g()')")
                    """))
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        self.assertTrue(called.wait(60))
        pids = [cell._worker.pid, *(worker.pid for worker in inners(cell))]
        self.assertEqual(len(pids), 3)
        return cell, pids, thread, errors, end

    def test_close(self):
        with nothing_left(self):
            cell, pids, thread, errors, end = self.start()
            cell.close()
            for pid in pids:
                until(lambda: not os.path.exists(f"/proc/{pid}") or state_of(pid) == "Z", "dead")
            end.set()
            thread.join()
            self.assertIsInstance(errors[0], rexec.CellClosed)
            for pid in pids:
                until(lambda: is_gone(pid), "gone")
            del errors[:], cell

    def test_outer_process_killed(self):
        with nothing_left(self):
            cell, pids, thread, errors, end = self.start()
            os.kill(pids[0], signal.SIGKILL)
            end.set()
            thread.join()
            self.assertIsInstance(errors[0], rexec.CellCrashed)
            for pid in pids:
                until(lambda: is_gone(pid), "gone")
            del errors[:], cell

    def test_inner_process_killed(self):
        cell = self.make(functions={"kill": lambda: [os.kill(worker.pid, signal.SIGKILL)
                                                     for worker in inners(cell)]})
        found = cell.run(BEGIN + textwrap.dedent("""\
            cell = rexec.Cell(functions={"kill": kill})
            try:
                cell.run("kill()\\nwhile True: pass")
            except rexec.CellCrashed as error:
                status = error.status
            status, cell.closed, rexec.Cell().run("5").value
            """))
        self.assertEqual(found.value, (-signal.SIGKILL, True, 5))

    def test_dropped(self):
        with nothing_left(self):
            cell = make_cell(limits=NESTED)
            cell.run(BEGIN + "cell = rexec.Cell()")
            pids = [cell._worker.pid, *(worker.pid for worker in inners(cell))]
            del cell
            gc.collect()
            for pid in pids:
                until(lambda: is_gone(pid), "gone")

    def test_stands_still(self):
        """Between the runs of the outer cell nothing runs inside."""
        self.nested("""\
            cell = rexec.Cell(functions={"f": lambda: None})
            future = cell.start("import threading\\nf()\\nwhile True: pass")
            import time
            time.sleep(0.1)
            """)
        worker, = inners(self.cell)
        until(lambda: state_of(worker.pid) in "Tt", "stopped")
        used = worker.cpu()
        for _ in range(3):
            self.assertEqual(worker.cpu(), used)
        self.assert_nested("rexec.Cell().run('1').value", 1)

    def test_fork_of_the_supervisor(self):
        self.nested("cell = rexec.Cell()")
        limits = memory_of(self.cell._worker.pid)
        worker, = inners(self.cell)
        pid = os.fork()
        if pid == 0:
            try:
                self.cell.close()
                self._cells.close()
                self.cell._nest.close()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        self.assertFalse(is_gone(worker.pid))
        self.assertEqual(memory_of(self.cell._worker.pid), limits)
        self.assert_nested("cell.run('5').value", 5)


def ask(number, operation, *arguments, kwargs=None):
    return frame(kinds.CALL, (number, True, "cell", operation, encode((arguments, kwargs or {}))))


class HostileTest(NestTest):
    """Frames that no honest cell sends."""

    def meet(self, data, limits=NESTED):
        worker = FakeWorker()
        worker.lend_memory = lambda size: True

        class Cell(rexec.Cell):
            _origin = Origin("/nonexistent", "try")

        cell = Cell(_worker=worker, limits=rexec.Limits(wall=PATIENCE, **limits))
        thread = threading.Thread(target=worker.other.sendall, args=(STARTED + data,))
        thread.start()
        try:
            return cell.run("")
        except rexec.Error as error:
            return error
        finally:
            cell.close()
            thread.join()
            worker.other.close()

    def test_malformed(self):
        for operation, arguments in (
                ("make", ()), ("make", ({},)), ("make", (5,)), ("start", ({},)),
                ("make", ({"memory": "x", "preload": []},)), ("make", ({"memory": -1, "preload": []},)),
                ("make", ({"memory": 1 << 60, "preload": []},)),
                ("make", ({"memory": 1, "preload": ()},)),
                ("make", ({"memory": 1, "preload": [], "kernel": "off"},)),
                ("exchange", ([], [], 0)), ("exchange", ([], [1], 0.0)), ("exchange", ([], [0], 0.0)),
                ("exchange", ([], [-1], 0.0)), ("exchange", ([], ["1"], 0.0)),
                ("exchange", ([], [True], 0.0)), ("exchange", ([], [10**30], 0.0)),
                ("exchange", ([], [], -1.0)), ("exchange", ([], [], float("nan"))),
                ("exchange", ([(1, b"x", 0, None)], [], 0.0)), ("exchange", ([(0, b"x", 0, None)], [], 0.0)),
                ("exchange", ([1], [], 0.0)), ("exchange", ([(1, b"", 0)], [], 0.0)),
                ("exchange", ([], [1] * 300, 0.0)),
                ("lend", (1, 5)), ("lend", (0, 5)), ("status", (1,)), ("wake", (1,)), ("close", ([1],)),
                ("close", (1,)), ("close", (["1"],)), (("make", "x"), ()), (5, ())):
            with self.subTest(operation=operation, arguments=arguments):
                error = self.meet(ask(1, operation, *arguments))
                self.assertIsInstance(error, rexec.CellCrashed)
        self.assertIsInstance(self.meet(ask(1, "close", [], kwargs={"x": 1})), rexec.CellCrashed)
        # One that is as it should be.
        found = self.meet(ask(1, "close", []) + result(5))
        self.assertEqual(found.value, 5)

    def test_wait_for_nothing(self):
        """It is answered at once."""
        self.assertEqual(self.meet(ask(1, "exchange", [], [], 1e300) + result(5)).value, 5)

    def test_no_process(self):
        """Nothing can be started: the cell is told, and no path with it."""
        found = self.meet(ask(1, "make", {"memory": MIB, "preload": []}) + result(5))
        self.assertEqual(found.value, 5)

    def test_result_while_making(self):
        with nothing_left(self):
            cell = make_cell(limits=NESTED)
            with self.assertRaises(rexec.CellCrashed):
                cell.run(BEGIN + textwrap.dedent("""\
                    from rexec import guest
                    worker = guest._worker
                    worker.begin_call("cell", "make", ({"memory": 1 << 20, "preload": []},), {})
                    worker.calls.clear()
                    """))
            self.assertTrue(cell.closed)
            del cell

    def test_somebody_elses(self):
        """A number is of one cell's table: others' cells cannot be reached by it."""
        other = self.make()
        other.run(BEGIN + "a = rexec.Cell()\nb = rexec.Cell()\nb.run('x = 5')")
        self.nested("a = rexec.Cell()")
        with self.assertRaisesRegex(rexec.CellCrashed, "never made"):
            self.nested("from rexec import guest\n"
                        "guest._worker.ask('cell', 'exchange', ([(2, b'', 9, None)], [2], 0.0))")
        self.assertEqual(other.run("b.run('x').value").value, 5)

    def test_cells_that_are_gone(self):
        self.assert_nested("""\
            from rexec import guest
            ask = lambda *args: guest._worker.ask("cell", args[0], args[1:])
            cell = rexec.Cell()
            cell.close()
            (ask("exchange", [(1, b"data", 9, 5.0)], [1], 60.0), ask("lend", 1, 5), ask("status", 1),
             ask("wake", 1), ask("close", [1, 1]))
            """, ([(1, b"", True, 0, 0.0, 0)] * 2, False, (False, None), None, None))

    def test_nonsense_for_the_inner_one(self):
        """It ends, and the outer one lives."""
        self.assert_nested("""\
            cell = rexec.Cell()
            cell._channel.send(b"nonsense" * 1000)
            try:
                cell.run("1")
            except (rexec.CellCrashed, rexec.LimitExceeded):
                gone = cell.closed
            gone, rexec.Cell().run("2").value
            """, (True, 2))

    def test_more_than_it_reads(self):
        """The supervisor keeps no more than there is room for."""
        with self.assertRaisesRegex(rexec.CellCrashed, "room"):
            self.nested("""\
                from rexec import guest
                cell = rexec.Cell()
                cell._worker.signal(19)
                for n in range(100):
                    guest._worker.ask("cell", "exchange", ([(1, bytes(1 << 16), 0, None)], [], 0.0))
                """)

    def test_an_inner_one_that_floods(self):
        """Frames of nothing are counted as calls."""
        cell = self.make(limits={**NESTED, "calls": 10_000, "wall": 3 * PATIENCE,
                                 "cpu": PATIENCE})
        with self.assertRaises(rexec.LimitExceeded) as caught:
            # The questions alone are not so many.
            cell.run(BEGIN + textwrap.dedent("""\
                import time
                cell = rexec.Cell()
                cell._channel.next = lambda: None       # takes them, and does not look
                future = cell.start("import rexec.guest\\n"
                                    "for n in range(20_000): rexec.guest._worker.channel.send(3, [])")
                while True:
                    time.sleep(0.1)
                """))
        self.assertEqual(caught.exception.limit, "calls")

    def test_header_by_header(self):
        """What is counted does not hang on how the bytes come."""
        from rexec.nest import Inner
        data = (frame(kinds.OUTPUT, b"\1hello") + frame(kinds.CALL, 5) + frame(kinds.OUTPUT, b"")
                + frame(kinds.RESULT, "x" * 50) + frame(kinds.OUTPUT, b"\2" + b"y" * 30))
        for size in (1, 5, 12, 13, 1000):
            inner = Inner(1, FakeWorker(), 0)
            counts = [inner.count(data[place:place + size]) for place in range(0, len(data), size)]
            self.assertEqual([sum(column) for column in zip(*counts)], [3, 35], size)
            inner.worker.close()
            inner.worker.other.close()

    def test_over_while_making(self):
        """A cell that ends in the moment in which another is made in it."""
        worker, inner = FakeWorker(), FakeWorker()
        worker.lend_memory = lambda size: True
        nest = Nest(rexec.Limits(**NESTED), Origin("", "try"), worker)
        nest._start = lambda memory, preload: nest.kill() or inner
        nest._make(None, 1, {"memory": MIB, "preload": []})
        self.assertTrue(inner.killed)
        nest.close()
        for one in (worker, inner):
            one.close()
            one.other.close()


class LimitsTest(unittest.TestCase):
    def test_needed(self):
        for options, regex in (({"nesting": None}, "nesting is needed"), ({"nesting": 17}, "16 at most"),
                               ({"cells": -1}, "not negative"),
                               ({"cells": 1, "nesting": 1, "value": 4095}, "value must be at least"),
                               ({"cells": 1, "nesting": 1, "depth": 7}, "depth must be at least")):
            with self.assertRaisesRegex(ValueError, regex):
                rexec.Limits(**options)
        rexec.Limits(cells=None, nesting=16)
        rexec.Limits(value=1, depth=1)


if __name__ == "__main__":
    unittest.main()
