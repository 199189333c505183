"""Numbers far beyond any screen, given to curses: an answer or an error, and nothing is overrun."""

import unittest
from test.support import import_helper
from test.test_lockdown import fresh

import_helper.import_module("_curses")

# Each call gets numbers of every size, also for what its others leave to be found.
PROGRAM = """
    |import itertools, resource
    |from test.test_lockdown.ledger import things
    |import _curses, _curses_panel
    |try:
    |    windows = [things.window() for number in range(4)]
    |except _curses.error as error:
    |    report(absent=str(error))
    |    sys.exit()
    |resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    |panel = _curses_panel.new_panel(windows[0])
    |lockdownlib.lockdown(keep=())
    |SIZES = -2**31, -40000, -1, 0, 1, 4, 300, 32768, 40000, 65536 + 8, 2**31 - 1
    |counts = {}
    |def call(name, function, *args):
    |    try:
    |        value, outcome = function(*args), "done"
    |    except (OverflowError, _curses.error, _curses_panel.error):
    |        value, outcome = None, "error"
    |    counts.setdefault(name, set()).add(outcome)
    |    return value, outcome
    |def pairs():
    |    return itertools.product(SIZES, repeat=2)
    |def fours():
    |    return itertools.product(SIZES[::3] + (1, 2**31 - 1), repeat=4)
    """
CALLS = """
    |for args in pairs():
    |    call("panel.move", panel.move, *args)
    |    for window in windows[1:]:
    |        for name in ("resize", "mvwin", "mvderwin", "move"):
    |            call(name, getattr(window, name), *args)
    |        call("hline", window.hline, "x", args[0])
    |        call("vline", window.vline, "x", args[0])
    |        call("vline", window.vline, *args, "x", 3)
    |        call("insdelln", window.insdelln, args[0])
    |        call("touchline", window.touchline, *args)
    |        call("redrawln", window.redrawln, *args)
    |        call("addstr", window.addstr, "text" * 9)
    |parent = windows[3]
    |parent.resize(5, 10)
    |call("subwin", parent.subwin, 2, 2, *parent.getbegyx())
    |part = call("derwin", parent.derwin, 2, 2, 1, 1)[0]
    |for args in ((1, 2), *pairs()):
    |    call("mvderwin", part.mvderwin, *args)
    |    call("vline", part.vline, 0, 0, "x", 5)
    |for args in fours():
    |    for name in ("subwin", "derwin"):
    |        part = call(name, getattr(parent, name), *args)
    |        if part[1] == "done":
    |            call(name, part[0].vline, "x", 40)
    |            call(name, part[0].hline, "x", 40)
    |for args in itertools.product((-1, 0, 3, 32767, 2**31 - 1), repeat=6):
    |    call("overwrite", windows[1].overwrite, windows[2], *args)
    |    call("overlay", windows[1].overlay, windows[2], *args)
    |report(counts={name: sorted(found) for name, found in counts.items()})
    |report(lives=True)
    """


class NumbersTest(unittest.TestCase):

    def test_each_call_ends_in_an_answer_or_an_error(self):
        outcome = fresh.scenario(fresh.text(PROGRAM) + fresh.text(CALLS), expect=None)
        if "absent" in outcome.facts:
            self.skipTest(outcome.facts["absent"])
        self.assertFalse(fresh.died(outcome), outcome)
        self.assertTrue(outcome.facts.get("lives"), outcome)
        for name, found in outcome.facts["counts"].items():
            # Reached at all: some are refused by curses, some are within the window.
            with self.subTest(name):
                self.assertIn("done", found)

    def test_a_window_of_no_possible_size(self):
        outcome = fresh.scenario(fresh.text(PROGRAM) + fresh.text("""
            |report(made=[call("new", function, *args)[1] for function, args in (
            |    (_curses.newwin, (40000, 10)), (_curses.newpad, (10, 2**31 - 1)),
            |    (windows[1].resize, (65536 + 5, 10)))])
            |report(small=call("new", _curses.newpad, 100, 100)[1])
            """), expect=None)
        if "absent" in outcome.facts:
            self.skipTest(outcome.facts["absent"])
        self.assertEqual(outcome.facts["made"], ["error"] * 3, outcome)
        self.assertEqual(outcome.facts["small"], "done")


if __name__ == "__main__":
    unittest.main()
