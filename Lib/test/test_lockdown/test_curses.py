"""The screen of curses that a host has open: its terminal is set back, its cells are out of reach."""

import unittest
from test.support import import_helper
from test.test_lockdown import fresh

import_helper.import_module("curses")

# The host locks inside of curses.wrapper(), with a window on a part of the screen.
PROGRAM = """
    |import _curses, curses, os, termios
    |from test.test_lockdown.ledger import things
    |try:
    |    things.screen()
    |except (OSError, _curses.error) as error:
    |    report(absent=str(error))
    |    sys.exit()
    |master, slave = os.openpty()
    |saved = [os.dup(0), os.dup(1)]
    |for number in 0, 1:
    |    os.dup2(slave, number)
    |def settings():
    |    return termios.tcgetattr(slave)[3] & (termios.ECHO | termios.ICANON)
    |begin = settings()
    |facts = {}
    |def main(screen):
    |    facts["during"] = settings()
    |    part = screen.derwin(2, 3, 1, 1)
    |    part.addstr(0, 0, "can")
    |    if LOCK:
    |        lockdownlib.lockdown(keep=("fd", "ipc"))
    |    facts["size"] = part.getmaxyx()
    |    facts["place"] = screen.is_linetouched(1), part.getparyx()
    |    facts["mode"] = curses.cbreak(), screen.scrollok(True), curses.curs_set(1)
    |    facts["resized"] = attempt(curses.resizeterm, 2, 2)[::2]
    |    facts["cells"] = attempt(part.instr, 0, 0, 3)[::2]
    |    facts["shown"] = attempt(part.refresh)[::2]
    |try:
    |    curses.wrapper(main)
    |finally:
    |    for number, was in enumerate(saved):
    |        os.dup2(was, number)
    |report(**facts, changed=facts["during"] != begin, restored=settings() == begin,
    |       ended=curses.isendwin())
    """


class ScreenTest(unittest.TestCase):

    def facts(self, lock):
        outcome = fresh.scenario(f"LOCK = {lock}\n" + fresh.text(PROGRAM), expect=None)
        if "absent" in outcome.facts:
            self.skipTest(outcome.facts["absent"])
        self.assertFalse(fresh.died(outcome), outcome)
        return outcome.facts

    def test_the_terminal_is_set_back_and_no_cell_is_reached(self):
        facts = self.facts(True)
        for word in "resized", "cells", "shown":
            self.assertEqual(facts[word], ["refused", "code"], facts)
        self.assertEqual(facts["size"], [2, 3])
        self.assertTrue(facts["changed"] and facts["restored"] and facts["ended"], facts)

    def test_control(self):
        facts = self.facts(False)
        for word in "resized", "cells", "shown":
            self.assertNotEqual(facts[word][0], "refused", facts)
        self.assertTrue(facts["changed"] and facts["restored"] and facts["ended"], facts)


if __name__ == "__main__":
    unittest.main()
