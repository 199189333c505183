"""Tests of functions that a macro makes, and of the guards in them."""

import unittest

import guards
import macros
from tests.support import item

SOURCE = '''\
#include "Python.h"

#define Plain(X) \\
    static PyObject *Thing_ ## X (Thing *self, PyObject *args)  \\
    { return check(X(self->it), # X); }
#define Parsed(X, TYPE, FORMAT)          /* why */ \\
    static PyObject *               \\
    Thing_##X(Thing *self, PyObject *args)    \\
    {                               \\
        TYPE arg; /* X */           \\
        if (!parse(args, FORMAT, "X", &arg)) return NULL; \\
        return X(self->it, arg); }

Plain(first)
#ifdef HAVE_SECOND
Parsed(second, long, "l;a, \\"number)")
#endif
Plain(third)
'''


class WriteOutTest(unittest.TestCase):
    def test_pasted_and_quoted(self):
        text = macros.write_out(SOURCE, {"Thing_first"})
        self.assertIn("\nstatic PyObject *Thing_first (Thing *self, PyObject *args)\n"
                      '{ return check(first(self->it), "first"); }\n#ifdef HAVE_SECOND\n', text)
        self.assertIn("\nPlain(third)\n", text)

    def test_several_parameters(self):
        text = macros.write_out(SOURCE, {"Thing_second"})
        self.assertIn('\nThing_second(Thing *self, PyObject *args)\n{\n    long arg;', text)
        self.assertIn('if (!parse(args, "l;a, \\"number)", "X", &arg)) return NULL;\n', text)
        self.assertIn("    return second(self->it, arg); }\n#endif\n", text)

    def test_nothing_makes_it(self):
        self.assertEqual(macros.write_out(SOURCE, {"Thing_fourth"}), SOURCE)
        self.assertEqual(macros.write_out(SOURCE, {"first"}), SOURCE)


class GuardTest(unittest.TestCase):
    def test_only_the_named_function_is_guarded(self):
        problems, texts = [], {"Modules/a.c": SOURCE}
        rows = guards.parse_table(item("Modules/a.c.guards", "code Thing_second - name=a.b why\n"),
                                  problems)
        made = guards.apply_rows(rows, "Modules/a.c", texts, "3.13.15", problems)
        self.assertEqual(problems, [])
        self.assertEqual(made["Thing_second"][0], "a.b")
        self.assertIn("PyObject *args)\n{\n    if (_PyLockdown_REFUSED(CODE)) return NULL;\n",
                      texts["Modules/a.c"])
        self.assertEqual(texts["Modules/a.c"].count("REFUSED"), 1)
        self.assertIn("\nPlain(first)\n", texts["Modules/a.c"])

    def test_a_body_on_one_line(self):
        problems, texts = [], {"Modules/a.c": SOURCE}
        rows = guards.parse_table(item("Modules/a.c.guards", "code Thing_third - name=a.b why\n"),
                                  problems)
        guards.apply_rows(rows, "Modules/a.c", texts, "3.13.15", problems)
        self.assertIn("{\n    if (_PyLockdown_REFUSED(CODE)) return NULL;\n    return check(",
                      texts["Modules/a.c"])


if __name__ == "__main__":
    unittest.main()
