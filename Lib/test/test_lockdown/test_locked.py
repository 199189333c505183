"""A sample of CPython's own tests, chosen by the date, runs in locked processes.

`make test-locked` runs all of them.
"""

import datetime
import os
import random
import sys
import tempfile
import unittest
from test import support
from test.test_lockdown import fresh, mutation
from test.test_lockdown.locked import report, tables
from test.test_lockdown.locked.__main__ import run_files

import lockdownlib

# Files that take seconds; what the others come to, the nightly run tells.
SAMPLE = 6
QUICK = """
    test__locale test_abc test_array test_augassign test_base64 test_baseexception test_binascii
    test_binop test_bisect test_bool test_bytes test_calendar test_class test_cmath test_codeop
    test_colorsys test_compare test_complex test_configparser test_contains test_context
    test_contextlib test_copy test_copyreg test_csv test_dataclasses test_defaultdict test_deque
    test_dict test_difflib test_enum test_enumerate test_errno test_exception_group test_fnmatch
    test_format test_fractions test_functools test_genericalias test_getopt test_graphlib
    test_grammar test_heapq test_hmac test_html test_htmlparser test_http_cookies test_index
    test_int test_ipaddress test_isinstance test_iter test_itertools test_keyword test_list
    test_math test_memoryview test_operator test_ordered_dict test_patma test_pickletools
    test_pow test_pprint test_property test_queue test_range test_reprlib test_richcmp test_sched
    test_scope test_secrets test_set test_shlex test_slice test_statistics test_string
    test_stringprep test_struct test_super test_textwrap test_tuple test_types test_unpack
    test_urlparse test_userdict test_weakset test_with test_yield_from
""".split()


def release_build():
    return not support.Py_DEBUG and not support.Py_GIL_DISABLED \
        and "older than" not in lockdownlib.status().upstream \
        and not support.check_sanitizer(address=True, memory=True, ub=True)


class SampleTest(unittest.TestCase):

    @unittest.skipUnless(os.path.exists(mutation.MUTANT), "python-mutant is not built: make mutant")
    @unittest.skipUnless(release_build(), "the table is that of a release build of the newest release")
    def test_sample(self):
        today = datetime.datetime.now(datetime.timezone.utc).date()
        names = random.Random(today.isoformat()).sample(QUICK, SAMPLE)
        with tempfile.TemporaryDirectory() as folder:
            results = run_files(names, folder, jobs=2)
        explained = tables.explanations()
        self.assertEqual(tables.judge(results, explained), [])
        methods = report.count(report.everything(results))
        self.assertGreater(methods[1], SAMPLE, "hardly a method passes")
        if support.verbose:
            print(report.table(results))


# A test file of our own, of which each method is known to come to what its name says.
KNOWN = """
import _thread, os, signal, sys, time, unittest

class Known(unittest.TestCase):
    def test_pass(self):
        pass
    def test_right(self):
        os.stat("/")
    def test_right_swallowed(self):
        self.assertTrue(os.path.exists("/"))
    def test_right_two(self):
        os.getpid()
        os.stat("/")
    def test_hidden(self):
        self.assertIn("PATH", os.environ)
    def test_other(self):
        import lockdownlib
        self.assertFalse(lockdownlib.status().locked)
    def test_other_dead(self):
        import lockdownlib
        if lockdownlib.status().locked:
            signal.raise_signal(signal.SIGKILL)
    def test_skip(self):
        self.skipTest("always")
    def test_other_unlocked_too(self):
        self.fail("always")
    @unittest.expectedFailure
    def test_pass_expected(self):
        self.fail("always")

class Prepared(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.stat("/")
    def test_right(self):
        pass
"""


class KnownTest(fresh.FolderTest):
    """The classes mean what they say."""

    @unittest.skipUnless(os.path.exists(mutation.MUTANT), "python-mutant is not built: make mutant")
    def test_known(self):
        self.write("test/__init__.py", "import os\n__path__.append(os.environ['LOCKED_LIBRARY'])\n")
        self.write("test/test_known.py", KNOWN)
        library = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        environment = {"PYTHONPATH": self.folder,
                       "LOCKED_LIBRARY": os.path.join(library, "test")}
        results = run_files(["test_known"], self.folder, options=("-u",), **environment)
        for record in results["test_known"]:
            with self.subTest(record["name"]):
                word = record["name"].rpartition(".")[2].split("_")[1]
                self.assertEqual(record["kind"], word, record["text"])
        found = {record["name"].partition(".")[2]: record for record in results["test_known"]}
        self.assertEqual(len(found), 11)
        self.assertEqual(found["Known.test_right_swallowed"]["rights"], ["fs.read"])
        self.assertEqual(found["Known.test_right_two"]["rights"], ["fs.read", "env"])
        self.assertEqual(found["Known.test_right"]["first"], "fs.read os.stat")
        # Each that is other needs its line, and a line needs a method that is.
        explanation = tables.Explanation("test_known.Known.test_pass", "harness", "-", "here")
        problems = tables.judge(results, {explanation.name: explanation})
        self.assertEqual(len(problems), 4, problems)
        self.assertIn("is pass now", problems[-1])


class TablesTest(unittest.TestCase):

    def test_tables(self):
        self.assertLess(set(QUICK), set(tables.files()))
        explained = tables.explanations()
        self.assertEqual(list(explained), sorted(explained))
        files = tables.files()
        self.assertEqual([name for name in explained if tables.file_of(name, files) is None], [])


if __name__ == "__main__":
    unittest.main()
