"""The fork server, seen from outside."""

import errno
import os
import signal
import tempfile
import unittest

import rexec
from rexec import process

from .base import PYTHON, CellTest, is_gone, left_behind, make_cell, until
from .test_life import is_zombie, run_host


def parent_of(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


class ServerTest(CellTest):
    def setUp(self):
        super().setUp()
        make_cell().close()
        self.before = left_behind()
        self.server = process.Server(process.find_python(PYTHON), ["json"])
        self.addCleanup(self.end)

    def end(self):
        self.server.close()
        self.assertTrue(is_gone(self.server.pid))
        after = left_behind()
        self.assertEqual(after[0] - self.before[0], set())
        self.assertLessEqual(after[1], self.before[1])

    def fork(self, limits=None, **options):
        limits = rexec.Limits(**limits or {})
        worker = self.server.fork(limits.memory, "try")
        self.addCleanup(worker.close)
        return rexec.Cell(_worker=worker, limits=limits, **options)

    def test_a_cell_is_a_fork_of_it(self):
        with self.fork() as cell:
            pid = cell._worker.pid
            self.assertEqual(parent_of(pid), self.server.pid)
            self.assertEqual(parent_of(self.server.pid), os.getpid())
            self.assertEqual(cell.run("import json; json.dumps([6*7])").value, "[42]")
            self.assertEqual(os.getsid(pid), pid)
        self.assertTrue(is_gone(pid))

    def test_what_a_cell_has(self):
        """Its channel and what belongs to it: nothing of the server's or of another cell."""
        first, second = self.fork(), self.fork()
        self.addCleanup(first.close)
        for cell in (first, second):
            pid = cell._worker.pid
            targets = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}")
                       for fd in os.listdir(f"/proc/{pid}/fd")}
            self.assertEqual((targets[0], targets[1]), ("/dev/null", "/dev/null"))
            self.assertTrue(targets[2].startswith("pipe:"))
            kinds = sorted(text.partition(":")[0] for fd, text in targets.items() if fd > 2)
            self.assertEqual(kinds, ["anon_inode", "anon_inode", "socket"])
            with open(f"/proc/{pid}/environ", "rb") as file:
                self.assertEqual(file.read(), b"")
        second.close()

    def test_it_is_locked(self):
        probe = "import posix\nposix.open('/etc/hostname', 0)"
        with self.fork() as cell, self.assertRaises(rexec.CellError) as caught:
            cell.run(probe)
        self.assertIn("Lock", caught.exception.type_name)
        with make_cell() as cold, self.fork() as cell:
            self.assertEqual(cell.kernel, cold.kernel)

    def test_memory_is_shared(self):
        """What the lock has to change is changed in the server, once."""
        def own(worker):
            with open(f"/proc/{worker.pid}/smaps_rollup") as file:
                return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
        with make_cell(preload=["json"]) as cold, self.fork() as cell:
            self.assertLess(own(cell._worker), own(cold._worker) / 3)

    def test_the_server_is_locked(self):
        """A hook of a module that it preloaded reaches no more than a cell's code could."""
        with tempfile.TemporaryDirectory() as folder:
            victim = os.path.join(folder, "victim")
            with open(os.path.join(folder, "trusted.py"), "w") as file:
                file.write("import os\ntold = []\ndef tell():\n    try:\n"
                           f"        open({victim!r}, 'w').close()\n"
                           "    except OSError as error: told.append(error.errno)\n"
                           "os.register_at_fork(before=tell)\n")
            server = process.Server(process.find_python(PYTHON), ["trusted"], [folder])
            self.addCleanup(server.close)
            with rexec.Cell(_worker=server.fork(256 << 20, "try")) as cell:
                self.assertEqual(cell.run("import trusted; trusted.told").value, [errno.EPERM])
            self.assertFalse(os.path.exists(victim))

    def test_cells_share_no_state(self):
        first, second = self.fork(), self.fork()
        first.run("import json; json.secret = 1; import random; random.random()")
        self.assertFalse(second.run("import json; hasattr(json, 'secret')").value)
        values = {cell.run("import random; random.random()").value for cell in (first, second)}
        self.assertEqual(len(values), 2)
        with self.fork() as third:
            self.assertFalse(third.run("import json; hasattr(json, 'secret')").value)
        first.close()
        second.close()

    def test_random_that_was_preloaded(self):
        server = process.Server(process.find_python(PYTHON), ["random"])
        self.addCleanup(server.close)
        values = set()
        for _ in range(3):
            with rexec.Cell(_worker=server.fork(256 << 20, "try")) as cell:
                values.add(cell.run("import random; random.random()").value)
        self.assertEqual(len(values), 3)

    def test_memory_of_one_cell(self):
        code = "try:\n    x = b'x' * (64 << 20)\nexcept MemoryError:\n    x = None\nx is None"
        with self.fork({"memory": 32 << 20}) as small, self.fork() as large:
            self.assertTrue(small.run(code).value)
            self.assertFalse(large.run(code).value)

    def test_memory_that_ends_it(self):
        with self.fork({"memory": 24 << 20}) as cell, \
                self.assertRaises(rexec.LimitExceeded) as caught:
            cell.run("l = []\nwhile True: l.append(bytearray(1 << 20))")
        self.assertEqual(caught.exception.limit, "memory")

    def test_limits(self):
        with self.fork({"cpu": 0.3}) as cell, self.assertRaises(rexec.LimitExceeded) as caught:
            cell.run("while True: pass")
        self.assertEqual(caught.exception.limit, "cpu")
        self.assertGreater(caught.exception.result.usage.memory, 0)

    def test_status(self):
        for number in (signal.SIGKILL, signal.SIGSEGV):
            cell = self.fork()
            os.kill(cell._worker.pid, number)
            with self.assertRaises(rexec.CellCrashed) as caught:
                cell.run("1")
            self.assertEqual(caught.exception.status, -number)
            self.assertTrue(is_gone(cell._worker.pid))

    def test_interrupt(self):
        def interrupt():
            cell.interrupt()
        with self.fork(functions={"interrupt": interrupt}) as cell:
            with self.assertRaises(rexec.CellError) as caught:
                cell.run("interrupt()\nwhile True: pass")
            self.assertEqual(caught.exception.type_name, "KeyboardInterrupt")
            self.assertEqual(cell.run("6*7").value, 42)

    def test_cells_end_with_it(self):
        cell = self.fork()
        os.kill(self.server.pid, signal.SIGKILL)
        self.assertTrue(cell._worker.wait(60))
        with self.assertRaises(rexec.CellCrashed):
            cell.run("1")
        with self.assertRaises((OSError, EOFError)):
            self.server.fork(None, "try")

    def test_that_does_not_start(self):
        with self.assertRaises(rexec.CellCrashed) as caught:
            process.Server(process.find_python(PYTHON), ["nowhere_to_be_found"])
        self.assertIn("nowhere_to_be_found", caught.exception.stderr)

    def test_ends_with_its_supervisor(self):
        """However that ends: the server and its cells go."""
        out = run_host("""
            from rexec import process
            server = process.Server(process.find_python(PYTHON))
            worker = server.fork(None, "try")
            print(server.pid, worker.pid, flush=True)
            os._exit(0)
        """)
        for pid in map(int, out.split()):
            until(lambda: is_gone(pid) or is_zombie(pid), f"the end of {pid}")


if __name__ == "__main__":
    unittest.main()
