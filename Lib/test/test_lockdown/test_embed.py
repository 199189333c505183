"""Compiles and runs Programs/_testlockdown_embed.c: the C API agrees with lockdownlib."""

import os
import py_compile
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import unittest
from test import support
from test.test_lockdown import fresh

SOURCE = os.path.join(sysconfig.get_config_var("srcdir") or "", "Programs",
                      "_testlockdown_embed.c")


def variables(*names):
    """The words of these variables of the build."""
    return [word for name in names for word in shlex.split(sysconfig.get_config_var(name) or "")]


@unittest.skipUnless(os.path.exists(SOURCE), "only in a build tree, where the source is")
class EmbedTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="lockdown-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        compiler = variables("CC")
        if not compiler or shutil.which(compiler[0]) is None:
            raise unittest.SkipTest("no C compiler")
        library = sysconfig.get_config_var("LDLIBRARY")
        build = os.path.dirname(sysconfig.get_config_h_filename())
        if not os.path.exists(os.path.join(build, library)):
            raise unittest.SkipTest(f"no {library} in the build tree")
        source = os.path.dirname(os.path.dirname(SOURCE))
        cls.program = os.path.join(cls.folder, "embed")
        cls.includes = [f"-I{os.path.join(source, 'Include')}", f"-I{build}"]
        cls.compiler = compiler
        # The test of the tests takes guards away here too: what is named first is linked.
        mutant = os.path.join(build, "Python", "lockdown_mutant.o")
        mutant = [mutant] if "LOCKDOWN_OFF" in os.environ and os.path.exists(mutant) else []
        # As the Makefile links ./python.
        command = [*compiler, *variables("PY_CFLAGS"), *cls.includes, SOURCE, *mutant,
                   "-o", cls.program,
                   *variables("PY_CORE_LDFLAGS", "LINKFORSHARED"),
                   os.path.join(build, library), f"-Wl,-rpath,{build}",
                   *variables("LIBS", "MODLIBS", "SYSLIBS")]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, cwd=build, timeout=support.LONG_TIMEOUT)
        if result.returncode != 0:
            raise AssertionError(f"{shlex.join(command)}\n{result.stdout}")
        cls.warnings = result.stdout

    def call(self, *args):
        return subprocess.run([self.program, *args], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, cwd=self.folder,
                              env=fresh.environment(), timeout=support.LONG_TIMEOUT)

    def test_scenarios(self):
        with open(os.path.join(self.folder, "embedded.py"), "w") as file:
            file.write("print('the file ran')\n")
        py_compile.compile(os.path.join(self.folder, "embedded.py"),
                           os.path.join(self.folder, "embedded.pyc"), doraise=True)
        names = self.call().stdout.split()
        self.assertGreater(len(names), 5)
        for name in names:
            with self.subTest(name):
                result = self.call(sys.executable, name)
                self.assertEqual(result.returncode, 0, result.stdout)
                self.assertNotIn("the file ran", result.stdout)
        if support.verbose:
            print(f"embedding: {len(names)} scenarios")

    def test_it_compiles_without_a_warning(self):
        self.assertEqual(self.warnings, "")

    def check_header(self, suffix, compiler, *options, body="", succeeds=True):
        path = os.path.join(self.folder, "header" + suffix)
        with open(path, "w") as file:
            file.write("#include <Python.h>\n" + body)
        result = subprocess.run([*compiler, *options, *self.includes, "-fsyntax-only", path],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(result.returncode == 0, succeeds, result.stdout)

    def test_header_in_c_plus_plus(self):
        compiler = variables("CXX")
        if not compiler or shutil.which(compiler[0]) is None:
            self.skipTest("no C++ compiler")
        self.check_header(".cpp", compiler, "-Wall", "-Werror",
                          body="int f() { return PyLockdown_Enter(Py_LOCKDOWN_FD, 0); }\n")

    def test_header_hides_from_the_limited_api(self):
        body = "int f(void) { return PyLockdown_Enter(0, 0); }\n"
        options = ["-Werror=implicit-function-declaration"]
        self.check_header(".c", self.compiler, *options, body=body)
        self.check_header(".c", self.compiler, "-DPy_LIMITED_API=0x030d0000", *options, body=body,
                          succeeds=False)


if __name__ == "__main__":
    unittest.main()
