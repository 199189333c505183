"""Tests of tables that guard whole files."""

import unittest

import inert
from tests.support import TreeTest, item, write

SOURCE = """\
#include "Python.h"

static PyObject *
sample_read(PyObject *module, PyObject *args)
{
    return NULL;
}

static PyObject *
sample_thread(void *unused)
{
    return NULL;
}

static int
sample_init(SampleObject *self, PyObject *args, PyObject *kwds)
{
    return 0;
}

static int
sample_traverse(SampleObject *self, visitproc visit, void *arg)
{
    return 0;
}

static int
sample_clear(SampleObject *self)
{
    return 0;
}

static Py_hash_t
sample_hash(PyObject *self)
{
    return 1;
}

static void
sample_dealloc(PyObject *self)
{
}

#define MADE(suffix)                                     \\
    static PyObject *                                    \\
    made_##suffix(PyObject *Py_UNUSED(module), PyObject *args) \\
    {                                                    \\
        return NULL;                                     \\
    }
"""


class InertTest(TreeTest):

    def test_what_python_calls(self):
        pattern = inert.Pattern("Modules/t.inert", 1, "code", "Modules/*.c", "why")
        rows = inert.rows(pattern, {"Modules/sample.c": SOURCE})
        self.assertEqual([row.function for row in rows],
                         ["sample_read", "sample_init", "sample_hash"])

    def test_macros(self):
        pattern = inert.Pattern("Modules/t.inert", 1, "code", "Modules/*.c", "why")
        self.assertEqual(len(inert.unguarded_macros(SOURCE)), 1)
        guarded = inert.guard_macros(pattern, SOURCE)
        self.assertEqual(guarded.count("_PyLockdown_REFUSED(CODE)"), 1)
        self.assertEqual(inert.unguarded_macros(guarded), [])

    def test_files(self):
        write(self.pristine, {"Modules/_testa.c": "", "Modules/_testb.c": "", "Modules/c.c": ""})
        problems = []
        found = inert.find([item("Modules/t.inert", "code Modules/_test*.c why\n")],
                           self.pristine, "3.13.15", problems)
        self.assertEqual((sorted(found), problems), (["Modules/_testa.c", "Modules/_testb.c"], []))

    def test_problems(self):
        for text, expected in (("code Modules/c.c", "write what is missing"),
                               ("play Modules/c.c why", "play is not a right"),
                               ("code Modules/d.c why", "there is no Modules/d.c"),
                               ("code Modules/c.c why\ncode Modules/*.c why", "is in line 1 too")):
            with self.subTest(text):
                write(self.pristine, {"Modules/c.c": ""})
                problems = []
                inert.find([item("Modules/t.inert", text)], self.pristine, "3.13.15", problems)
                self.assertEqual(len(problems), 1)
                self.assertIn(expected, problems[0])


if __name__ == "__main__":
    unittest.main()
