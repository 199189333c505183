"""Programs of the usual kind, locked: they work, or are told why not."""

import os
import sys
import tempfile
import unittest
from test.test_lockdown import fresh

LOCKED = ("-X", "lockdown")


def both(source):
    """What a program prints unlocked, and locked from its start."""
    return [fresh.run(*options, "-c", fresh.text(source)).out for options in ((), LOCKED)]


class HooksTest(unittest.TestCase):

    def test_doctest(self):
        unlocked, locked = both('''
            |import doctest
            |def f():
            |    """
            |    >>> f()
            |    1
            |    >>> 1 + 1
            |    3
            |    """
            |    return 1
            |print(doctest.testmod())
            ''')
        self.assertIn("TestResults(failed=1, attempted=2)", unlocked)
        self.assertIn("Expected:\n    3\nGot:\n    2\n", unlocked)
        self.assertEqual(unlocked, locked)

    def test_hook_of_the_host_stays(self):
        facts = fresh.scenario("""
            |def hook(frame, event, argument):
            |    pass
            |for take in sys.settrace, sys.setprofile:
            |    take(None)
            |lockdownlib.lockdown(keep=())
            |for take in sys.settrace, sys.setprofile:
            |    take(None)
            |    report(**{take.__name__: attempt(take, hook)})
            """).facts
        for name in "settrace", "setprofile":
            self.assertIn("LockdownPermissionError", str(facts[name]))
        for name in "settrace", "setprofile":
            with self.subTest(name):
                facts = fresh.scenario(f"""
                    |seen = []
                    |def hook(frame, event, argument):
                    |    seen.append(frame.f_code.co_name)
                    |def called():
                    |    pass
                    |sys.{name}(hook)
                    |lockdownlib.lockdown(keep=())
                    |report(none=attempt(sys.{name}, None))
                    |called()
                    |report(seen="called" in seen)
                    """).facts
                self.assertIn("LockdownPermissionError", str(facts["none"]))
                self.assertTrue(facts["seen"])

    def test_profilers(self):
        for name in "cProfile", "profile":
            with self.subTest(name):
                source = f"import {name}; {name}.run('print(7)')"
                self.assertIn("function calls", fresh.run("-c", source).out)
                outcome = fresh.run(*LOCKED, "-c", source, expect=1)
                self.assertEqual(outcome.out, "")
                self.assertRegex(outcome.err, r"LockdownPermissionError: .*'inspect'")
                self.assertNotIn("TypeError", outcome.err)

    def test_inspect_stack(self):
        facts = fresh.scenario("""
            |import inspect
            |lockdownlib.lockdown(keep=())
            |names = {}
            |exec(compile("def f(): return inspect.stack()", "beside.py", "exec"), globals(), names)
            |report(stack=[[frame.function, frame.filename, frame.lineno]
            |              for frame in names["f"]()][:1])
            """).facts
        self.assertEqual(facts["stack"], [["f", "beside.py", 1]])


class LocaleTest(unittest.TestCase):

    def test_what_needs_no_file(self):
        unlocked, locked = both("""
            |import locale
            |before = locale.setlocale(locale.LC_ALL)
            |print(locale.setlocale(locale.LC_ALL, before) == before)
            |print(locale.setlocale(locale.LC_NUMERIC, "C"))
            |print(locale.setlocale(locale.LC_TIME, "POSIX"))
            |print(locale.setlocale(locale.LC_ALL, "C"))
            |print(locale.localeconv()["decimal_point"], locale.str(1.5))
            """)
        self.assertEqual(unlocked, "True\nC\nC\nC\n. 1.5\n")
        self.assertEqual(unlocked, locked)

    def test_preferred_encoding(self):
        unlocked, locked = both("""
            |import locale
            |print(locale.getpreferredencoding(), locale.getpreferredencoding(False))
            """)
        self.assertEqual(len(unlocked.split()), 2)
        self.assertEqual(unlocked, locked)

    def test_what_does(self):
        for name in "", "de_DE.UTF-8", "/etc", "C.UTF-8/x", "c":
            with self.subTest(name):
                outcome = fresh.run(*LOCKED, "-c", f"import locale\n"
                                    f"locale.setlocale(locale.LC_ALL, {name!r})", expect=1)
                self.assertRegex(outcome.err, r"LockdownPermissionError: .*setlocale.*'fs.read'")


