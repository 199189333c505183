"""The interactive prompt, locked from its start and from inside, with and without a terminal."""

import os
import re
import select
import subprocess
import sys
import unittest
from test import support
from test.support import import_helper
from test.test_lockdown import fresh, probes

import_helper.import_module("termios")

CONTROL = re.compile(r"\x1b(\[[0-9;?]*[@-~]|[=>])")
PROMPTS = (">>> ", "... ", "-- more --", "help> ")
# A key that is no line.
END = "\x04"
# What is typed, and what has to be seen up to the prompt that follows.
SESSION = (
    ("1 + 1", "\n2\n"),
    ("import json; json.dumps([1])", "'\\[1\\]'"),
    ("def f():\n    return 1/0\n", ""),
    ("f()", "in f\n.*return 1/0\n.*ZeroDivisionError: division by zero"),
    ("if 1:\n    (3,\n    4)\n", r"\n\(3, 4\)"),
    ("[1, 2\n]", r"\n\[1, 2\]"),
    ("help(len)", r"Help on built-in function len .*Return the number of items"),
    ("help(int)\nq", "class int.*-- more --"),
    ("help()\nquit", "help> .*leaving help"),
    ("breakpoint()", "LockdownPermissionError: .*'inspect'"),
    ("import pdb; pdb.set_trace()", "LockdownPermissionError: .*'inspect'"),
    ("open('there')", "LockdownPermissionError: .*'fs.read'"),
    ("import nothing_there", "LockdownImportError: .*'nothing_there'"),
    ("def g(:", "SyntaxError: "),
    ("import code; code.interact()", "InteractiveConsole"),
    ("1 / 0", "ZeroDivisionError"),
    (END, "now exiting InteractiveConsole"),
    ("import math; math", "<module 'math' \\(built-in\\)>"),
    ("raise KeyboardInterrupt", "\nKeyboardInterrupt"),
)
LOCK = "import lockdownlib; lockdownlib.lockdown(keep=()); print('locked' + 'now')"


class Terminal:
    """An interactive interpreter, and the terminal that it has."""

    def __init__(self, options, **variables):
        self.master, slave = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, *options], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, env=fresh.environment(TERM="xterm", NO_COLOR="1", **variables))
        os.close(slave)

    def until(self, ends):
        """What is shown until it ends in one of these, or the terminal is left."""
        shown = b""
        while True:
            text = CONTROL.sub("", shown.decode(errors="replace")).replace("\r", "")
            if text.endswith(ends):
                return text
            if not select.select([self.master], [], [], support.LONG_TIMEOUT)[0]:
                raise AssertionError(f"no prompt after {text!r}")
            try:
                data = os.read(self.master, 4096)
            except OSError:
                data = b""
            if not data:
                return text + "(the end)"
            shown += data

    def type(self, keys, ends=PROMPTS, keys_alone=(END,)):
        """What is shown for these lines."""
        shown = []
        for line in keys.split("\n"):
            os.write(self.master, line.encode() + (b"" if line in keys_alone else b"\r"))
            shown.append(self.until(ends))
        return "".join(shown)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@unittest.skipUnless(probes.base.has_pty(), "needs a terminal")
class TerminalTest(unittest.TestCase):

    def check(self, options, lock=None, keys_alone=(END,), **variables):
        terminal = Terminal(options, **variables)
        self.addCleanup(terminal.close)
        every = terminal.until(PROMPTS)
        if lock is not None:
            every += terminal.type(lock, "lockednow\n>>> ")
        for keys, pattern in SESSION:
            with self.subTest(keys):
                shown = terminal.type(keys, keys_alone=keys_alone)
                self.assertRegex(shown, re.compile(pattern, re.DOTALL))
                self.assertNotIn("(the end)", shown)
                every += shown
        terminal.type("exit()", "(the end)")
        self.assertEqual(terminal.process.wait(support.LONG_TIMEOUT), 0)
        # No path of a file, of the program or of the library.
        self.assertNotRegex(every, r'File "(?!<)')
        self.assertNotIn(os.path.dirname(os.__file__), every)
        self.assertNotIn(os.path.dirname(sys.executable), every)

    def test_from_its_start(self):
        self.check(("-X", "lockdown"))

    def test_from_inside_the_editor(self):
        self.check((), LOCK)

    def test_from_inside_the_editor_with_fd(self):
        # The pager sets the terminal up, and does not wait for the end of the line.
        self.check((), LOCK.replace("keep=()", ""), (END, "q"))

    def test_from_inside_the_plain_prompt(self):
        self.check((), LOCK, PYTHON_BASIC_REPL="1")

    def test_control(self):
        terminal = Terminal((), PYTHON_BASIC_REPL="1")
        self.addCleanup(terminal.close)
        terminal.until(PROMPTS)
        self.assertRegex(terminal.type("import json; json"),
                         re.escape(os.path.dirname(os.__file__)))
        self.assertRegex(terminal.type("import pdb; pdb.set_trace()", "(Pdb) "), r"> .*<stdin")


class PipeTest(unittest.TestCase):

    def check(self, *options, lock=""):
        outcome = fresh.run("-i", *options, stdin=lock + fresh.text("""
            |1 + 1
            |def f():
            |    return 1/0
            |
            |f()
            |help(len)
            |breakpoint()
            |import nothing_there
            |import code; code.interact()
            |3 + 4
            """))
        self.assertIn("2\n", outcome.out)
        self.assertIn("Help on built-in function len", outcome.out)
        self.assertIn("7\n", outcome.out)
        for word in "ZeroDivisionError", "LockdownPermissionError", "LockdownImportError":
            self.assertIn(word, outcome.err)
        self.assertIn("return 1/0\n", outcome.err)
        self.assertNotRegex(outcome.err, r'File "(?!<)')

    def test_from_its_start(self):
        self.check("-X", "lockdown")

    def test_from_inside(self):
        self.check(lock=LOCK + "\n")


if __name__ == "__main__":
    unittest.main()
