"""Tests of the woven tree: what is written, what is left alone, what is put back."""

import os
import unittest
from unittest import mock

import weave
from overlay import OverlayError
from tests.support import CLINIC, SOURCE, TABLE, TreeTest

NAME = "Modules/posixmodule.c"


class WeaveTest(TreeTest):
    def setUp(self):
        super().setUp()
        self.upstream()
        self.overlay({NAME + ".guards": TABLE + "import  os_open  -  reaches out\n",
                      "Lib/os.py.patch": "why\n@@\n import abc\n+import ldp\n",
                      "Lib/test/data.txt": "new\n"})

    def weave(self, release=None):
        return weave.WovenTree(self.build, release or self.release).weave(
            self.source, release or self.release, "3.13.15")

    def refused(self, *expected):
        with self.assertRaises(OverlayError) as caught:
            self.weave()
        for text in expected:
            self.assertIn(text, str(caught.exception))
        return caught.exception.problems

    def register_nothing(self):
        """Made-up trees have none of upstream's lists."""
        patcher = mock.patch("register.entries", return_value={})
        patcher.start()
        self.addCleanup(patcher.stop)

    def age(self):
        """Date all files back, so that a write shows."""
        for path in self.tree.rglob("*"):
            os.utime(path, (1, 1))
        # What was woven is known by its time: tell the record.
        tree = weave.WovenTree(self.build, self.release)
        for name, entry in tree.files.items():
            entry["stat"] = weave._stat(self.tree / name)
        tree._save()

    def written(self):
        return {path.relative_to(self.tree).as_posix() for path in self.tree.rglob("*")
                if path.is_file() and path.stat().st_mtime > 1}


class ContentTest(WeaveTest):
    def setUp(self):
        super().setUp()
        self.register_nothing()
        self.weave()

    def test_woven(self):
        self.assertIn("_PyLockdown_REFUSED(FS_READ)", self.woven(NAME))
        self.assertIn('#include "Python.h"\n#include "pycore_lockdown.h"\n', self.woven(NAME))
        self.assertIn("_PyLockdown_REFUSED(IMPORT)", self.woven("Modules/clinic/posixmodule.c.h"))
        self.assertEqual(self.woven("Lib/os.py"), "import abc\nimport ldp\nimport sys\n")
        self.assertEqual(self.woven("Lib/test/data.txt"), "new\n")
        self.assertEqual(self.woven("README.rst"), "one\ntwo\n")

    def test_tables(self):
        text = self.woven("Python/lockdown_tables.h")
        self.assertIn('#define LOCKDOWN_UPSTREAM "3.13.15"\n', text)
        self.assertIn('{"old_style", "os.old"},\n    {"os_open", "os.open"},\n'
                      '    {"os_open_impl", "os.open"},\n', text)

    def test_pristine_is_not_written(self):
        self.assertEqual((self.pristine / NAME).read_text(), SOURCE)
        self.assertEqual((self.pristine / "Modules/clinic/posixmodule.c.h").read_text(), CLINIC)

    def test_nothing_changed(self):
        self.age()
        self.assertEqual(self.weave(), [])
        self.assertEqual(self.written(), set())

    def test_new_time_alone_changes_nothing(self):
        self.age()
        os.utime(self.source / (NAME + ".guards"))
        self.assertEqual(self.weave(), [])
        self.assertEqual(self.written(), set())

    def test_changed_row_of_the_source(self):
        self.age()
        self.overlay({NAME + ".guards": TABLE.replace("fs.read", "env") + "import os_open - x\n"})
        self.weave()
        self.assertEqual(self.written(), {NAME})
        self.assertIn("_PyLockdown_REFUSED(ENV)", self.woven(NAME))

    def test_changed_row_of_the_clinic_header(self):
        """Upstream's make does not know that the source includes the header."""
        self.age()
        self.overlay({NAME + ".guards": TABLE + "net os_open - x\n"})
        self.weave()
        self.assertEqual(self.written(), {NAME, "Modules/clinic/posixmodule.c.h"})
        self.assertEqual(self.weave(), [])

    def test_removed_input(self):
        self.age()
        self.overlay({NAME + ".guards": None, "Lib/os.py.patch": None, "Lib/test/data.txt": None})
        self.weave()
        self.assertEqual(self.woven(NAME), SOURCE)
        self.assertEqual(self.woven("Modules/clinic/posixmodule.c.h"), CLINIC)
        self.assertEqual(self.woven("Lib/os.py"), "import abc\nimport sys\n")
        self.assertFalse((self.tree / "Lib/test").exists())
        self.assertIn(NAME, self.written())

    def test_rows_leave_the_clinic_header(self):
        self.overlay({NAME + ".guards": TABLE})
        self.weave()
        self.assertEqual(self.woven("Modules/clinic/posixmodule.c.h"), CLINIC)

    def test_error_changes_nothing(self):
        self.age()
        self.overlay({NAME + ".guards": TABLE.replace("old_style", "old_stile"),
                      "Lib/os.py.patch": "why\n@@\n import nothing\n+x\n", "Lib/new.py": "x"})
        problems = self.refused("posixmodule.c.guards:3: old_stile", "os.py.patch:2")
        self.assertEqual(len(problems), 2)
        self.assertEqual(self.written(), set())

    def test_edit_by_hand_is_not_overwritten(self):
        (self.tree / "Lib/os.py").write_text("mine\n")
        self.refused("Lib/os.py: was changed in the build tree")
        self.assertEqual(self.woven("Lib/os.py"), "mine\n")
        (self.tree / "Lib/os.py").unlink()
        self.assertEqual(self.weave(), ["Lib/os.py"])

    def test_interrupted(self):
        """What was written before the end is no edit by hand."""
        self.overlay({"Lib/os.py.patch": "why\n@@\n import abc\n+import new\n", "Lib/z.py": "z"})
        real = weave.WovenTree._write

        def stop(tree, name, output):
            if name == "Lib/z.py":
                raise KeyboardInterrupt
            return real(tree, name, output)

        with mock.patch("weave.WovenTree._write", stop), self.assertRaises(KeyboardInterrupt):
            self.weave()
        self.assertIn("import new", self.woven("Lib/os.py"))
        self.overlay({"Lib/os.py.patch": "why\n@@\n import abc\n+import newer\n"})
        self.weave()
        self.assertIn("import newer", self.woven("Lib/os.py"))
        self.assertEqual(self.woven("Lib/z.py"), "z")

    def test_no_space(self):
        self.overlay({"Lib/z.py": "z"})
        with mock.patch("pathlib.Path.write_bytes", side_effect=OSError(28, "No space left")):
            with self.assertRaises(OSError):
                self.weave()
        self.assertEqual([p for p in self.build.rglob("*partial*")], [])

    def test_litter_is_left_alone(self):
        self.overlay({"Lib/os.py~": "x", "Lib/.os.py.swp": "x", "Lib/os.py.rej": "x",
                      "Lib/__pycache__/os.pyc": "x"})
        self.assertEqual(self.weave(), [])

    def test_upstream_unpacked_anew(self):
        (self.build / "upstream" / f"{self.release}.sha256").write_text("a\n")
        self.weave()
        (self.pristine / "README.rst").write_text("other\n")
        (self.build / "upstream" / f"{self.release}.sha256").write_text("b\n")
        self.weave()
        self.assertEqual(self.woven("README.rst"), "other\n")
        self.assertIn("FS_READ", self.woven(NAME))


