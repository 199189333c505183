"""Tests of `make check-overlay`: green on a good overlay, red with the place on a bad one."""

import contextlib
import io
from unittest import mock

import check
import weave
from tests.support import CLINIC, SOURCE, TABLE, TreeTest
from upstream import Release

NAME = "Modules/posixmodule.c"


class CheckTest(TreeTest):
    releases = [Release("3.13.15", "a", "a.tar.xz"), Release("3.13.5", "b", "b.tar.xz")]

    def setUp(self):
        super().setUp()
        self.upstream()
        self.upstream(release="3.13.5")
        self.overlay({NAME + ".guards": TABLE,
                      "Lib/os.py.patch": "why\n@@\n import abc\n+import ldp\n"})
        for target, result in [("register.entries", {}), ("fetch.provide", None)]:
            patcher = mock.patch(target, return_value=result)
            patcher.start()
            self.addCleanup(patcher.stop)

    def check(self):
        return check.check(self.source, self.build, self.releases)[0]

    def red(self, *expected):
        problems = self.check()
        text = "\n".join(problems)
        for part in expected:
            self.assertIn(part, text)
        return problems

    def test_green(self):
        self.assertEqual(self.check(), [])

    def test_totals(self):
        self.overlay({"UPSTREAM": f"3.13.15 {'a' * 64} a\n3.13.5 {'b' * 64} b\n"})
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(check.main([str(self.source), str(self.build)]), 0)
        self.assertEqual(out.getvalue().splitlines(), [
            "3.13.5: 1 tables, 2 rows, 1 patches, 1 hunks,"
            " 0 rows of addresses",
            "3.13.15: 1 tables, 2 rows, 1 patches, 1 hunks, 0 rows of addresses", "check-overlay: passed"])

    def test_page_of_another_day(self):
        self.overlay({check.SURFACE_PAGE: check.surface.page(self.build, "3.13.5", "3.13.15")})
        self.assertEqual(self.check(), [])
        self.overlay({check.SURFACE_PAGE: "of another day\n"})
        self.red(check.SURFACE_PAGE + ":1: is not about 3.13.5 and 3.13.15 as they are: run make")

    def test_warning_of_the_compiler(self):
        self.overlay({"Lib/ours.py": 'good = "\\n"\nbad = "\\S"\n'})
        self.red("Lib/ours.py:2: invalid escape sequence '\\S'")
        self.overlay({"Lib/ours.py": 'good = "\\n"\n'})
        self.assertEqual(self.check(), [])

    def test_misspelt_function(self):
        self.overlay({NAME + ".guards": TABLE.replace("old_style", "old_stile")})
        self.red(NAME + ".guards:3: old_stile: 3.13.15: no such function",
                 NAME + ".guards:3: old_stile: 3.13.5: no such function")

    def test_misspelt_function_buries_nothing(self):
        """The guards of a file that could not be woven are no strays in the tree of before."""
        weave.WovenTree(self.build, "3.13.15").weave(self.source, "3.13.15", "3.13.15")
        self.overlay({NAME + ".guards": TABLE.replace("old_style", "old_stile")})
        self.assertEqual(len(self.red(": old_stile: 3.13.15: no such function")), 2)

    def test_stray_guard_in_a_clinic_header(self):
        weave.WovenTree(self.build, "3.13.15").weave(self.source, "3.13.15", "3.13.15")
        path = self.tree / "Modules/clinic/posixmodule.c.h"
        path.write_text(path.read_text() + "int stray(void)\n{\n  _PyLockdown_REFUSED(FD);\n}\n")
        self.red(f"give it one in {NAME}.guards")

    def test_function_gone_in_one_release(self):
        self.upstream({NAME: SOURCE.replace("old_style", "new_style"), "Lib/os.py": "import abc\n",
                       "Modules/clinic/posixmodule.c.h": CLINIC}, release="3.13.5")
        self.assertEqual(len(self.red(NAME + ".guards:3: old_style: 3.13.5: no such function")), 1)
        self.overlay({NAME + ".guards": TABLE.replace("name=", "since=3.13.15 name=")})
        self.assertEqual(self.check(), [])

    def test_bound_that_nobody_needs(self):
        self.overlay({NAME + ".guards": TABLE.replace("name=", "since=3.13.1 name=")})
        self.red(NAME + ".guards:3: old_style: no accepted release needs the bound")

    def test_bound_that_leaves_a_hole(self):
        self.overlay({NAME + ".guards": TABLE.replace("name=", "since=3.13.15 name=")})
        self.red(NAME + ".guards:3: old_style: 3.13.5: has this function too")

    def test_inexact_patch(self):
        self.overlay({"Lib/os.py.patch": "why\n@@\n import  abc\n+import ldp\n"})
        self.red("Lib/os.py.patch:2: import  abc: 3.13.5: does not apply")

    def test_variant_that_nobody_needs(self):
        patch = "why\n@@\n import abc\n+import ldp\n"
        self.overlay({"Lib/os.py.until-3.13.4.patch": patch})
        self.red("Lib/os.py.until-3.13.4.patch:1: no accepted release needs it")
        self.overlay({"Lib/os.py.until-3.13.4.patch": None, "Lib/os.py.until-3.13.5.patch": patch})
        self.red("Lib/os.py.until-3.13.5.patch:1: Lib/os.py.patch does the same in 3.13.5")

    def test_unsorted(self):
        self.overlay({NAME + ".guards": "fs.read old_style - name=os.o b\nenv os_open - a\n"})
        self.red(NAME + ".guards:2: os_open: belongs above old_style")

    def test_guard_in_a_new_file(self):
        self.overlay({"Python/new.c": "int f(void)\n{\n    if (_PyLockdown_REFUSED(FD)) return 1;\n"
                                      "}\n// _PyLockdown_REFUSED(FD)\n"})
        self.assertEqual(len(self.red("Python/new.c:3: f: 3.13.15: a guard without a row")), 2)

    def test_guard_in_the_build_tree(self):
        weave.WovenTree(self.build, "3.13.15").weave(self.source, "3.13.15", "3.13.15")
        self.assertEqual(self.check(), [])
        path = self.tree / NAME
        path.write_text(path.read_text() + "int stray(void)\n{\n  _PyLockdown_REFUSED(FD);\n}\n")
        problems = self.red(f"{path}:", ": stray: 3.13.15: a guard without a row")
        self.assertEqual(len(problems), 1)

    def test_weaver_that_misses_a_place(self):
        """The check reads the woven text; it does not trust the weaver."""
        with mock.patch("guards.Row.check", "wrong"):
            weave_ = weave.Weave(self.source, self.pristine, "3.13.15", "3.13.15").run()
        self.assertIn("does not begin with the guard", check._landed(weave_)[0])
