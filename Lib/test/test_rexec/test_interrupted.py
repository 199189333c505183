"""Control-C at each moment at which the interpreter looks for it: nothing is lost or left."""

import gc
import os
import sys
import unittest
import warnings

import rexec
from rexec import process

from .base import PYTHON, children_of, descriptors, make_cell, until

_FOLDER = os.path.dirname(rexec.__file__)
# Each moment by night, or every fifth.
_STEP = 1 if "REXEC_FUZZ" in os.environ else 5


class Interrupter:
    """Raises KeyboardInterrupt in one call of a function of rexec's, or as a call of C code in
    one returns: where Python runs the handlers of signals."""

    def __init__(self, moment):
        self.left = moment
        self.raised_in = None

    def __call__(self, frame, event, arg):
        if event not in ("call", "c_return") or not frame.f_code.co_filename.startswith(_FOLDER):
            return
        if frame.f_code.co_name == "__del__":
            return      # what is raised there goes nowhere
        if self.left == 0:
            self.raised_in = f"{frame.f_code.co_name}:{frame.f_lineno} {event} {arg}"
            sys.setprofile(None)
            raise KeyboardInterrupt
        self.left -= 1

    def strike(self, function):
        """FUNCTION, interrupted; False if it came to its end."""
        sys.setprofile(self)
        try:
            function()
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        return self.raised_in is not None


class InterruptedTest(unittest.TestCase):
    def setUp(self):
        # Of sockets that die together with whoever would have closed them.
        caught = warnings.catch_warnings()
        caught.__enter__()
        self.addCleanup(caught.__exit__, None, None, None)
        warnings.simplefilter("ignore", ResourceWarning)

    def strike_everywhere(self, function, check):
        """How many moments there were, or a few more."""
        moment = 0
        while True:
            one = Interrupter(moment)
            struck = one.strike(function)
            with self.subTest(moment=moment, where=one.raised_in):
                check()
            if not struck:
                return moment
            moment += _STEP

    def test_cell(self):
        def use():
            with make_cell(functions={"f": lambda: 42}) as cell:
                cell.run("f()")

        use()
        before = children_of(os.getpid()), descriptors()

        def check():
            gc.collect()
            until(lambda: children_of(os.getpid()) <= before[0], "no more processes")
            until(lambda: descriptors() <= before[1], "no more descriptors")
        self.assertGreater(self.strike_everywhere(use, check), 50)

    @unittest.skipUnless(process.is_own(), "interpreter cells need Locked Down Python")
    def test_interpreter(self):
        from rexec import interpreter

        def use():
            with rexec.Cell(isolation="interpreter", limits=rexec.Limits(memory=None)) as cell:
                cell.run("6*7")

        use()
        before = descriptors()

        def check():
            gc.collect()
            until(lambda: not interpreter._running, "no more threads")
            for life in list(interpreter._stuck):       # for want of time
                self.assertTrue(life.wait(1))
                interpreter._stuck.discard(life)
            until(lambda: descriptors() <= before, "no more descriptors")
        self.assertGreater(self.strike_everywhere(use, check), 50)

    def test_run(self):
        """A cell that is kept works, or is closed."""
        cells = [make_cell(functions={"f": lambda: 42})]
        self.addCleanup(lambda: cells[0].close())

        def use():
            cells[0].run("f()")

        def check():
            if not cells[0].closed:
                self.assertEqual(cells[0].run("6*7").value, 42)
                return
            cells[0] = make_cell(functions={"f": lambda: 42})
        self.assertGreater(self.strike_everywhere(use, check), 50)

    def check_pool(self, use):
        pool = rexec.CellPool(1, python=PYTHON)
        self.addCleanup(pool.shutdown)
        use(pool)
        server = pool._servers[0].pid
        until(lambda: pool.metrics.idle == 1 and not pool.metrics.busy, "a worker")
        before = children_of(os.getpid()), descriptors()

        def check():
            gc.collect()

            def settled():
                metrics = pool.metrics
                return (metrics.idle, metrics.busy, metrics.waiting) == (1, 0, 0)
            until(settled, "the place free, and a worker")
            until(lambda: len(children_of(server)) == 1, "one worker")
            self.assertEqual(children_of(os.getpid()), before[0])
            until(lambda: descriptors() <= before[1], "no more descriptors")
            self.assertEqual(pool.submit("6*7").result(60).value, 42)
            until(settled, "the place free again")
        self.assertGreater(self.strike_everywhere(lambda: use(pool), check), 20)

    def test_session(self):
        def use(pool):
            with pool.cell() as cell:
                cell.run("6*7")
        self.check_pool(use)

    def test_submit(self):
        def use(pool):
            pool.submit("6*7").result()
        self.check_pool(use)

    def test_map(self):
        def use(pool):
            results = pool.map("6*7", [{}] * 4)
            next(results)
            results.close()
        self.check_pool(use)


if __name__ == "__main__":
    unittest.main()
