"""A locked program at a terminal: what the user's keys make the line editor do."""

import os
import subprocess
import sys
import unittest
from test import support
from test.support import import_helper, os_helper
from test.test_lockdown import fresh, probes

import_helper.import_module("readline")
termios = import_helper.import_module("termios")

# Reads one line at the terminal and tells what it was; the name that is looked for is on the disk.
PROGRAM = """
import readline
import sys
import lockdownlib
readline.parse_and_bind("tab: complete")
{prepare}
line = input("? ")
sys.stderr.write("@" + repr(line))
"""

KEYS = b"look canar\t\n"


@unittest.skipUnless(probes.base.has_pty(), "needs a terminal")
class CompletionTest(unittest.TestCase):

    def line(self, prepare):
        """The line that a program got when these keys were typed."""
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        with os_helper.temp_cwd() as folder:
            os_helper.create_empty_file("canary-in-a-file")
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", PROGRAM.format(prepare=prepare)], cwd=folder,
                stdin=slave, stdout=slave, stderr=subprocess.PIPE,
                env=fresh.environment(TERM="dumb", INPUTRC=os.devnull))
            os.close(slave)
            with process:
                try:
                    shown = b""
                    while b"? " not in shown:
                        shown += os.read(master, 1000)
                    os.write(master, KEYS)
                    # The bell rings before it.
                    error = process.communicate(timeout=support.LONG_TIMEOUT)[1].decode()
                    return error.rpartition("@")[2]
                finally:
                    process.kill()

    def test_unlocked_it_completes(self):
        self.assertEqual(self.line(""), "'look canary-in-a-file'")
        self.assertEqual(self.line("lockdownlib.lockdown(keep=['fs.read'])"),
                         "'look canary-in-a-file'")

    def test_locked_it_completes_no_names_of_files(self):
        self.assertEqual(self.line("lockdownlib.lockdown(keep=())"), "'look canar'")

    def test_a_completer_still_works(self):
        self.assertEqual(self.line("""
readline.set_completer(lambda text, state: [text + "d", None][state])
lockdownlib.lockdown(keep=())
"""), "'look canard'")

    def test_a_completer_that_finds_nothing(self):
        self.assertEqual(self.line("""
readline.set_completer(lambda text, state: None)
lockdownlib.lockdown(keep=())
"""), "'look canar'")


if __name__ == "__main__":
    unittest.main()
