"""Tests of Objects/addresses.tsv: what is found, what is put in, and what the check says."""

import unittest
from unittest import mock

import addresses
import check
from tests.support import TreeTest
from upstream import Release

NAME = "Objects/thing.c"
SOURCE = '''\
#include "Python.h"
/* PyLong_FromVoidPtr(a comment) and "%p" */
#define MACRO "%p of a macro"

static PyObject *
thing_id(PyObject *self)
{
    return PyLong_FromVoidPtr(self);
}

static PyObject *
thing_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<%s (100%%p) at %p>",
                                Py_TYPE(self)->tp_name, self);
}

static void
thing_dump(PyObject *self)
{
    fprintf(stderr, "at %p, %c", (void *)self, ')');
}

static Py_hash_t
thing_hash(PyObject *self)
{
    return _Py_HashPointer(self);
}

static PyObject *
thing_thread(PyObject *self)
{
    return PyLong_FromUnsignedLong((self)->thread_id);
}

static PyObject *
thing_owner(PyObject *self)
{
    return Py_BuildValue("K", PyThread_get_thread_ident_ex());
}

static PyObject *
thing_size(PyObject *self)
{
    return PyLong_FromSsize_t(Py_SIZE(self));
}
'''
ROWS = [
    (NAME, "-", "%p", "left", "a macro"),
    (NAME, "thing_dump", "%p", "left", "a line for the host"),
    (NAME, "thing_hash", "hash", "shown", "a hash"),
    (NAME, "thing_id", "pointer", "shown", "an address"),
    (NAME, "thing_owner", "ident", "shown", "a thread"),
    (NAME, "thing_repr", "%p", "shown", "a repr"),
    (NAME, "thing_thread", "ident", "shown", "a thread"),
    (NAME, "thing_thread", "number", "shown", "a thread"),
]
PATCH = '''\
why
@@
-    return Py_BuildValue("K", PyThread_get_thread_ident_ex());
+    return Py_BuildValue("K", _PyLockdown_ShownThread(PyThread_get_thread_ident_ex()));
'''


def table(rows):
    return "# a comment\n\n" + "".join("\t".join(row) + "\n" for row in rows)


def without(function):
    return [row for row in ROWS if row[1] != function]


def changed(function, at, value):
    return [(*row[:at], value, *row[at + 1:]) if row[1] == function else row for row in ROWS]


class ScanTest(unittest.TestCase):

    def test_what_is_found(self):
        found = addresses.scan(SOURCE)
        self.assertEqual([(one.kind, one.function, one.line) for one in found], [
            ("%p", "-", 3), ("pointer", "thing_id", 8), ("%p", "thing_repr", 14),
            ("%p", "thing_dump", 21), ("hash", "thing_hash", 27), ("number", "thing_thread", 33),
            ("ident", "thing_thread", 33), ("ident", "thing_owner", 39)])
        self.assertEqual([one.call for one in found if one.kind == "%p"],
                         ["", "PyUnicode_FromFormat", "fprintf"])
        self.assertEqual([addresses.shows_itself(one) for one in found if one.kind == "%p"],
                         [False, True, False])


class TableTest(unittest.TestCase):

    def problems(self, rows):
        problems = []
        addresses.parse_table(table(rows), problems)
        return "\n".join(problems)

    def test_good(self):
        self.assertEqual(self.problems(ROWS), "")

    def test_bad(self):
        row = next(row for row in ROWS if row[1] == "thing_id")
        for rows, expected in (
                ([row[:3]], "with tabs between them"),
                ([(*row[:4], "since=3.13.5")], "has no reason"),
                ([(*row[:2], "heap", *row[3:])], "heap is not one of"),
                ([(*row[:3], "gone", row[4])], "gone is not one of"),
                ([(*row[:2], "hash", "keyed", row[4])], "only what is a pointer can be keyed"),
                ([(NAME, "*", *row[2:])], "only what is left may have wildcards"),
                ([(*row[:4], "since=4", row[4])], "4: is not a CPython release"),
                ([row, row], "has a row already in line 3"),
                ([ROWS[1], ROWS[0]], "belongs above thing_dump")):
            with self.subTest(expected):
                self.assertIn(expected, self.problems(rows))
                self.assertIn(f"{addresses.TABLE}:", self.problems(rows))


