"""Tests of entering new files in upstream's lists, in every release that is unpacked here.

The releases are those below build/upstream in the current folder; `make check-overlay` unpacks all.
"""

import re
import unittest
from pathlib import Path

import register
from tests.support import item

RELEASES = sorted(path for path in Path("build/upstream").glob("3.*") if path.is_dir())

NEW = {name: item(name, text) for name, text in {
    "Doc/c-api/ldp.rst": "", "Doc/howto/ldp.rst": "", "Doc/library/ldp.rst": "",
    "Include/cpython/ldp.h": "#ifndef Py_CPYTHON_LDP_H\n#  error \"...\"\n#endif\n",
    "Include/internal/pycore_ldp.h": "",
    "Lib/ldp/__init__.py": "", "Lib/ldp/inner/a.py": "", "Lib/one_ldp.py": "",
    "Lib/test/test_ldp/__init__.py": "", "Lib/test/test_ldp/data/a.txt": "",
    "Modules/ldplib.c": '#include "pycore_ldp.h"\n#include "clinic/ldplib.c.h"\n',
    "Modules/clinic/ldplib.c.h": "",
    "Objects/ldpobject.c": "", "Objects/table.tsv": "", "Programs/ldp_embed.c": "",
    "Python/ldp.c": '#include "Python.h"\n#include "lockdown_tables.h"\n', "Python/ldp_os.c": "",
}.items()}


