"""Tests of reading what C source gives to Python, and of what changed between two releases."""

import contextlib
import io
import unittest

import surface
from tests.support import TreeTest, write

MODULE = """\
/* "in a comment" is no entry: {"commented", out} */
static PyMethodDef sample_methods[] = {
    {"plain", sample_plain, METH_NOARGS, doc},
    {"cast", _PyCFunction_CAST(sample_cast), METH_VARARGS, NULL},
    SAMPLE_CLINIC_METHODDEF
    {NULL, NULL}
};
static PyGetSetDef sample_getset[] = {
    {"attribute", (getter)get_attribute, (setter)set_attribute, NULL},
    {NULL}
};
static struct PyMemberDef sample_members[] = {
    {"member", Py_T_INT, offsetof(Sample, member)},
    {NULL}
};
static PyType_Slot sample_slots[] = {
    {Py_tp_new, sample_new}, {Py_tp_doc, "text"}, {Py_tp_dealloc, sample_dealloc},
    {Py_nb_add, NULL}, {0, NULL},
};
static PyTypeObject Old_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    "old",                      /* tp_name */
    (reprfunc)old_repr,         /* tp_repr */
    0,                          /* tp_hash */
    .tp_call = old_call,
};
#define ComplexExtendsException(EXCBASE, EXCNAME, EXCNEW, \\
                                EXCSTR) \\
static PyTypeObject x;
ComplexExtendsException(Base, Made, Made_new, 0);
"""
CLINIC = """\
#define SAMPLE_CLINIC_METHODDEF    \\
    {"clinic", (PyCFunction)sample_clinic, METH_O, sample_clinic__doc__},
"""
EXPECTED = {("sample_methods", "plain", "sample_plain"), ("sample_methods", "cast", "sample_cast"),
            ("sample_methods", "clinic", "sample_clinic"),
            ("sample_getset", "attribute", "get_attribute"), ("sample_members", "member", ""),
            ("sample_slots", "tp_new", "sample_new"), ("Old_Type", "tp_repr", "old_repr"),
            ("Old_Type", "tp_call", "old_call"), ("Made", "tp_new", "Made_new")}


class SurfaceTest(TreeTest):

    def read(self, version, text, clinic=CLINIC, file="Modules/sample.c"):
        write(self.folder / "upstream" / version,
              {file: text, "Modules/clinic/sample.c.h": clinic})
        return surface.entries(self.folder / "upstream" / version)

    def test_entries(self):
        found = self.read("1.0", MODULE)
        self.assertEqual({entry[1:] for entry in found}, EXPECTED)
        self.assertEqual({entry.file for entry in found}, {"Modules/sample.c"})

    def test_left_out(self):
        self.assertEqual(self.read("1.0", MODULE, file="Modules/_testsample.c"), [])

    def test_difference(self):
        old = self.read("1.0", MODULE)
        new = self.read("1.1", MODULE.replace('"plain", sample_plain', '"plain", other_plain')
                           .replace('{"cast"', '{"added", sample_added}, {"cast"')
                           .replace('{"member", Py_T_INT, offsetof(Sample, member)},', ""))
        came, went, moved = surface.compare(old, new)
        self.assertEqual([entry.name for entry in came], ["added"])
        self.assertEqual([entry.name for entry in went], ["member"])
        self.assertEqual([(a.function, b.function) for a, b in moved],
                         [("sample_plain", "other_plain")])
        self.assertEqual(surface.compare(old, old), ([], [], []))

    def test_other_file(self):
        old = self.read("1.0", MODULE)
        new = self.read("1.1", MODULE, file="Modules/renamed.c")
        came, went, moved = surface.compare(old, new)
        self.assertEqual((came, went, len(moved)), ([], [], len(EXPECTED)))

    def test_page(self):
        self.read("1.0", MODULE)
        self.read("1.1", MODULE.replace('{"cast"', '{"added", sample_added}, {"cast"'))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(surface.main([str(self.folder), "1.0", "1.1"]), 0)
        self.assertIn("1.0 has 9 entries and 1.1 has 10: 1 came, 0 went", out.getvalue())
        self.assertIn("- ``added`` (``sample_added``) in ``sample_methods`` of Modules/sample.c",
                      out.getvalue())
        file = self.folder / "page.rst"
        self.assertEqual(surface.main([str(self.folder), "1.0", "1.1", str(file)]), 0)
        self.assertEqual(file.read_text(), out.getvalue())

    def test_release_that_is_not_there(self):
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            self.assertEqual(surface.main([str(self.folder), "1.0", "1.1"]), 1)
        self.assertEqual(len(err.getvalue().splitlines()), 1)
        self.assertIn("1.0: its source is not in", err.getvalue())


if __name__ == "__main__":
    unittest.main()
