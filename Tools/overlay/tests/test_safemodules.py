"""Tests of reading the table of modules that SAFE_MODULES is made of."""

import re
from pathlib import Path

from overlay import OverlayError
from safemodules import LEDGER, TABLE, read_safe_modules
from tests.support import TreeTest, item, write

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = {"Lib/abc.py": "", "Lib/json/__init__.py": "", "Lib/json/decoder.py": "",
           "Lib/json/tool.py": "", "Lib/tempfile.py": ""}


class SafeModulesTest(TreeTest):

    def setUp(self):
        super().setUp()
        write(self.pristine, LIBRARY)

    def read(self, text, new=()):
        table = item(TABLE, text)
        return read_safe_modules(table, self.pristine, {TABLE: table, **dict.fromkeys(new)})

    def wrong(self, text, expected):
        with self.assertRaises(OverlayError) as caught:
            self.read(text)
        self.assertEqual(len(caught.exception.problems), 1)
        self.assertIn(f"{TABLE}:1: ", caught.exception.problems[0])
        self.assertIn(expected, caught.exception.problems[0])

    def test_names_and_patterns(self):
        found = self.read("abc\tplain\n"
                          "json.*\tkeeps\twhy\n"
                          "json.tool\tout\truns as a program\n"
                          "math\tjudged\n"
                          "os.path\tname\tposixpath\n", [LEDGER + "math.tsv"])
        self.assertEqual(found.names, ["abc", "json", "json.decoder", "math", "os.path"])
        self.assertEqual(found.frozen, ["abc", "json", "json.decoder"])
        self.assertEqual(found.slots, [])

    def test_not_frozen(self):
        found = self.read("abc\tplain\tfrozen=no of no use\n")
        self.assertEqual((found.names, found.frozen), (["abc"], []))

    def test_slots(self):
        found = self.read("tempfile\tcleared\ttempdir=None; Class.names=[]; builtins:x.y=\"\";"
                          " f.__defaults__[0]={}; d['key']=None; g()=cache - what they hold\n")
        self.assertEqual(found.slots, [
            ("tempfile", "tempdir", "None", ""), ("tempfile", "Class.names", "[]", ""),
            ("builtins", "x.y", '""', ""), ("tempfile", "f.__defaults__[0]", "{}", ""),
            ("tempfile", "d['key']", "None", ""), ("tempfile", "g", "cache", "")])

    def test_slots_of_instances(self):
        found = self.read("tempfile\tcleared\teach Class.name=\"<locked>\";"
                          " unless fs.read|proc other:each One.Two.names=[]; unless import sys:path=[];"
                          " each Class.paths['new-one']=None;"
                          " unless net each Class.f.<locals>.<lambda>().x=\"<locked>\""
                          " - what they hold\n")
        self.assertEqual(found.instances, [("tempfile", "Class", "name", '"<locked>"', ""),
                                           ("other", "One.Two", "names", "[]", "fs.read|proc"),
                                           ("tempfile", "Class", "paths['new-one']", "None", ""),
                                           ("tempfile", "Class.f.<locals>.<lambda>()", "x",
                                            '"<locked>"', "net")])
        self.assertEqual(found.slots, [("sys", "path", "[]", "import")])

    def test_new_files_count(self):
        found = self.read("rexec\tplain\n", ["Lib/rexec.py"])
        self.assertEqual(found.frozen, ["rexec"])

    def test_wrong_lines(self):
        self.wrong("json..tool\tplain\n", "is no name of a module")
        self.wrong("abc\tfine\n", "'fine' is no verdict")
        self.wrong("abd\tplain\n", "there is no module abd in Lib")
        self.wrong("abc\tkeeps\n", "has no reason")
        self.wrong("math\tjudged\n", "math has no table of its own")
        self.wrong("abc\tcleared\tx=5 - why\n", "'x=5' is no slot")
        self.wrong("abc\tcleared\teach name=None - why\n", "'each name=None' is no slot")
        self.wrong("abc\tcleared\teach f().x=[] - why\n", "'each f().x=[]' is no slot")
        self.wrong("abc\tcleared\tunless imports x=None - why\n", "imports is not a right")
        self.wrong("abc\tcleared\tunless fs.read|imports x=None - why\n", "imports is not a right")
        self.wrong("abc\tcleared\tx()=None; f(1)=cache - why\n", "'f(1)=cache' is no slot")

    def test_twice(self):
        with self.assertRaises(OverlayError) as caught:
            self.read("abc\tplain\nabc\tplain\n")
        self.assertEqual(caught.exception.problems,
                         [f"{TABLE}:2: abc is in line 1 too: remove one"])


class DocumentationTest(TreeTest):

    def test_what_is_left_out_is_in_the_manual(self):
        page = (ROOT / "Doc/library/lockdownlib.rst").read_text(encoding="utf-8")
        part = page.partition("are not safe:")[2].partition(".. _lockdown-changes:")[0]
        named = set(re.findall(r"``(\w+)``|`!?(\w+)`", part))
        named = {one or other for one, other in named}
        lines = (ROOT / TABLE).read_text(encoding="utf-8").splitlines()
        out = {line.split("\t")[0].removesuffix(".*") for line in lines
               if line.split("\t")[1:2] == ["out"]}
        self.assertGreater(len(out), 10)
        # The C modules of upstream's tests are named by their beginning.
        self.assertEqual({name for name in out if not name.startswith("_test")} - named, set())
        self.assertEqual({name for name in named if name in out or not name.startswith("_test")}
                         - out, {"test"} - out)