@unittest.skipUnless(RELEASES, "no release is unpacked in build/upstream")
class RegisterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.entries = register.entries(NEW)

    def texts(self, file):
        """(text before, text after) of FILE in each release."""
        result = []
        for pristine in RELEASES:
            before = (pristine / file).read_bytes().decode("utf-8")
            problems = []
            after = register.enter(self.entries[file], before, file, pristine.name, problems)
            self.assertEqual(problems, [])
            result.append((before, after))
        return result

    def added(self, before, after):
        """The added lines; nothing else may have changed."""
        lines = before.splitlines()
        added = []
        for line in after.splitlines():
            if lines and lines[0] == line:
                lines.pop(0)
            else:
                added.append(line)
        self.assertEqual(lines, [])
        return added

    def variable(self, text, name):
        found = re.search(rf"^{name}=((?:.*\\\n)*.*)", text, re.MULTILINE)
        return found[1].replace("\\\n", " ").split()

    def test_which_files(self):
        self.assertEqual(set(self.entries), {
            "Doc/c-api/utilities.rst", "Doc/howto/index.rst", "Doc/library/python.rst",
            "Makefile.pre.in", "Modules/Setup.bootstrap.in", "PC/config.c",
            "PCbuild/_freeze_module.vcxproj", "PCbuild/_freeze_module.vcxproj.filters",
            "PCbuild/pythoncore.vcxproj", "PCbuild/pythoncore.vcxproj.filters",
            "Python/stdlib_module_names.h", "Tools/c-analyzer/cpython/_parser.py"})

    def test_objects(self):
        for before, after in self.texts("Makefile.pre.in"):
            for name, new in [("PYTHON_OBJS", ["Python/ldp.o", "Python/ldp_os.o"]),
                              ("OBJECT_OBJS", ["Objects/ldpobject.o"])]:
                old = self.variable(before, name)
                self.assertEqual(sorted(self.variable(after, name)), sorted(old + new))

    def test_headers(self):
        for before, after in self.texts("Makefile.pre.in"):
            new = set(self.variable(after, "PYTHON_HEADERS"))
            self.assertEqual(new - set(self.variable(before, "PYTHON_HEADERS")),
                             {"$(srcdir)/Include/cpython/ldp.h",
                              "$(srcdir)/Include/internal/pycore_ldp.h"})

    def test_dependencies(self):
        for before, after in self.texts("Makefile.pre.in"):
            self.assertIn("\nPython/ldp.o: $(srcdir)/Python/lockdown_tables.h\n", after)
            self.assertIn("\nModules/ldplib.o: $(srcdir)/Modules/clinic/ldplib.c.h\n", after)

    def test_install_folders(self):
        for before, after in self.texts("Makefile.pre.in"):
            new = self.variable(after, "LIBSUBDIRS")
            self.assertEqual(set(new) - set(self.variable(before, "LIBSUBDIRS")),
                             {"ldp", "ldp/inner"})
            new = self.variable(after, "TESTSUBDIRS")
            self.assertEqual(set(new) - set(self.variable(before, "TESTSUBDIRS")),
                             {"test/test_ldp", "test/test_ldp/data"})
            self.assertEqual(new.index("test/test_ldp") + 1, new.index("test/test_ldp/data"))
            self.assertEqual(new.index("test/test_ldp") - 1, new.index("test/test_json"))

    def test_builtin_module(self):
        for before, after in self.texts("Modules/Setup.bootstrap.in"):
            self.assertEqual(self.added(before, after), ["ldplib ldplib.c"])
            self.assertLess(after.index("*static*"), after.index("ldplib"))
        for before, after in self.texts("PC/config.c"):
            self.assertEqual(self.added(before, after), [
                "extern PyObject* PyInit_ldplib(void);", '    {"ldplib", PyInit_ldplib},'])

    def test_module_names(self):
        for before, after in self.texts("Python/stdlib_module_names.h"):
            self.assertEqual(self.added(before, after), ['"ldp",', '"ldplib",', '"one_ldp",'])
            names = re.findall(r'^"(\w+)",', after, re.MULTILINE)
            self.assertEqual(names, sorted(names))

    def test_projects(self):
        sources = [r"..\Modules\ldplib.c", r"..\Objects\ldpobject.c", r"..\Python\ldp.c",
                   r"..\Python\ldp_os.c"]
        headers = [r"..\Include\cpython\ldp.h", r"..\Include\internal\pycore_ldp.h"]
        for project, expected in [("pythoncore", sources + headers),
                                  ("_freeze_module", sources[1:])]:
            for before, after in self.texts(f"PCbuild/{project}.vcxproj"):
                self.assertEqual(sorted(re.findall(r'Include="(.*)" />',
                                                   "\n".join(self.added(before, after)))),
                                 sorted(expected))
                self.assertEqual(after.count("\n"), after.count("\r\n"))
            for before, after in self.texts(f"PCbuild/{project}.vcxproj.filters"):
                found = re.findall(r'<(\w+) Include="(\S*ldp\S*)">\r\n      <Filter>(.*)</Filter>'
                                   r'\r\n    </\1>\r\n(?=    <)', after)
                self.assertEqual(sorted(path for _, path, _ in found), sorted(expected))
                for kind, path, group in found:
                    self.assertIn(f"<Filter>{group}</Filter>", before)

    def test_c_analyzer(self):
        for before, after in self.texts("Tools/c-analyzer/cpython/_parser.py"):
            self.assertEqual(sorted(self.added(before, after)), [
                "Include/cpython/ldp.h\tPy_CPYTHON_LDP_H\t1", "Modules/ldplib.c\tPy_BUILD_CORE\t1"])
            self.assertIn("Modules/ldplib.c\tPy_BUILD_CORE\t1\nModules/main.c\t", after)

    def test_doc_indexes(self):
        for file in ("Doc/c-api/utilities.rst", "Doc/howto/index.rst", "Doc/library/python.rst"):
            for before, after in self.texts(file):
                self.assertEqual(self.added(before, after), ["   ldp.rst"])
                self.assertRegex(after, r"   [\w.-]+\.rst\n   ldp\.rst\n")

    def test_list_that_is_gone(self):
        problems = []
        added = self.entries["Makefile.pre.in"]
        register.enter(added, "all:\n", "Makefile.pre.in", "3.13.5", problems)
        self.assertEqual(len(problems), len(added))
        self.assertRegex(problems[0], r"^Makefile.pre.in: .*: 3.13.5: ")

    def test_name_that_upstream_has(self):
        entries = register.entries({"Python/ast.c": item("Python/ast.c", "")})
        text = (RELEASES[0] / "Makefile.pre.in").read_text(encoding="utf-8")
        problems = []
        register.enter(entries["Makefile.pre.in"], text, "Makefile.pre.in", "3.13.5", problems)
        self.assertIn("is in upstream's list already", problems[0])
