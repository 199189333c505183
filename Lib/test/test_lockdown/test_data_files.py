"""What reads data files when unlocked looks at no disk when locked, and does what the manual says."""

import concurrent.futures
import os
import unittest
from test.test_lockdown import fresh
from test.test_lockdown.test_import_each import Locked, strace_works

# A program, and the error that ends it; "" if it comes to its end.
PROGRAMS = (
    ("import importlib.resources as r; r.files('json').joinpath('a').read_text()",
     "FileNotFoundError"),
    ("import importlib.resources as r; assert not list(r.files('json').iterdir())", ""),
    ("import pkgutil; assert pkgutil.get_data('json', 'a') is None", ""),
    ("import pkgutil; assert not list(pkgutil.iter_modules())", ""),
    ("import pkgutil, json; assert not list(pkgutil.walk_packages(json.__path__))", ""),
    ("import importlib.metadata as m; m.version('pip')", "PackageNotFoundError"),
    ("import importlib.metadata as m; assert not list(m.distributions())", ""),
    ("import inspect, json; inspect.getsource(json.dumps)", "OSError"),
    ("import inspect, json; inspect.getfile(json)", "TypeError"),
    ("import inspect; assert inspect.stack()[0].code_context is None", ""),
    ("import linecache; assert linecache.getline('/etc/passwd', 1) == ''", ""),
    ("import pydoc; assert 'Return the number' in pydoc.render_doc(len)", ""),
    ("import json, pydoc; assert 'JSON' in pydoc.render_doc(json)", ""),
    ("import pydoc; pydoc.help('if')", ""),
    ("import doctest, json; doctest.testmod(json)", ""),
    ("import doctest; doctest.testfile('a')", "LockdownPermissionError"),
    ("import ensurepip", "LockdownImportError"),
    ("import idlelib", "LockdownImportError"),
    ("import tkinter", "LockdownImportError"),
    ("import turtle", "LockdownImportError"),
    ("import venv; venv.create('a')", "LockdownPermissionError"),
    ("import shelve; shelve.open('a')", "LockdownPermissionError"),
    ("import dbm; dbm.open('a', 'c')", "LockdownPermissionError"),
    ("import dbm.dumb; dbm.dumb.open('a', 'c')", "LockdownPermissionError"),
    ("import py_compile; py_compile.compile('a', doraise=True)", "LockdownPermissionError"),
    ("import fileinput; list(fileinput.input('a'))", "LockdownPermissionError"),
    ("import gettext; gettext.translation('a')", "FileNotFoundError"),
    ("import gettext; assert gettext.translation('a', fallback=True).gettext('b') == 'b'", ""),
    ("import hashlib; [hashlib.new(name) for name in hashlib.algorithms_guaranteed]", ""),
    ("import hashlib; hashlib.scrypt(b'', salt=b'', n=2, r=1, p=1)", "LockdownImportError"),
    ("import zoneinfo; zoneinfo.ZoneInfo('Europe/Paris')", "ZoneInfoNotFoundError"),
    ("import zoneinfo; assert not zoneinfo.available_timezones()", ""),
    ("import mimetypes; assert mimetypes.guess_type('a.html') == ('text/html', None)", ""),
    ("import tempfile; tempfile.TemporaryFile()", "LockdownPermissionError"),
    ("import tempfile; tempfile.SpooledTemporaryFile(9).write(b'a')", ""),
    ("import webbrowser; assert not webbrowser.open('a')", ""),
    ("import netrc; netrc.netrc('a')", "LockdownPermissionError"),
    ("import configparser; assert configparser.ConfigParser().read('a') == []", ""),
    ("import logging.config; logging.config.fileConfig('a')", "FileNotFoundError"),
    ("import ssl", "LockdownImportError"),
)


class DataFilesTest(unittest.TestCase):

    def test_each(self):
        traced = strace_works()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda row: Locked("", row[0], traced), PROGRAMS))
        for (program, error), locked in zip(PROGRAMS, found):
            with self.subTest(program):
                self.assertEqual(locked.calls, [])
                if error:
                    self.assertIn(locked.word, ("@failed", "@absent"), locked.err)
                    self.assertEqual(locked.rest[0], error, locked.out)
                else:
                    self.assertEqual(locked.word, "@imported", (locked.rest, locked.err))

    def test_control(self):
        if not strace_works():
            self.skipTest("strace is not there, or may not trace")
        for program in ("import importlib.resources as r; list(r.files('json').iterdir())",
                        "import zoneinfo; zoneinfo.available_timezones()",
                        "import pkgutil; list(pkgutil.iter_modules())"):
            with self.subTest(program):
                self.assertNotEqual(Locked("", program, True, options=("-I",)).calls, [])


class UnlockedTest(fresh.FolderTest):
    """The frozen library is no one's before a lock: modules come from where CPython has them."""

    PROGRAM = fresh.text("""
        |import importlib.util, json, math, sys
        |report = {"file": json.__file__, "loader": type(json.__loader__).__name__,
        |          "origin": importlib.util.find_spec("decimal").origin,
        |          "builtin": "math" in sys.builtin_module_names, "math": math.__spec__.origin,
        |          "math file": hasattr(math, "__file__")}
        |print("@" + json.dumps(report))
        """)

    def test_where_modules_come_from(self):
        folder = os.path.dirname(os.__file__)
        for options in (), ("-X", "frozen_modules=off"), ("-X", "frozen_modules=on"):
            with self.subTest(options):
                facts = fresh.run(*options, "-c", self.PROGRAM).facts
                self.assertEqual(facts["file"], os.path.join(folder, "json", "__init__.py"))
                self.assertEqual(facts["loader"], "SourceFileLoader")
                self.assertEqual(facts["origin"], os.path.join(folder, "decimal.py"))
                # As the manual says of what is built in.
                self.assertEqual((facts["builtin"], facts["math"], facts["math file"]),
                                 (True, "built-in", False))
        # Born to be locked, they come out of the binary.
        self.assertNotIn("SourceFileLoader", fresh.run(
            "-X", "lockdown=later", "-c", "import json; print(json.__loader__)").out)

    def test_frozen_modules_is_as_upstream(self):
        for word, loader in (("on", "FrozenImporter"), ("off", "SourceFileLoader")):
            with self.subTest(word):
                out = fresh.run("-X", f"frozen_modules={word}", "-c",
                                "import os; print(os.__spec__.loader)").out
                self.assertIn(loader, out)

    def test_another_library_is_used(self):
        # As when a file of the library is edited.
        self.write("colorsys.py", "edited = True\n")
        out = fresh.run("-c", "import colorsys; print(colorsys.edited)",
                        env=fresh.environment(PYTHONPATH=self.folder)).out
        self.assertEqual(out, "True\n")


if __name__ == "__main__":
    unittest.main()