class WeaveTest(TreeTest):
    releases = [Release("3.13.15", "a", "a.tar.xz"), Release("3.13.5", "b", "b.tar.xz")]

    def setUp(self):
        super().setUp()
        for release in "3.13.15", "3.13.5":
            self.upstream({NAME: SOURCE}, release)
        self.overlay({NAME + ".patch": PATCH, addresses.TABLE: table(ROWS)})
        for target, result in [("register.entries", {}), ("fetch.provide", None)]:
            patcher = mock.patch(target, return_value=result)
            patcher.start()
            self.addCleanup(patcher.stop)

    def check(self):
        return check.check(self.source, self.build, self.releases)

    def red(self, *expected):
        text = "\n".join(self.check()[0])
        for part in expected:
            self.assertIn(part, text)

    def woven_text(self):
        problems, woven = self.check()
        self.assertEqual(problems, [])
        return woven["3.13.15"].outputs[NAME].data.decode()

    def test_what_is_put_in(self):
        text = self.woven_text()
        for line in ("return _PyLockdown_ShowAddress(self);",
                     "return _PyLockdown_HashPointer(self);",
                     "return _PyLockdown_ShowAddress((void *)(uintptr_t)((self)->thread_id));",
                     'fprintf(stderr, "at %p, %c", (void *)self, \')\');',
                     "/* PyLong_FromVoidPtr(a comment)"):
            self.assertIn(line, text)
        # The formatter shows it.
        self.assertIn("Py_TYPE(self)->tp_name, self);", text)
        self.assertNotIn(addresses.TABLE, self.check()[1]["3.13.15"].outputs)

    def test_keyed(self):
        self.overlay({addresses.TABLE: table(changed("thing_id", 3, "keyed"))})
        self.assertIn("return _PyLockdown_KeyOf(self);", self.woven_text())

    def test_no_row(self):
        for function, line, kind in (("thing_id", 8, "pointer"), ("thing_repr", 14, "%p"),
                                     ("thing_dump", 21, "%p"), ("thing_hash", 27, "hash"),
                                     ("thing_thread", 33, "number")):
            with self.subTest(function):
                self.overlay({addresses.TABLE: table(without(function))})
                self.red(*(f"{function}: {release}: {kind} without a row"
                           for release in ("3.13.15", "3.13.5")))

    def test_a_new_file_needs_rows_too(self):
        self.overlay({"Objects/own.c": SOURCE.replace("thing_", "own_")})
        self.red("Objects/own.c:8: own_id: 3.13.15: pointer without a row")

    def test_a_row_too_many(self):
        self.overlay({addresses.TABLE: table(
            sorted([*ROWS, (NAME, "thing_size", "pointer", "shown", "why")]))})
        self.red("thing_size: 3.13.15: pointer does not occur there: correct the row")

    def test_not_shown(self):
        self.overlay({NAME + ".patch": "why\n@@\n-    return PyLong_FromSsize_t(Py_SIZE(self));\n"
                                       "+    return NULL;\n"})
        self.red("thing_owner: 3.13.15: Objects/thing.c:39 is not shown: write a patch")
        self.overlay({NAME + ".patch": PATCH,
                      addresses.TABLE: table(changed("thing_dump", 3, "shown"))})
        self.red("thing_dump: 3.13.15: Objects/thing.c:22 is a format of C's")

    def test_bounds(self):
        old = SOURCE.replace("PyLong_FromVoidPtr(self)", "NULL")
        self.upstream({NAME: old}, "3.13.5")
        self.red("thing_id: 3.13.5: pointer does not occur there")
        bounded = [(*row[:4], "since=3.13.15", row[4]) if row[1] == "thing_id" else row
                   for row in ROWS]
        self.overlay({addresses.TABLE: table(bounded)})
        self.assertEqual(self.check()[0], [])
        self.upstream({NAME: SOURCE}, "3.13.5")
        self.red("thing_id: 3.13.5: pointer occurs there too, and the bound leaves it out")

    def test_a_bound_that_nothing_needs(self):
        self.overlay({addresses.TABLE: table(
            [(*row[:4], "since=3.13.5", row[4]) if row[1] == "thing_id" else row
             for row in ROWS])})
        self.red("no accepted release needs the bound: remove it")


if __name__ == "__main__":
    unittest.main()
