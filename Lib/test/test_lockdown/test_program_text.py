"""The text of the program is kept at the lock: tracebacks show its lines and read no file."""

import os
import unittest
from test.test_lockdown import fresh

PROGRAM = """\
def function():
    return 1 / 0  # the line

function()
"""


class ProgramTextTest(fresh.FolderTest):

    def test_command_and_standard_input(self):
        for arguments, stdin in (["-c", PROGRAM], ""), (["-"], PROGRAM):
            with self.subTest(arguments[0]):
                err = fresh.run("-I", "-X", "lockdown", *arguments, stdin=stdin, expect=1).err
                self.assertIn("    return 1 / 0  # the line\n", err)
                self.assertIn("line 2, in function\n", err)
                self.assertIn("ZeroDivisionError: division by zero", err)

    def write_bytes(self, data):
        path = os.path.join(self.folder, "program.py")
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_what_is_kept_tells_no_path(self):
        path = self.write_bytes(b"import linecache\n"
                                b"print([entry[3] for entry in linecache._interactive_cache.values()])\n")
        out = fresh.run("-I", "-X", "lockdown", path).out
        self.assertIn("<locked>", out)
        self.assertNotIn(path, out)

    def test_encodings(self):
        for start, encoding in (b"", "utf-8"), (b"\xef\xbb\xbf", "utf-8"), \
                (b"# coding: latin-1\n", "latin-1"), (b"# coding: cp037x\n", None):
            with self.subTest(start):
                path = self.write_bytes(start + "print(ascii('\xfc'))\r\n".encode(encoding or "utf-8"))
                for options in (), ("-X", "lockdown"):
                    outcome = fresh.run("-I", *options, path, expect=None)
                    if encoding:
                        self.assertEqual(outcome.out.strip(), r"'\xfc'")
                    else:
                        self.assertIn("SyntaxError", outcome.err)
                        self.assertEqual(outcome.returncode, 1)

    def test_decoding_runs_code_and_is_not_the_program(self):
        # What is imported to decode these calls eval(): the lock comes after it.
        for line, encoding in ("# coding: latin-1\n", "latin-1"), ("# coding: idna\n", "ascii"):
            text = line + "import sys\ndef function():  # {}\n    return 1 / 0  # the line\n" \
                          "print(function.__code__.co_filename)\nfunction()\n"
            data = text.format("\xe9" if encoding == "latin-1" else "").encode(encoding)
            with self.subTest(line):
                path = self.write_bytes(data)
                self.assertEqual(fresh.run("-I", path, expect=1).out, path + "\n")
                outcome = fresh.run("-I", "-X", "lockdown", path, expect=1)
                self.assertEqual(outcome.out, "<locked>\n")
                self.assertNotIn(path, outcome.err)
                self.assertIn('File "<locked>", line 4, in function\n    return 1 / 0  # the line\n',
                              outcome.err)

    def test_errors_of_encodings_have_a_place(self):
        for data in b"x = '\xff'\n", b"# coding: cp037x\n":
            with self.subTest(data):
                err = fresh.run("-I", "-X", "lockdown", self.write_bytes(data), expect=1).err
                self.assertIn('  File "<locked>", line ', err)
                self.assertNotIn("Traceback", err)

    def test_what_is_no_program(self):
        for data in b"print(1)\0\n", b"# \xff\n", b"x = (\n":
            with self.subTest(data):
                path = self.write_bytes(data)
                for options in (), ("-X", "lockdown"):
                    outcome = fresh.run("-I", *options, path, expect=1)
                    self.assertIn("SyntaxError", outcome.err)
                    self.assertEqual(outcome.out, "")

    def test_a_long_program(self):
        path = self.write_bytes(b"x = 1\n" * 20000 + b"print(x)")
        self.assertEqual(fresh.run("-I", "-X", "lockdown", path).out, "1\n")
        self.assertEqual(fresh.run("-I", "-X", "lockdown", "-x", path).out, "1\n")


if __name__ == "__main__":
    unittest.main()
