"""Workers: crashes, and supervisors of all kinds."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import weakref

import rexec
from rexec import process

from .base import (PYTHON, CellTest, is_gone, left_behind, make_cell, nothing_left, start_process,
                   until)

# The folder that the package is in, for processes that are started.
LIBRARY = os.path.dirname(os.path.dirname(rexec.__file__))


def run_host(code, **options):
    """Run CODE in a fresh supervisor; what it printed.  It has nothing to complain of."""
    program = (f"import sys; sys.path.insert(0, {LIBRARY!r})\n"
               f"import os, signal, threading, time, rexec\nPYTHON = {PYTHON!r}\n"
               # Ctrl-C may be ignored in a process that a shell started in the background.
               "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
               + textwrap.dedent(code))
    # A fork of a process with threads is what some of them are about.
    done = subprocess.run([sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c",
                           program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=120, **options)
    if done.returncode or done.stderr:
        raise AssertionError(f"status {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout.strip()


class CrashTest(CellTest):
    def crash(self, how, options=None, code="import time; time.sleep(60)"):
        with nothing_left(self):
            timer = threading.Timer(0.1, lambda: how(cell))
            cell = make_cell(functions={"ready": timer.start}, **options or {})
            worker = cell._worker
            with self.assertRaises(rexec.CellCrashed) as caught:
                cell.run("print('before')\nready()\n" + code)
            timer.join()
            self.assertTrue(cell.closed)
            self.assertRaises(rexec.CellClosed, cell.run, "1")
            self.assertTrue(is_gone(worker.pid))
            del cell, timer
        with make_cell() as other:
            self.assertEqual(other.run("6*7").value, 42)
        return caught.exception

    def test_signals(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM):
            with self.subTest(number=number):
                error = self.crash(lambda cell: os.kill(cell._worker.pid, number))
                self.assertEqual(error.status, -number)
                self.assertIn(signal.Signals(number).name, str(error))
                self.assertEqual(error.result.stdout, "before\n")

    def test_crash_by_itself(self):
        """The code breaks the interpreter: its own recursion in C, without a limit."""
        cell = self.make()
        find = ("import sys\nf = sys._getframe()\nwhile f and '_worker' not in f.f_globals:"
                " f = f.f_back\nchannel = f.f_globals['_worker'].channel\n")
        with self.assertRaises(rexec.CellCrashed) as caught:
            cell.run(find + "channel.leave(7)")
        self.assertEqual(caught.exception.status, 7)

    def test_forged_frames(self):
        find = ("import sys\nf = sys._getframe()\nwhile f and '_worker' not in f.f_globals:"
                " f = f.f_back\nchannel = f.f_globals['_worker'].channel\n")
        for forged in ("channel.send(2, [b'N'])", "channel.send(4, [b'garbage'])",
                       "channel.send(99, [])", "channel.begin(77, -1); channel.send(7, [b'N'])",
                       "channel.begin(1, -1)\nwhile True: channel.write(1, b'x' * 8000)"):
            cell = self.make()
            with self.assertRaises(rexec.CellCrashed) as caught:
                cell.run(find + forged)
            self.assertIn("rules of its channel", str(caught.exception))

    def test_in_a_call(self):
        def die():
            os.kill(cell._worker.pid, signal.SIGKILL)
            time.sleep(0.1)
            return 5
        cell = self.make(functions={"die": die})
        with self.assertRaises(rexec.CellCrashed) as caught:
            cell.run("die()")
        self.assertEqual(caught.exception.status, -signal.SIGKILL)

    def test_between_runs(self):
        cell = self.make()
        cell.run("1")
        os.kill(cell._worker.pid, signal.SIGKILL)
        with self.assertRaises(rexec.CellCrashed):
            cell.run("2")

    def test_standard_error_is_shown(self):
        cell = self.make()
        # The worker's own, not the code's: what the interpreter says when it dies.
        with open(f"/proc/{cell._worker.pid}/fd/2", "wb", buffering=0) as file:
            file.write(b"x" * 10_000 + b"last words")
        os.kill(cell._worker.pid, signal.SIGKILL)
        with self.assertRaises(rexec.CellCrashed) as caught:
            cell.run("2")
        self.assertTrue(caught.exception.stderr.endswith("last words"))
        self.assertEqual(len(caught.exception.stderr), 4096)

    def test_that_does_not_start(self):
        with nothing_left(self):
            with self.assertRaises(FileNotFoundError):
                rexec.Cell(python="/nowhere/python")
            with self.assertRaisesRegex(rexec.CellCrashed, "did not start.*status 1"):
                rexec.Cell(python="/bin/false")
            with self.assertRaisesRegex(rexec.CellCrashed, "status 1.: ModuleNotFoundError: No module"
                                        ) as caught:
                rexec.Cell(python=PYTHON, preload=["nowhere_to_be_found"])
            self.assertIn("nowhere_to_be_found", caught.exception.stderr)

    def test_kernel_required(self):
        try:
            cell = self.make(kernel="require")
        except rexec.CellCrashed as error:
            self.assertIn("kernel", error.stderr)
        else:
            self.assertGreater(cell.kernel, 0)


class WorkerTest(CellTest):
    def test_from_outside(self):
        """What the process has: no environment, its own descriptors, a session of its own."""
        pid = self.cell._worker.pid
        with open(f"/proc/{pid}/environ", "rb") as file:
            self.assertEqual(file.read(), b"")
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        targets = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}")
                   for fd in os.listdir(f"/proc/{pid}/fd")}
        self.assertEqual((targets[0], targets[1]), ("/dev/null", "/dev/null"))
        self.assertTrue(targets[2].startswith("pipe:"))
        others = sorted(text.partition(":")[0] for fd, text in targets.items() if fd > 2)
        self.assertEqual(others, ["anon_inode", "anon_inode", "socket"])
        self.assertEqual(os.getsid(pid), pid)
        with open(f"/proc/{pid}/limits") as file:
            limits = file.read()
        self.assertRegex(limits, r"Max core file size +0 +0")
        self.assertRegex(limits, r"Max file size +0 +0")
        self.assertNotRegex(limits, r"Max address space +unlimited")

    def test_ends_with_the_channel(self):
        """Also when it holds the interpreter in one long call."""
        for code in ("10**10**9", "import time; time.sleep(600)"):
            cell = make_cell()
            pid = cell._worker.pid
            future = cell.start(code)
            until(lambda: cell._run is not None and cell._run.started, "started")
            cell._worker.socket.shutdown(2)
            until(lambda: cell.closed and is_gone(pid), "gone")
            self.assertRaises(rexec.CellCrashed, future.result, 30)

    def test_preload(self):
        with self.subTest("of the library"):
            cell = self.make(preload=["json", "decimal"])
            self.assertEqual(cell.run("import sys; ['json' in sys.modules, 'decimal' in sys.modules]"
                                      ).value, [True, True])
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "trusted.py"), "w") as file:
                file.write("import os\npids = [os.getpid()]\ndef f(): return 5\n")
            cell = self.make(preload=["trusted"], path=[folder])
            self.assertEqual(cell.run("import trusted; trusted.f()").value, 5)
            with self.assertRaises(rexec.CellError):
                self.make().run("import trusted")


class HostTest(unittest.TestCase):
    def test_supervisor_that_is_killed(self):
        code = """
            cell = rexec.Cell(python=PYTHON)
            future = cell.start("while True: pass")
            idle = rexec.Cell(python=PYTHON)
            idle.run("1")
            print(cell._worker.pid, idle._worker.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
        with self.assertRaisesRegex(AssertionError, "status -9") as caught:
            run_host(code)
        pids = [int(word) for word in str(caught.exception).split()[-2:]]
        for pid in pids:
            until(lambda: is_gone(pid) or is_zombie(pid), f"{pid} is gone")

    def test_supervisor_that_ends(self):
        text = run_host("""
            cell = rexec.Cell(python=PYTHON)
            future = cell.start("import time; time.sleep(600)")
            print(cell._worker.pid)
        """)
        until(lambda: is_gone(int(text)) or is_zombie(int(text)), "gone")

    def test_supervisor_that_ends_as_a_run_begins(self):
        """Its exit and the run's own thread meet at the worker, and the exit is slower."""
        text = run_host("""
            def slowly(name, here, there):
                real = getattr(rexec.process.Worker, name)
                def slow(self, *args):
                    is_main = threading.current_thread() is threading.main_thread()
                    time.sleep(here if is_main else there)
                    return real(self, *args)
                setattr(rexec.process.Worker, name, slow)
            cell = rexec.Cell(python=PYTHON)
            slowly("allow_cpu", 0, 0.1)
            slowly("drain", 0.5, 0.01)
            future = cell.start("import time; time.sleep(600)")
            print(cell._worker.pid)
        """)
        until(lambda: is_gone(int(text)) or is_zombie(int(text)), "gone")

    def test_closed_by_many(self):
        """A worker is given back once, whoever does it first."""
        for _ in range(20):
            pid, worker = start_process()
            closers = [worker.close, worker.close, worker.tail, worker.drain, worker.wait]
            failed = []
            gate = threading.Barrier(len(closers))

            def work(close):
                gate.wait()
                try:
                    close()
                except BaseException as error:
                    failed.append(error)
            threads = [threading.Thread(target=work, args=(close,)) for close in closers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(failed, [])
            self.assertTrue(is_gone(pid))
            # Its channel ended, and it was killed.
            self.assertIn(worker.status, (0, -signal.SIGKILL))

    def test_thread_that_ends(self):
        """Cells outlive the thread that made them."""
        cells = []
        thread = threading.Thread(target=lambda: cells.append(make_cell()))
        thread.start()
        thread.join()
        time.sleep(0.2)
        with cells[0] as cell:
            self.assertEqual(cell.run("6*7").value, 42)

    def test_fork(self):
        """In a forked child the cells are closed, and the parent's live on."""
        self.assertEqual(run_host("""
            cell = rexec.Cell(python=PYTHON)
            cell.run("x = 5")
            fds = len(os.listdir("/proc/self/fd"))
            pid = os.fork()
            if pid == 0:
                try:
                    cell.run("1")
                except rexec.CellClosed:
                    # It can have cells of its own.
                    with rexec.Cell(python=PYTHON) as own:
                        good = own.run("6*7").value == 42
                    cell.close()
                    open_fds = len(os.listdir("/proc/self/fd"))
                    os._exit(0 if good and open_fds < fds else 2)
                os._exit(1)
            _, status = os.waitpid(pid, 0)
            print(status, cell.run("x").value)
            cell.close()
        """), "0 5")

    def test_forked_child_outlives_the_supervisor(self):
        """The copy of the channel that a child has does not keep the cell."""
        with self.assertRaisesRegex(AssertionError, "status -15") as caught:
            run_host("""
                cell = rexec.Cell(python=PYTHON)
                future = cell.start("import time; time.sleep(600)")
                time.sleep(0.2)
                child = os.fork()
                if child == 0:
                    os.close(1)
                    os.close(2)
                    time.sleep(60)
                    os._exit(0)
                print(child, cell._worker.pid, flush=True)
                os.kill(os.getpid(), signal.SIGTERM)
            """)
        child, pid = [int(word) for word in str(caught.exception).split()[-2:]]
        try:
            until(lambda: is_gone(pid) or is_zombie(pid), "gone")
            self.assertFalse(is_gone(child))
        finally:
            os.kill(child, signal.SIGKILL)

    def test_ignored_children(self):
        self.assertEqual(run_host("""
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            for i in range(3):
                with rexec.Cell(python=PYTHON) as cell:
                    assert cell.run("6*7").value == 42
            cell = rexec.Cell(python=PYTHON)
            os.kill(cell._worker.pid, signal.SIGKILL)
            try:
                cell.run("1")
            except rexec.CellCrashed as error:
                print(error.status)
        """), "None")

    def test_others_wait(self):
        """A supervisor that waits for any child takes exit statuses away."""
        self.assertIn(run_host("""
            def reap():
                while True:
                    try:
                        os.waitpid(-1, 0)
                    except ChildProcessError:
                        time.sleep(0.001)
            threading.Thread(target=reap, daemon=True).start()
            for i in range(5):
                with rexec.Cell(python=PYTHON) as cell:
                    assert cell.run("6*7").value == 42
            cell = rexec.Cell(python=PYTHON)
            os.kill(cell._worker.pid, signal.SIGKILL)
            try:
                cell.run("1")
            except rexec.CellCrashed as error:
                print(error.status)
        """), ("None", "-9"))

    def test_handlers_are_left_alone(self):
        before = [signal.getsignal(number) for number in range(1, 32)]
        with make_cell() as cell:
            cell.run("1")
        self.assertEqual(before, [signal.getsignal(number) for number in range(1, 32)])

    def test_broken_pipes_do_not_end_it(self):
        """A cell that ends while it is told something, in a supervisor that would end with SIGPIPE."""
        self.assertEqual(run_host("""
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            def end():
                cell._worker.kill()
                cell._worker.wait()
                return "x" * (1 << 20)
            with rexec.Cell(python=PYTHON, functions={"end": end}) as cell:
                try:
                    cell.run("end()")
                except rexec.CellCrashed as error:
                    print(error.status)
            with rexec.CellPool(1, python=PYTHON) as pool:
                server = pool._servers[0]._process
                server.kill()
                server.wait()
                print(pool.submit("6*7").result().value)
        """), "-9\n42")

    def test_blocked_and_ignored_signals(self):
        """Those of the thread that starts a cell are not the cell's."""
        self.assertEqual(run_host("""
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            signal.signal(signal.SIGXCPU, signal.SIG_IGN)
            limits = rexec.Limits(cpu=0.5)
            with rexec.CellPool(1, python=PYTHON) as pool:
                for make, options in (rexec.Cell, {"python": PYTHON}), (pool.cell, {}):
                    timer = threading.Timer(0.1, lambda: cell.interrupt())
                    functions = {"ready": timer.start}
                    with make(limits=limits, functions=functions, **options) as cell:
                        cell._worker.cpu = lambda: None     # the kernel's net is what is left
                        try:
                            cell.run("ready()\\nwhile True: pass")
                        except rexec.Error as error:
                            print(type(error).__name__, getattr(error, "type_name", None))
                        timer.join()
                        try:
                            cell.run("while True: pass", timeout=60)
                        except rexec.Error as error:
                            print(type(error).__name__, getattr(error, "status", None))
        """), "\n".join(["CellError KeyboardInterrupt", "CellCrashed -24"] * 2))

    def test_without_streams(self):
        """A supervisor that has none, as some services, has cells and pools."""
        with tempfile.TemporaryFile() as file:
            run_host("""
                import subprocess
                os.closerange(0, 3)
                with rexec.Cell(python=PYTHON) as cell:
                    values = [cell.run("6*7").value]
                with rexec.CellPool(1, python=PYTHON) as pool:
                    values.append(pool.submit("7*8").result().value)
                os.write(RESULT, str(values).encode())
            """.replace("RESULT", str(file.fileno())), pass_fds=[file.fileno()])
            file.seek(0)
            self.assertEqual(file.read(), b"[42, 56]")

    def test_fifty_threads(self):
        failed = []

        def work(number):
            try:
                with make_cell(limits={"wall": None, "cpu": None}) as cell:
                    for i in range(3):
                        if cell.run(f"{number} + {i}").value != number + i:
                            failed.append(number)
            except BaseException as error:
                failed.append(error)
        with nothing_left(self):
            threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            del threads, thread
        self.assertEqual(failed, [])

    def test_large_supervisor(self):
        self.assertEqual(run_host("""
            block = bytearray(256 << 20)
            block[::4096] = bytes(len(block[::4096]))
            with rexec.Cell(python=PYTHON) as cell:
                usage = cell.run("1").usage
            print(0 < usage.memory < 64 << 20)
        """), "True")

    def test_made_beside_the_loop(self):
        """An event loop goes on while a cell or a pool is made, and may change its mind."""
        self.assertEqual(run_host("""
            import asyncio
            from rexec import process
            real, go, there = process._start, threading.Event(), threading.Event()
            made = []
            def start_later(*args):
                there.set()
                assert go.wait(60)
                worker = real(*args)
                made.append(worker.pid)
                return worker

            async def main():
                process._start = start_later
                for make, use in ((rexec.Cell.create, lambda cell: cell.arun("6*7")),
                                  (rexec.CellPool.create, lambda pool: pool.arun("6*7"))):
                    go.clear()
                    asyncio.get_running_loop().call_later(0.05, go.set)
                    async with await make(python=PYTHON) as made_one:
                        print((await use(made_one)).value)
                    go.clear()
                    there.clear()
                    task = asyncio.ensure_future(make(python=PYTHON))
                    while not there.is_set():
                        await asyncio.sleep(0.01)
                    task.cancel()
                    try:
                        await task
                    except asyncio.CancelledError:
                        print("cancelled")
                    go.set()
                    for _ in range(6000):
                        if len(made) % 2 == 0 and not os.path.exists(f"/proc/{made[-1]}"):
                            break
                        await asyncio.sleep(0.01)
                    else:
                        print("left")
            asyncio.run(main())
        """), "42\ncancelled\n42\ncancelled")

    def test_keyboard(self):
        """Ctrl-C in the terminal reaches the supervisor, not the cell."""
        self.assertEqual(run_host("""
            timer = threading.Timer(0.3, lambda: os.killpg(0, signal.SIGINT))
            with rexec.Cell(python=PYTHON, functions={"ready": timer.start}) as cell:
                pid = cell._worker.pid
                try:
                    cell.run("ready()\\nimport time; time.sleep(60)")
                except KeyboardInterrupt:
                    print(cell.closed, os.path.exists(f"/proc/{pid}"))
        """, start_new_session=True), "True False")

    def test_keyboard_as_a_cell_starts(self):
        """What the thread that starts workers made for nobody is closed."""
        self.assertEqual(run_host("""
            from rexec import process
            there, go = threading.Event(), threading.Event()
            real = process._start
            def start(*args):
                there.set()
                go.wait()
                worker = real(*args)
                print(worker.socket.fileno() > 2)
                made.append(worker.pid)
                return worker
            made = []
            process._start = start
            def strike():
                there.wait()
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=strike).start()
            try:
                rexec.Cell(python=PYTHON)
            except KeyboardInterrupt:
                go.set()
            process._start = real
            with rexec.Cell(python=PYTHON) as cell:
                print(cell.run("5").value, os.path.exists(f"/proc/{made[0]}"))
        """), "True\n5 False")

    def test_as_an_ordinary_user(self):
        if os.getuid() != 0:
            self.skipTest("only root can become another user")
        binary = os.path.realpath(process.find_python(PYTHON))
        # This Python's own library counts too, where it is not the one of the cells.
        if not all(can_read_as(65534, path) for path in (binary, rexec.__file__, os.__file__)):
            self.skipTest("something is in a folder that others cannot enter")
        self.assertEqual(run_host("""
            os.setgid(65534)
            os.setuid(65534)
            with rexec.Cell(python=PYTHON, limits=rexec.Limits(cpu=0.3)) as cell:
                assert cell.run("6*7").usage.memory > 0
                try:
                    cell.run("while True: pass")
                except rexec.LimitExceeded as error:
                    print(error.limit)
        """), "cpu")

    def test_watched_runs_are_let_go(self):
        """The thread that looked after a run keeps nothing of it."""
        cell = make_cell(functions={"f": lambda: time.sleep(0.7)}, limits={"cpu": 1})
        cell.run("f()")
        cell.close()
        gone = weakref.ref(cell)
        del cell

        def is_let_go():
            gc.collect()
            return gone() is None
        until(is_let_go, "nobody has the cell")

    def test_many_cells_leave_nothing(self):
        make_cell().close()
        before = left_behind()
        for _ in range(30):
            with make_cell() as cell:
                cell.run("1")
        del cell
        after = left_behind()
        # What an earlier test left may have gone meanwhile.
        self.assertEqual(after[0] - before[0], set())
        self.assertLessEqual(after[1], before[1])
        self.assertEqual(after[2] - before[2], set())


def is_zombie(pid):
    """Ended, but nobody asked: a container's first process may never."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0] == b"Z"
    return True


def can_read_as(user, path):
    return subprocess.run([sys.executable, "-c",
                           f"import os; os.setuid({user}); open({path!r}, 'rb').read(1)"],
                          stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    unittest.main()
