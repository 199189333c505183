"""Tests of naming what is missing: with a compiler of our own that lacks chosen headers."""

import contextlib
import io
import os
import shlex
import unittest
from unittest import mock

import needs
from tests.support import TreeTest, write

# A compiler to which only the headers named in $HAVE exist.
COMPILER = """\
#!/bin/sh
for header in $(sed -n 's/^#include <\\(.*\\)>/\\1/p' try.c); do
    case " $HAVE " in *" $header "*) ;; *) exit 1 ;; esac
done
"""


class NeedsTest(TreeTest):
    def setUp(self):
        super().setUp()
        write(self.folder, {"cc": COMPILER})
        (self.folder / "cc").chmod(0o755)
        self.data = []
        self.have = [header for library in needs.LIBRARIES for header in library.headers]

    def main(self, *options, without=(), deps="", check="yes"):
        """(exit status, standard output, standard error)"""
        have = " ".join(header for header in self.have if header not in without)
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.dict(os.environ, HAVE=have), contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(err), mock.patch("needs.TEST_DATA", self.data):
            status = needs.main([f"--deps={deps}", f"--check={check}",
                                 f"CC={shlex.quote(str(self.folder / 'cc'))}",
                                 "PKG_CONFIG=/nonexistent", *options])
        return status, out.getvalue(), err.getvalue()

    def test_all_there(self):
        status, out, err = self.main()
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(len(out.split()), len(needs.LIBRARIES))

    def test_exactly_the_missing_are_named(self):
        for library in needs.LIBRARIES:
            with self.subTest(library.name):
                status, out, err = self.main(without=[library.headers[-1]])
                self.assertEqual((status, out), (1, ""))
                self.assertEqual(len(err.splitlines()), 1)
                self.assertIn(f"missing: {library.name}: on Debian run `", err)
                self.assertIn(f"apt-get install {library.package}`", err)

    def test_without_check(self):
        status, out, err = self.main(without=["zlib.h"], check="no")
        self.assertEqual(status, 0)
        self.assertNotIn("zlib1g-dev", out)
        self.assertIn("going on without zlib", err)

    def test_option_of_upstream_puts_the_library_elsewhere(self):
        self.assertEqual(self.main("--with-openssl=/opt/ssl", without=["openssl/ssl.h"])[0], 0)
        self.assertEqual(self.main("--without-readline", without=["readline/readline.h"])[0], 0)

    def test_cross_build(self):
        self.assertEqual(self.main("--host=arm", without=self.have), (0, "", ""))

    def test_install(self):
        with mock.patch("needs.install") as install:
            status, _, err = self.main(without=["ffi.h", "zlib.h"], deps="apt")
        install.assert_called_once_with(["libffi-dev", "zlib1g-dev"])
        self.assertEqual(status, 1)     # still missing afterwards: the fake installed nothing
        self.assertIn("missing: libffi, zlib", err)

    def test_nothing_to_install(self):
        with mock.patch("needs.install") as install:
            self.assertEqual(self.main(deps="apt")[0], 0)
        install.assert_not_called()

    def test_data_of_tests_is_installed_too(self):
        file = self.folder / "names"
        self.data = [("some names", "some-package", str(file))]
        with mock.patch("needs.install", side_effect=lambda packages: file.touch()) as install:
            status, _, err = self.main(deps="apt")
        install.assert_called_once_with(["some-package"])
        self.assertEqual((status, err), (0, ""))

    def test_data_of_tests_is_no_condition(self):
        self.data = [("some names", "some-package", str(self.folder / "names"))]
        status, _, err = self.main()
        self.assertEqual(status, 0)
        self.assertIn("tests will miss some names: on Debian install some-package", err)

    def test_commands(self):
        for uid, sudo in [(0, []), (1000, ["sudo"])]:
            with mock.patch("os.getuid", return_value=uid), \
                    mock.patch("shutil.which", return_value="/usr/bin/x"), \
                    mock.patch("needs.say"), mock.patch("subprocess.run") as run:
                run.return_value.returncode = 0
                needs.install(["zlib1g-dev"])
            self.assertEqual([call.args[0] for call in run.call_args_list], [
                [*sudo, "apt-get", "-q", "update"],
                [*sudo, "apt-get", "-q", "install", "--yes", "--no-install-recommends",
                 "zlib1g-dev"]])

    @unittest.skipUnless(os.path.exists("/usr/include/zlib.h"), "needs zlib's header")
    def test_the_real_compiler(self):
        machine = needs.Machine([])
        if not machine.builds([]):
            self.skipTest("needs a compiler")
        zlib = [library for library in needs.LIBRARIES if library.name == "zlib"]
        self.assertTrue(machine.builds(zlib))
        self.assertFalse(machine.builds([zlib[0]._replace(code="no_such_function();")]))
