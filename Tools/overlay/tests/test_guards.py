"""Tests of guard tables and of the checks they put into functions."""

import unittest

import clinic
import guards
from tests.support import CLINIC, SOURCE, TABLE, item

NAME = "Modules/posixmodule.c"
HEADER = "Modules/clinic/posixmodule.c.h"


def apply(table, release="3.13.15", source=SOURCE):
    problems = []
    texts = {NAME: source, HEADER: CLINIC}
    rows = guards.parse_table(item(NAME + ".guards", table), problems)
    operations = guards.apply_rows(rows, NAME, texts, release, problems)
    return texts, {f: operation for f, (operation, _) in operations.items()}, problems


class RowsTest(unittest.TestCase):
    def test_guards(self):
        texts, operations, problems = apply(TABLE)
        self.assertEqual(problems, [])
        self.assertIn("\nos_open_impl(PyObject *module, int flags)\n{\n"
                      "    if (_PyLockdown_REFUSED_FOR(open_flags(module, flags))) return -1;\n",
                      texts[NAME])
        self.assertEqual(texts[NAME].count(
            "{\n    if (_PyLockdown_REFUSED(FS_READ)) return NULL;\n"), 2)
        self.assertEqual(operations, {"os_open_impl": "os.open", "old_style": "os.old"})
        self.assertEqual(texts[HEADER], CLINIC)

    def test_wrapper_in_clinic_header(self):
        texts, operations, problems = apply("fs.read os_open - why\n")
        self.assertEqual((operations, problems), ({"os_open": "os.open"}, []))
        self.assertEqual(texts[NAME], SOURCE)
        self.assertIn("{\n    if (_PyLockdown_REFUSED(FS_READ)) return NULL;\n    return NULL;",
                      texts[HEADER])

    def test_named_error_value(self):
        self.assertIn("return 0;", apply("fd os_open_impl 0 why\n")[0][NAME])

    def test_misspelt(self):
        _, _, problems = apply("# a\n\nfs.read os_opne - name=os.open why\n")
        self.assertEqual(len(problems), 1)
        self.assertRegex(problems[0], r"^Modules/posixmodule.c.guards:3: os_opne: 3.13.15: no such")

    def test_all_problems_of_a_table_are_told(self):
        source = SOURCE + "static void v(void)\n{\n}\nstatic double d(void)\n{\n}\n" \
                          "static int a_converter(int a)\n{\n}\n"
        _, _, problems = apply("""\
fs.read v - name=x.v why
fs.read d - name=x.d why
fs.read a_converter - name=x.a why
fs.read old_style - why
fs.nonsense a - why
fs.read b -
fs.read c - since=3.13.5
fs.read old_style - name=a.b twice
fs.read e - since=4 why
""", source=source)
        text = "\n".join(problems)
        for line, what in [(1, "v: 3.13.15: returns void"),
                           (2, "d: 3.13.15: returns static double"),
                           (3, "a_converter: 3.13.15: is a converter"),
                           (4, "old_style: 3.13.15: no Argument Clinic block names it"),
                           (5, "a: fs.nonsense is not a right"), (6, "b: a row is RIGHT"),
                           (7, "c: has no reason"), (8, "old_style: has a row already in line 4"),
                           (9, "e: 4: is not a CPython release")]:
            self.assertIn(f"posixmodule.c.guards:{line}: {what}", text)
        self.assertEqual(len(problems), 9)

    def test_bounds(self):
        table = "fs.read gone - until=3.13.5 name=os.gone why\n"
        self.assertEqual(apply(table)[2], [])
        self.assertRegex(apply(table, "3.13.5")[2][0], "gone: 3.13.5: no such function")

    def test_header(self):
        self.assertEqual(guards.add_header("a\n# include <Python.h>  // x\nb\n"),
                         'a\n# include <Python.h>  // x\n#include "pycore_lockdown.h"\nb\n')
        text = guards.add_header(SOURCE)
        self.assertEqual(guards.add_header(text), text)
        self.assertEqual(guards.add_header('#include <a.h>\n#include "own.h"\n'),
                         '#include <a.h>\n#include "own.h"\n#include "pycore_lockdown.h"\n')
        self.assertIsNone(guards.add_header('/* #include "Python.h"\n*/\n'))


class ClinicTest(unittest.TestCase):
    def names(self, block):
        return clinic.operations(f"/*[clinic input]\n{block}\n[clinic start generated code]*/")

    def test_forms(self):
        for block, function, operation in [
                ("os.stat\n\n    path: path_t\n", "os_stat", "os.stat"),
                ("os.remove = os.unlink", "os_remove", "os.remove"),
                ("os.access -> bool\n", "os_access_impl", "os.access"),
                ("_imp.a as imp_b -> int", "imp_b", "_imp.a"),
                ("@critical_section\n_io.FileIO.read as fileio_r", "fileio_r", "io.FileIO.read"),
                ("_io.FileIO.__init__\n    a: int", "_io_FileIO___init__", "io.FileIO"),
                ("@classmethod\n_socket.socket.__new__", "_socket_socket", "socket.socket"),
                ("@getter\n_io.X.closed", "_io_X_closed_get", "io.X.closed"),
                ("@setter\n_io.X.closed", "_io_X_closed_set", "io.X.closed")]:
            with self.subTest(block):
                self.assertEqual(self.names(block)[function], operation)

    def test_directives(self):
        self.assertEqual(self.names('module os\nclass os.D "D *" "T"'), {})
