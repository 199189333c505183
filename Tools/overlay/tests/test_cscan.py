"""Tests of finding functions in C source."""

import unittest

import cscan


def names(text):
    return [definition.name for definition in cscan.definitions(text)]


class DefinitionsTest(unittest.TestCase):
    def test_pep7(self):
        found = cscan.definitions("int x;\n\nstatic PyObject *\nf(int a,\n  int b)\n{\n}\n")
        self.assertEqual([(d.name, d.returns, d.line) for d in found],
                         [("f", "static PyObject *", 4)])

    def test_one_line(self):
        self.assertEqual(names("static inline int f(void) { return g(1); }\nint h(int a) {\n}\n"),
                         ["f", "h"])

    def test_declaration_and_call_are_no_definitions(self):
        self.assertEqual(names("int f(void);\nint g(void)\n{\n  if (f()) { h(); }\n}\n"), ["g"])

    def test_not_in_comments_strings_and_directives(self):
        self.assertEqual(names('// int a(void) {\n/* int b(void) {\n*/ char *s = "int c(void) {";\n'
                               '#define D int d(void) { \\\n  {\nint e(void)\n{ char q = \'{\'; }\n'
                               'int f(void) {}\n'), ["e", "f"])

    def test_apostrophe_in_a_number_or_an_error(self):
        self.assertEqual(names("#error don't {\nint f(void)\n{\n int n = 1'000;\n}\n"
                               "int g(void) {}"), ["f", "g"])

    def test_every_branch(self):
        text = ("#if A\nint f(int a)\n{\n#elif B\nint f(void)\n{\n#else\nint f(long a)\n{\n#endif\n"
                "  if (a) {\n  }\n}\nint g(void)\n{\n}\n")
        self.assertEqual(names(text), ["f", "f", "f", "g"])

    def test_branch_that_closes_a_block(self):
        text = ("int f(void)\n{\n#if A\n  if (a) {\n#endif\n  b();\n#if A\n  }\n#endif\n}\n"
                "int g() {}\n")
        self.assertEqual(names(text), ["f", "g"])

    def test_extern_c_and_initializers(self):
        text = ('#ifdef __cplusplus\nextern "C" {\n#endif\nstruct s { int a; };\nint x[] = { 1 };\n'
                "int f(void)\n{\n}\n#ifdef __cplusplus\n}\n#endif\nint g(void) {}\n")
        self.assertEqual(names(text), ["f", "g"])

    def test_enclosing(self):
        text = "int f(void)\n{\n  x;\n}\nint g(void)\n{\n  y;\n}\n"
        found = cscan.definitions(text)
        self.assertEqual(cscan.enclosing(found, text.index("y")).name, "g")
        self.assertIsNone(cscan.enclosing(found, 1))


class ErrorValueTest(unittest.TestCase):
    def test_by_return_type(self):
        for returns, value in [
                ("static PyObject *", "NULL"), ("PyAPI_FUNC(PyObject *)", "NULL"),
                ("static const char*", "NULL"), ("Py_DEPRECATED(3.8) PyObject *", "NULL"),
                ("static int", "-1"), ("static inline Py_ssize_t", "-1"), ("long long", "-1"),
                ("PyAPI_FUNC(int)", "-1"), ("double", None), ("unsigned long", None),
                ("static size_t", None), ("bool", None), ("struct stat", None), ("HKEY", None)]:
            with self.subTest(returns):
                self.assertEqual(cscan.error_value(returns), value)

    def test_void(self):
        self.assertTrue(cscan.is_void("static void"))
        self.assertFalse(cscan.is_void("static void *"))
        self.assertFalse(cscan.is_void("static int"))
