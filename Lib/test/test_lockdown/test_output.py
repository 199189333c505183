"""Text that the interpreter prints by itself: printed when locked too, without reading any file.

Tracebacks, warnings, unraisable errors and SyntaxErrors show source lines by opening whatever file
they are told. A canary in such a file must not come out.
"""

import unittest
from test import support
from test.test_lockdown import fresh

CANARY = "the_canary_sings_here"


class OutputTest(fresh.FolderTest):

    def setUp(self):
        super().setUp()
        self.path = self.write("secret.txt", "".join(f"    {CANARY}(line, {number})\n"
                                                     for number in range(20)))

    # Each makes the interpreter print what it finds in line 3 of the file, with its way of asking;
    # the text that must be seen whether locked or not; the canary is seen unlocked only.
    WAYS = {
        "traceback by the C code": (
            "exec(compile('\\n\\n1/0', path, 'exec'))",
            "ZeroDivisionError: division by zero"),
        "traceback by sys.__excepthook__": (
            "try: exec(compile('\\n\\n1/0', path, 'exec'))\n"
            "except Exception as e: sys.__excepthook__(type(e), e, e.__traceback__)",
            "ZeroDivisionError: division by zero"),
        "traceback module": (
            "import traceback\n"
            "try: exec(compile('\\n\\n1/0', path, 'exec'))\n"
            "except Exception: traceback.print_exc()",
            "ZeroDivisionError: division by zero"),
        "format_stack": (
            "import traceback\n"
            "exec(compile('\\n\\nprint(\"\".join(traceback.format_stack()))', path, 'exec'))",
            "line 3"),
        "linecache": (
            "import linecache; print('line is', linecache.getline(path, 3))",
            "line is"),
        "warning": (
            "import warnings; warnings.simplefilter('always')\n"
            "warnings.warn_explicit('a warning', UserWarning, path, 3)",
            "UserWarning: a warning"),
        "warning by the C code": (
            "import _warnings, sys\nsys.modules.pop('warnings', None)\n"
            "_warnings.filters[:] = [('always', None, Warning, None, 0)]\n"
            "_warnings.warn_explicit('a warning', UserWarning, path, 3)",
            "UserWarning: a warning"),
        "warning of compile": (
            "import warnings; warnings.simplefilter('always')\n"
            "compile('\\n\\n\"a\" is 5', path, 'exec')",
            "SyntaxWarning"),
        "showwarning": (
            "import warnings; warnings.showwarning('a warning', UserWarning, path, 3)",
            "UserWarning: a warning"),
        "unraisable": (
            "exec(compile('\\n\\nclass C:\\n  def __del__(self): 1/0', path, 'exec'))\nC()",
            "ZeroDivisionError"),
        "SyntaxError that names a file": (
            "raise SyntaxError('wrong', (path, 3, 1, None))",
            "SyntaxError: wrong"),
        "SyntaxError with an end": (
            "raise SyntaxError('wrong', (path, 3, 1, None, 3, 9))",
            "SyntaxError: wrong"),
        "SyntaxError printed by C": (
            "sys.__excepthook__(SyntaxError, SyntaxError('wrong', (path, 3, 1, None)), None)",
            "SyntaxError: wrong"),
        "IndentationError of compile": (
            "compile('if 1:\\n\\nx', path, 'exec')",
            "IndentationError"),
        "error in the middle of parsing": (
            "compile('x = (\\n\\n1 2', path, 'exec')",
            "SyntaxError"),
        "error after parsing": (
            "compile('\\n\\nreturn', path, 'exec')",
            "SyntaxError"),
        "error in the symbol table": (
            "compile('\\n\\ndef f(a, a): pass', path, 'exec')",
            "SyntaxError"),
        "error of a syntax tree": (
            "import ast\ntree = ast.parse('\\n\\nx = 1')\n"
            "tree.body[0] = ast.Return(None, lineno=3, col_offset=0, end_lineno=3, "
            "end_col_offset=6)\n"
            "compile(tree, path, 'exec')",
            "SyntaxError"),
        "coding cookie": (
            "exec(compile(b'# coding: latin-1\\n\\n1/0', path, 'exec'))",
            "ZeroDivisionError"),
        "nested exceptions": (
            "try: exec(compile('\\n\\n1/0', path, 'exec'))\n"
            "except Exception as e: raise ExceptionGroup('a group', [e]) from e",
            "a group"),
        "thread": (
            "import threading\n"
            "t = threading.Thread(target=lambda: exec(compile('\\n\\n1/0', path, 'exec')))\n"
            "t.start(); t.join()",
            "ZeroDivisionError"),
        "atexit": (
            "import atexit\n"
            "atexit.register(lambda: exec(compile('\\n\\n1/0', path, 'exec')))",
            "ZeroDivisionError"),
        "inspect": (
            "import inspect\n"
            "exec(compile('\\n\\ndef f(): pass', path, 'exec'))\n"
            "try: print(inspect.getsource(f))\n"
            "except OSError as e: print('no source', e)",
            None),
        "tokenize": (
            "import tokenize\n"
            "try: print(tokenize.open(path).read())\n"
            "except OSError as e: print(e)",
            None),
        "logging": (
            "import logging\n"
            "try: exec(compile('\\n\\n1/0', path, 'exec'))\n"
            "except Exception: logging.exception('logged')",
            "ZeroDivisionError"),
    }

    # What is imported before the lock, so that only the lock differs.
    IMPORTS = "import ast, atexit, inspect, linecache, logging, threading, tokenize, traceback, " \
              "warnings, _warnings\n"

    # These show the line that they were given, or none, and do not look into the file; they are
    # here because another release may do otherwise.
    NO_CANARY = {"error in the middle of parsing", "IndentationError of compile",
                 "SyntaxError that names a file", "SyntaxError with an end",
                 "SyntaxError printed by C"}

    def run_way(self, source, lock):
        program = self.IMPORTS + "import sys, lockdownlib\n" + f"path = {self.path!r}\n" + \
            (f"lockdownlib.lockdown(keep={lock!r})\n" if lock is not None else "") + source
        return fresh.run("-I", "-c", program, expect=None)

    def test_locked(self):
        counts = fresh.Counts()
        for name, (source, text) in self.WAYS.items():
            for keep in ("fd",), ():
                with self.subTest(name, keep=keep):
                    outcome = self.run_way(source, keep)
                    self.assertFalse(fresh.died(outcome), outcome)
                    self.assertNotIn(CANARY, outcome.out + outcome.err)
                    if text is not None:
                        self.assertIn(text, outcome.out + outcome.err)
                        # The refusal inside is nobody's business.
                        self.assertNotIn("lockdown is enabled", outcome.out + outcome.err)
                    counts.add("texts printed without the file")
        counts.show("output")

    def test_control(self):
        """Unlocked the line of the file is printed."""
        shown = []
        for name, (source, text) in self.WAYS.items():
            outcome = self.run_way(source, None)
            if CANARY in outcome.out + outcome.err:
                shown.append(name)
            elif name not in self.NO_CANARY:
                with self.subTest(name):
                    self.fail(f"no control: {outcome}")
        if support.verbose:
            print(f"output: {len(shown)} of {len(self.WAYS)} ways show the file unlocked")

    def test_line_numbers_and_functions_are_shown(self):
        outcome = fresh.run("-I", "-c", """if True:
            import lockdownlib
            lockdownlib.lockdown(keep=())
            def inner():
                raise KeyError('key')
            def outer():
                inner()
            outer()
            """, expect=1)
        self.assertIn("in outer", outcome.err)
        self.assertIn("in inner", outcome.err)
        self.assertIn("line 5", outcome.err)
        self.assertIn("KeyError: 'key'", outcome.err)
        self.assertTrue(outcome.err.startswith("Traceback (most recent call last):"))

    def test_script_that_fails_when_born_locked(self):
        path = self.write("script.py", f"x = 1\n1/0  # {CANARY}\n")
        for option in "-X", "":
            args = ["-X", "lockdown"] if option else []
            outcome = fresh.run("-I", *args, path, expect=1)
            self.assertIn("ZeroDivisionError", outcome.err)
            self.assertIn("line 2", outcome.err)
            # Its text was kept when it was read; where it lies is not told.
            self.assertIn(CANARY, outcome.err)
            self.assertEqual(path in outcome.err, not option)

    def test_syntax_error_of_another_file_when_born_locked(self):
        source = f"raise SyntaxError('wrong', ({self.path!r}, 3, 1, None))"
        outcome = fresh.run("-I", "-X", "lockdown", "-c", source, expect=1)
        self.assertIn("SyntaxError: wrong", outcome.err)
        self.assertNotIn(CANARY, outcome.err)

    def test_display_hook_and_excepthook_of_the_guest(self):
        outcome = fresh.run("-I", "-c", """if True:
            import lockdownlib, sys
            lockdownlib.lockdown(keep=())
            sys.excepthook = lambda *args: print("mine", args[0].__name__)
            1/0
            """, expect=1)
        self.assertIn("mine ZeroDivisionError", outcome.out)

    def test_refusal_that_is_not_caught(self):
        outcome = fresh.run("-I", "-c", """if True:
            import lockdownlib, os
            lockdownlib.lockdown(keep=())
            os.listdir("/")
            """, expect=1)
        self.assertTrue(outcome.err.splitlines()[-1].startswith(
            "lockdownlib.LockdownPermissionError: lockdown is enabled: os.listdir"), outcome.err)

    def test_logging_of_a_process_id_and_of_a_wrong_record(self):
        # Neither ends the program: the id is not told, and the error is printed as ever.
        for options in [("-I",), ("-I", "-X", "lockdown")]:
            with self.subTest(options=options):
                outcome = fresh.run(*options, "-c", """if True:
                    import logging
                    logging.basicConfig(format="%(process)d %(message)s")
                    logging.warning("%d", "no number")
                    logging.warning("said")
                    print("alive")
                    """)
                self.assertIn("--- Logging error ---", outcome.err)
                self.assertRegex(outcome.err, r"(?m)^0 said$" if "-X" in options
                                 else r"(?m)^[1-9][0-9]* said$")
                self.assertEqual(outcome.out.strip(), "alive")

    def test_stderr_is_closed_or_gone(self):
        for source in "sys.stderr.close()", "sys.stderr = None", "del sys.stderr":
            with self.subTest(source):
                outcome = fresh.run("-I", "-c", f"import sys, lockdownlib\n"
                                    f"lockdownlib.lockdown(keep=())\n{source}\n1/0\n", expect=None)
                self.assertFalse(fresh.died(outcome), outcome)

    def test_faulthandler_of_the_host_still_dumps(self):
        # Enabled before the lock by the host: a crash is still told, and tells no file's lines.
        outcome = fresh.run("-I", "-X", "faulthandler", "-c", """if True:
            import faulthandler, lockdownlib
            lockdownlib.lockdown(keep=("runtime",))
            faulthandler._sigsegv()
            """, expect=None)
        self.assertIn("Segmentation fault", outcome.err)

    def test_dump_is_refused(self):
        # To a raw descriptor it would write a text of the guest's choice.
        facts = fresh.scenario("""
            |import faulthandler
            |lockdownlib.lockdown()
            |report(dump=attempt(faulthandler.dump_traceback, 1), enable=attempt(
            |    faulthandler.enable, 1), register=attempt(faulthandler.register, 10, 1),
            |    later=attempt(faulthandler.dump_traceback_later, 100, file=1))
            """).facts
        for name, found in facts.items():
            with self.subTest(name):
                self.assertEqual(found[:3], ["refused", "LockdownPermissionError", "runtime"])


if __name__ == "__main__":
    unittest.main()
