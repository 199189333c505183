"""Tests of the exact patches."""

import unittest

import patches
from tests.support import item

TEXT = "int f(void)\n{\n    a;\n    b;\n}\n\nint g(void)\n{\n    a;\n    c;\n}\n"


def apply(body, text=TEXT, target="X.c"):
    problems = []
    patch = item("X.c.patch", body)
    hunks = patches.parse_patch(patch, problems)
    return patches.apply_patch(patch, hunks, text, target, "3.13.5", problems), problems


class PatchTest(unittest.TestCase):
    def refused(self, body, expected, text=TEXT):
        result, problems = apply(body, text)
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(expected, problems[0])

    def test_unique(self):
        self.assertEqual(apply("why\n@@\n     c;\n+    d;\n"),
                         (TEXT.replace("    c;\n", "    c;\n    d;\n"), []))

    def test_anchor(self):
        self.assertEqual(apply("why\n@@ int g(\n-    a;\n+    e;\n"),
                         (TEXT.replace("    a;\n    c;", "    e;\n    c;"), []))

    def test_two_hunks_in_any_order(self):
        result, problems = apply("why\n\nmore\n@@ int g(\n-    a;\n+    e;\n\n"
                                 "@@ int f(\n     a;\n+x\n")
        self.assertEqual(problems, [])
        self.assertEqual(result, TEXT.replace("    a;\n    c", "    e;\n    c")
                         .replace("    a;\n    b", "    a;\nx\n    b"))

    def test_carriage_returns_stay(self):
        result, problems = apply("why\n@@\n     c;\n+    d;\n", TEXT.replace("\n", "\r\n"))
        self.assertEqual((problems, result.count("\r\n"), result.count("\n")), ([], 12, 12))

    def test_ambiguous(self):
        self.refused("why\n@@\n-    a;\n", "X.c.patch:2: a;: 3.13.5: applies in 2 places")

    def test_other_text(self):
        self.refused("why\n@@\n     b\n+x\n", "X.c.patch:2: b: 3.13.5: does not apply")

    def test_blanks_count(self):
        self.refused("why\n@@\n      c;\n+x\n", "does not apply")

    def test_anchor_that_is_not_unique(self):
        self.refused("why\n@@ (void)\n     c;\n+x\n", "the text after @@ is in 2 lines")

    def test_anchor_of_another_function(self):
        self.refused("why\n@@ int f(\n     c;\n+x\n", "beyond the end of the function")

    def test_overlap(self):
        self.refused("why\n@@\n     a;\n-    b;\n@@\n-    b;\n+x\n", "overlaps")

    def test_no_reason(self):
        self.refused("@@\n     c;\n+x\n", "X.c.patch:1: says nothing")

    def test_no_context(self):
        self.refused("why\n@@\n+x\n", "has no context")

    def test_no_change(self):
        self.refused("why\n@@\n     c;\n", "changes nothing")

    def test_guard(self):
        self.refused("why\n@@\n     c;\n+    if (_PyLockdown_REFUSED(FD)) return 0;\n",
                     "X.c.patch:4: a guard in a patch")
