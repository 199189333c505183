"""Bugs of CPython's memory that are known in public: none can be used by locked code."""

import os
import signal
import sys
import sysconfig
import unittest
from test import support
from test.test_lockdown import fresh, known_bugs

PAGE = os.path.join(sysconfig.get_config_var("srcdir") or "", "Doc", "howto", "lockdown-bugs.rst")

# What comes from a shared library is imported before the lock.
LOCK = """
    |for name in "bz2", "lzma", "socket", "xml.parsers.expat", "zlib":
    |    try:
    |        __import__(name)
    |    except ImportError:
    |        pass
    |lockdownlib.lockdown(keep=(), kernel="try")
    |"""

# As in known_bugs.DEEP.
NEST = LOCK + """
    |import collections, functools, itertools, marshal, operator, types
    |def generator(value):
    |    yield value
    |make, value = {maker}, None
    |for _ in range(200_000):
    |    value = make(value)
    |report(made=True)
    |try:
    |    {operation}
    |except (RecursionError, ValueError):
    |    pass
    |report(lives=True)
    |"""


def came_before(state):
    """Whether this CPython is older than the release that mended a bug."""
    return state[0].isdigit() and sys.version_info[:3] < tuple(map(int, state.split(".")))


class KnownBugsTest(fresh.FolderTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(fresh.usual_stack())

    def test_programs(self):
        counts = fresh.Counts()
        for bug in known_bugs.BUGS:
            if bug.source is None or came_before(bug.state):
                counts.add("elsewhere or not mended yet")
                continue
            with self.subTest(bug.what):
                with support.SuppressCrashReport():
                    outcome = fresh.scenario(
                        fresh.text(LOCK) + fresh.text(bug.source) + "report(lives=True)",
                        options=("-s", "-P"), expect=None, cwd=self.folder,
                        env=fresh.environment(PYTHONMALLOC=fresh.FILLING_MALLOC))
                self.assertFalse(fresh.died(outcome), outcome)
                self.assertTrue(outcome.facts.get("lives"), outcome)
                counts.add("end well")
        counts.show("known bugs")

    def test_deep(self):
        """What used up the stack of C is done, or an error of Python."""
        counts = fresh.Counts()
        for name, operation, maker in known_bugs.deep():
            with self.subTest(name, operation=operation):
                outcome = fresh.scenario(NEST.format(maker=maker, operation=operation),
                                         options=("-s", "-P"), expect=None, cwd=self.folder)
                self.assertFalse(fresh.died(outcome), outcome)
                self.assertTrue(outcome.facts.get("lives"), outcome)
                counts.add("live")
        counts.show("the stack of C")

    @unittest.skipUnless(hasattr(signal, "SIGBUS"), "memory does not end so here")
    def test_open(self):
        """The page says that this one is open: if it no longer is, the page has to be changed."""
        with support.SuppressCrashReport():
            outcome = fresh.scenario("""
                |import mmap
                |with open(sys.argv[1], "w+b") as file:
                |    file.write(bytes(1 << 20))
                |    file.flush()
                |    memory = mmap.mmap(file.fileno(), 0)
                |lockdownlib.lockdown(keep=("fs.write",))
                |open(sys.argv[1], "w").close()
                |report(cut=True)
                |memory[1 << 19]
                """, os.path.join(self.folder, "file"), expect=None)
        self.assertTrue(outcome.facts["cut"])
        self.assertEqual(outcome.returncode, -signal.SIGBUS)

    @unittest.skipUnless(os.path.exists(PAGE), "the manual is not here")
    def test_page(self):
        with open(PAGE, encoding="utf-8") as file:
            self.assertEqual(file.read(), known_bugs.page())


if __name__ == "__main__":
    unittest.main()
