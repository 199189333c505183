"""What the tests of cells share."""

import asyncio
import contextlib
import gc
import os
import tempfile
import threading
import time
import unittest

import rexec
from rexec import process

PYTHON = os.environ.get("LDP_PYTHON")
# No test measures time; this is for those that would hang.
PATIENCE = 60


def tearDownModule():
    """For files that use asyncio: the tests leave the policy of event loops as it was."""
    asyncio.set_event_loop_policy(None)


def make_cell(**options):
    options.setdefault("python", PYTHON)
    limits = options.pop("limits", None)
    if limits is not None:
        options["limits"] = rexec.Limits(**limits)
    return rexec.Cell(**options)


def until(condition, what):
    """Wait for CONDITION."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"still not: {what}")
        time.sleep(0.01)


def is_gone(pid):
    """Neither running nor waiting to be asked for its status."""
    return not os.path.exists(f"/proc/{pid}")


def children_of(pid):
    """The processes that it started, those that it did not ask about included."""
    children = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                if int(fields[1]) == pid:
                    children.add(int(entry))
    return children


def descriptors():
    """How many are open."""
    return len(os.listdir("/proc/self/fd"))


def left_behind():
    """What a supervisor could leak: children, descriptors, threads, temporary files."""
    gc.collect()
    threads = {thread.name for thread in threading.enumerate()}
    return (children_of(os.getpid()), descriptors(), threads,
            set(os.listdir(tempfile.gettempdir())))


class CellTest(unittest.TestCase):
    """A test that has a cell, self.cell, when it first asks for it."""

    options = {}

    def setUp(self):
        super().setUp()
        self._cells = contextlib.ExitStack()
        self.addCleanup(self._cells.close)

    def make(self, **options):
        return self._cells.enter_context(make_cell(**{**self.options, **options}))

    @property
    def cell(self):
        cell = self.__dict__.get("_cell")
        if cell is None:
            cell = self._cell = self.make()
        return cell

    def run_in(self, code, **options):
        return self.cell.run(code, **options)

    def assert_value(self, code, value, **options):
        self.assertEqual(self.cell.run(code, **options).value, value)

    def exceed(self, limit, code, *, functions=None, timeout=None, call=None, **limits):
        """CODE goes beyond LIMIT: the error says so, and nothing is left."""
        # The threads that stay are there from the first cell on.
        make_cell(functions=functions).close()
        before = left_behind()
        cell = make_cell(limits=limits, functions=functions)
        pid = cell._worker.pid
        with self.assertRaises(rexec.LimitExceeded) as caught:
            cell.run(code, timeout=timeout)
        self.assertEqual(caught.exception.limit, limit)
        self.assertTrue(is_gone(pid))
        self.assertTrue(cell.closed)
        with self.assertRaises(rexec.CellClosed):
            cell.run("1")
        del cell
        after = left_behind()
        # The monitor is a thread that stays, from the first call on.
        self.assertEqual(after[0] - before[0], set())
        self.assertLessEqual(after[1], before[1])
        self.assertLessEqual(after[2] - before[2], {"rexec-monitor"})
        return caught.exception


@contextlib.contextmanager
def nothing_left(case):
    make_cell().close()
    before = left_behind()
    yield
    after = left_behind()
    case.assertEqual(after[0] - before[0], set())
    case.assertLessEqual(after[1], before[1])
    case.assertLessEqual(after[2] - before[2], {"rexec-monitor"})


def start_process():
    """The pid of a fresh worker, and it."""
    worker = process.start_ready(process.find_python(PYTHON), None, "try")
    return worker.pid, worker