class HashlibTest(unittest.TestCase):

    CASES = (("sha256", b"password", b"salt", 10), ("sha1", b"", b"", 1, 20),
             ("sha512", b"x" * 200, b"salt", 100, 100), ("md5", b"p", b"s", 3, 1),
             ("sha3_256", b"p", b"s", 7, 65))

    @unittest.skipUnless("OpenSSL" in fresh.run(
        "-c", "try: import ssl; print(ssl.OPENSSL_VERSION)\nexcept ImportError: pass").out,
        "there is nothing to compare with without OpenSSL")
    def test_pbkdf2_hmac(self):
        unlocked, locked = both(f"""
            |import hashlib
            |for case in {self.CASES}:
            |    print(hashlib.pbkdf2_hmac(*case).hex())
            |print(hashlib.pbkdf2_hmac("sha256", bytearray(b"p"), memoryview(b"s"), 2).hex())
            """)
        self.assertEqual(len(unlocked.splitlines()), len(self.CASES) + 1)
        self.assertEqual(unlocked, locked)

    def test_errors(self):
        unlocked, locked = both("""
            |import hashlib
            |for case in (("none", b"p", b"s", 1), ("sha256", b"p", b"s", 0),
            |             ("sha256", b"p", b"s", 1, 0), ("sha256", "p", b"s", 1),
            |             ("sha256", b"p", "s", 1), (1, b"p", b"s", 1), ("sha256", b"p", 5, 1),
            |             ("shake_128", b"p", b"s", 1)):
            |    try:
            |        hashlib.pbkdf2_hmac(*case)
            |    except (ValueError, TypeError) as error:
            |        print(isinstance(error, TypeError))
            """)
        self.assertEqual(len(unlocked.splitlines()), 8)
        self.assertEqual(unlocked, locked)

    def test_scrypt(self):
        outcome = fresh.run(*LOCKED, "-c", "import hashlib\n"
                            "hashlib.scrypt(b'p', salt=b's', n=16, r=1, p=1)", expect=1)
        self.assertRegex(outcome.err, "LockdownImportError: .*'_hashlib'")


class ZoneinfoTest(unittest.TestCase):

    def test_the_error_says_why(self):
        source = "import zoneinfo; zoneinfo.ZoneInfo('No/Where')"
        outcome = fresh.run(*LOCKED, "-c", source, expect=1)
        self.assertRegex(outcome.err, "ZoneInfoNotFoundError: .*No/Where: lockdown is enabled")
        for options in (), ("-X", "lockdown=fs.read"):
            outcome = fresh.run(*options, "-c", source, expect=1)
            self.assertRegex(outcome.err, "ZoneInfoNotFoundError: .*No/Where'$")


class LogFilesTest(fresh.FolderTest):

    def log(self, folder, lock):
        """Names and texts of the files of three handlers that would open them again."""
        fresh.scenario(f"""
            |import logging.handlers, os
            |os.chdir(sys.argv[1])
            |logs = []
            |for name, handler in (
            |        ("size", logging.handlers.RotatingFileHandler("size", maxBytes=40,
            |                                                      backupCount=9)),
            |        ("time", logging.handlers.TimedRotatingFileHandler("time", when="S")),
            |        ("watched", logging.handlers.WatchedFileHandler("watched"))):
            |    log = logging.getLogger(name)
            |    log.addHandler(handler)
            |    log.warning("before the lock")
            |    logs.append(log)
            |logs[1].handlers[0].rolloverAt = 0
            |os.rename("watched", "moved")
            |{lock}
            |for number in range(4):
            |    for log in logs:
            |        log.warning("after the lock %d", number)
            """, folder)
        found = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name)) as file:
                found[name] = file.read().splitlines()
        return found

    def test_no_message_is_lost(self):
        lines = ["before the lock", *(f"after the lock {number}" for number in range(4))]
        found = self.log(self.folder, "lockdownlib.lockdown(keep=())")
        self.assertEqual(found, {"size": lines, "time": lines, "moved": lines})

    def test_control(self):
        # The names of the files stay as long as they are of use, whether or not "env" is kept.
        for lock in ("pass", "lockdownlib.lockdown(keep=('fs.read', 'fs.write', 'env', 'fd'))",
                     "lockdownlib.lockdown(keep=('fs.read', 'fs.write', 'fd'))"):
            with self.subTest(lock), tempfile.TemporaryDirectory() as folder:
                found = self.log(folder, lock)
                self.assertIn("size.2", found)
                self.assertEqual(found["moved"], ["before the lock"])
                self.assertEqual(len([name for name in found if name.startswith("time")]), 2)


class TemporaryFolderTest(fresh.FolderTest):

    def test_removing_that_is_refused_says_so(self):
        # It tried again and again. Removing a tree goes by descriptors.
        for ignore in False, True:
            facts = fresh.scenario(f"""
                |import os, tempfile
                |folder = tempfile.TemporaryDirectory(dir=sys.argv[1], ignore_cleanup_errors={ignore})
                |os.mkdir(os.path.join(folder.name, "inner"))
                |lockdownlib.lockdown(keep=("fs.read", "fs.write", "env"))
                |report(end=attempt(folder.cleanup))
                """, self.folder).facts
            if ignore:
                self.assertEqual(facts["end"], ["done", "None"])
            else:
                self.assertEqual(facts["end"][:3], ["refused", "LockdownPermissionError", "fd"])


@unittest.skipUnless(sys.platform != "win32", "Windows waits by a handle")
class PollTest(unittest.TestCase):

    PROGRAM = """
        |import subprocess
        |child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        |lockdownlib.lockdown(keep={keep})
        |report(running=attempt(child.poll))
        |child.stdin.close()
        |report(wait=attempt(child.wait))
        |report(ended=attempt(child.poll))
        """

    def test_poll_tells_or_says_that_it_may_not(self):
        facts = fresh.scenario(self.PROGRAM.format(keep=("fd",))).facts
        self.assertNotIn("LockdownPermissionError", str(facts))
        facts = fresh.scenario(self.PROGRAM.format(keep=())).facts
        for what in "running", "wait", "ended":
            self.assertIn("LockdownPermissionError", str(facts[what]))


if __name__ == "__main__":
    unittest.main()