class ErrorTest(WeaveTest):
    def setUp(self):
        super().setUp()
        self.register_nothing()

    def test_copied_upstream_file(self):
        self.overlay({"Lib/os.py.patch": None, "Lib/os.py": "import abc\n"})
        self.refused("Lib/os.py:1: 3.13.15: upstream has a file of this name")

    def test_target_that_upstream_lacks(self):
        self.overlay({"Lib/oz.py.patch": "why\n@@\n a\n+b\n"})
        self.refused("Lib/oz.py.patch:1: 3.13.15: upstream has no Lib/oz.py")

    def test_two_operations_of_one_function(self):
        self.upstream({"Modules/posixmodule.c": SOURCE, "Modules/clinic/posixmodule.c.h": CLINIC,
                       "Lib/os.py": "import abc\n", "Modules/b.c":
                       '#include "Python.h"\nstatic int\nold_style(void)\n{\n}\n'})
        self.overlay({"Modules/b.c.guards": "fd old_style - name=b.old why\n"})
        self.refused("old_style", "is called", "os.old", "b.old")

    def test_no_python_h(self):
        self.upstream({"Modules/posixmodule.c": SOURCE.replace('"Python.h"', "<a.h>"),
                       "Modules/clinic/posixmodule.c.h": CLINIC, "Lib/os.py": "import abc\n"})
        self.refused("posixmodule.c.guards:1: 3.13.15", "does not include Python.h")

    def test_variant_for_older_releases(self):
        self.overlay({"Lib/os.py.until-3.13.5.patch": "why\n@@\n import sys\n+import old\n"})
        self.upstream(release="3.13.5")
        self.upstream(release="3.13.4")
        for release, line in [("3.13.15", "ldp"), ("3.13.5", "old"), ("3.13.4", "old")]:
            self.weave(release)
            text = (self.build / f"cpython-{release}/Lib/os.py").read_text()
            self.assertIn(f"import {line}\n", text)


if __name__ == "__main__":
    unittest.main()
