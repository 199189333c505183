"""The command python -m rexec, on pipes and on a terminal."""

import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import rexec
from rexec.__main__ import Terminal, _mount, _parse, _size

from .base import PATIENCE, PYTHON, make_cell
from .test_life import LIBRARY

COMMAND = [sys.executable, "-m", "rexec"] + (["--python", PYTHON] if PYTHON else [])
ENVIRONMENT = {**os.environ, "PYTHONPATH": LIBRARY, "TERM": "dumb", "PYTHON_COLORS": "0",
               "PYTHON_BASIC_REPL": "1"}


def run(*arguments, input="", **options):
    """(status, standard output, standard error) of the command."""
    done = subprocess.run([*COMMAND, *arguments], input=input, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120, env=ENVIRONMENT,
                          **options)
    return done.returncode, done.stdout, done.stderr


class ProgramTest(unittest.TestCase):
    def test_program(self):
        self.assertEqual(run("-c", "print(6*7)"), (0, "42\n", ""))
        self.assertEqual(run("-", input="print('from stdin')"), (0, "from stdin\n", ""))
        self.assertEqual(run(input="print('a pipe')"), (0, "a pipe\n", ""))
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "script.py")
            with open(script, "wb") as file:
                file.write(b"# coding: latin-1\nimport sys\nprint('\xe9', sys.argv[1:], __name__)\n")
            status, out, error = run(script, "one", "--memory", "-c")
            self.assertEqual((status, out, error),
                             (0, "\xe9 ['one', '--memory', '-c'] __main__\n", ""))

    def test_without_streams(self):
        """As started by a shell with <&- and the like."""
        code = "import sys\nprint('out')\nprint('error', file=sys.stderr)\nprint(repr(input()))"
        for closed, out, error in ((0, "out\n", "error\n"), (1, "", "error\n"), (2, "out\n", "")):
            found = run("-c", code, input=None, stdin=subprocess.DEVNULL,
                        preexec_fn=lambda: os.close(closed))
            self.assertEqual(found[1], out)
            self.assertEqual(found[2][:6], error)
            self.assertEqual(found[0], 1)       # there is nothing to read
        self.assertEqual(run(input=None, preexec_fn=lambda: os.close(0)), (0, "", ""))

    def test_it_is_a_cell(self):
        probe = "print(open('/proc/self/status').read())"
        status, out, error = run("-c", probe)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("Error", error)
        self.assertEqual(subprocess.run([sys.executable, "-c", probe],
                                        stdout=subprocess.DEVNULL).returncode, 0)

    def test_streams(self):
        code = "import sys\nprint(input())\nfor line in sys.stdin: print(repr(line))\n"
        self.assertEqual(run("-c", code, input="a\nb\nc"), (0, "a\n'b\\n'\n'c'\n", ""))
        code = "import sys\nprint(repr(sys.stdin.read(3)), repr(sys.stdin.readline(2)))\n" \
               "print(len(sys.stdin.read()), repr(sys.stdin.readline()))"
        self.assertEqual(run("-c", code, input="abcdefg\n" + "x" * 200_000),
                         (0, "'abc' 'de'\n200003 ''\n", ""))
        status, out, error = run("-c", "import sys; print('e', file=sys.stderr); input()")
        self.assertEqual((status, out), (1, ""))
        self.assertTrue(error.startswith("e\nTraceback"))
        self.assertIn("EOFError", error)

    def test_status(self):
        for code, status in (("", 0), ("raise SystemExit", 0), ("import sys; sys.exit(7)", 7),
                             ("raise SystemExit(True)", 1), ("raise SystemExit(1 << 70)", 255),
                             ("raise SystemExit((10**5000,))", 1), ("1/0", 1), ("(", 1),
                             ("raise KeyboardInterrupt", 130),
                             ("import os\nos.abort()", 1)):
            with self.subTest(code=code):
                self.assertEqual(run("-c", code)[0], status)
        self.assertEqual(run("-c", "raise SystemExit('why')"), (1, "", "why\n"))

    def test_limits(self):
        # Long enough for the output to come on a busy machine.
        status, out, error = run("--time", "3", "-c", "print(1)\nwhile True: pass")
        self.assertEqual((status, out), (124, "1\n"))
        self.assertRegex(error, "limit (cpu|wall) was exceeded")
        status, _, error = run("--time", "0.3", "-c", "import time; time.sleep(60)")
        self.assertEqual(status, 124)
        self.assertIn("limit wall", error)
        code = "x = b'x' * (64 << 20)"
        status, _, error = run("--memory", "32M", "-c", code)
        self.assertEqual(status, 137)
        self.assertIn("limit memory", error)
        self.assertEqual(run("--memory", "128M", "-c", code)[0], 0)

    def test_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "in"), "w") as file:
                file.write("text")
            read = "print(open('in').read())\n"
            write = "open('/data/out', 'w').write('made')\n"
            self.assertEqual(run("--read", folder, "-c", read)[:2], (0, "text\n"))
            self.assertEqual(run("--read", f"{folder}:/here", "-c", "print(open('/here/in').read())"
                                 )[:2], (0, "text\n"))
            self.assertEqual(run("--read", folder, "-c", write)[0], 1)
            self.assertEqual(os.listdir(folder), ["in"])
            self.assertEqual(run("--write", folder, "-c", write)[0], 0)
            with open(os.path.join(folder, "out")) as file:
                self.assertEqual(file.read(), "made")

    def test_module(self):
        code = "import sys; print('xml.sax' in sys.modules)"
        self.assertEqual(run("--module", "xml.sax", "-c", code), (0, "True\n", ""))
        self.assertEqual(run("-c", code)[1], "False\n")
        status, _, error = run("--module", "nowhere_to_be_found", "-c", "")
        self.assertEqual(status, 2)
        self.assertIn("nowhere_to_be_found", error)

    def test_usage(self):
        for arguments in (("--memory", "much"), ("--time", "-1"), ("--time", "inf"),
                          ("/nowhere/script.py",), ("--read", "/nowhere/folder", "-c", ""),
                          ("--unknown",)):
            with self.subTest(arguments=arguments):
                status, out, error = run(*arguments)
                self.assertEqual((status, out), (2, ""))
                self.assertIn("rexec", error)
        self.assertEqual([_size(text) for text in ("5", "64K", "64m", "1GiB")],
                         [5, 64 << 10, 64 << 20, 1 << 30])
        self.assertEqual(_mount(1)("a:b:/c"), (1, "a:b", "/c"))
        self.assertEqual(_mount(1)("a:b"), (1, "a:b", "/data"))
        self.assertEqual(_parse(["-c", "x", "y", "-c"]).argv, ["-c", "y", "-c"])

    def test_nobody_reads(self):
        process = subprocess.Popen([*COMMAND, "-c", "while True: print('x' * 1000)"], text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=ENVIRONMENT)
        process.stdout.readline()
        process.stdout.close()
        with process.stderr:
            self.assertEqual(process.stderr.read(), "")
        self.assertEqual(process.wait(PATIENCE), 128 + signal.SIGPIPE)


class OnTerminal:
    """The command on a terminal of its own."""

    def __init__(self, *arguments):
        ours, theirs = pty.openpty()
        self.fd = ours
        self.text = ""
        self.process = subprocess.Popen([*COMMAND, *arguments], stdin=theirs, stdout=theirs,
                                        stderr=theirs, env=ENVIRONMENT, preexec_fn=self._own)
        os.close(theirs)

    @staticmethod
    def _own():
        import fcntl
        import termios
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)

    def read(self):
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""      # the other side is closed
        self.text += data.decode()
        return data

    def expect(self, text):
        """Wait for it; what was before it is taken away."""
        end = time.monotonic() + PATIENCE
        while text not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0] or not self.read():
                raise AssertionError(f"no {text!r} in {self.text!r}")
        before, _, self.text = self.text.partition(text)
        return before

    def send(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """(status, all that it wrote yet)."""
        while self.read():
            pass
        return self.process.wait(PATIENCE), self.text


class TerminalTest(unittest.TestCase):
    def test_escapes(self):
        code = ("print('\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07 \\x1b[2J \\x9b2J \\u202e \\b', end='')\n"
                "import sys; sys.stdout.flush()\nprint('\\x1b', end='', flush=True)\n"
                "print('[1', end='', flush=True)\nprint('mbold\\x1b[', end='')")
        with OnTerminal("-c", code) as terminal:
            status, text = terminal.end()
        self.assertEqual(status, 0)
        self.assertEqual(text, "\x1b[31mred\x1b[0m \\x1b]0;title\\x07 \\x1b[2J \\x9b2J \\u202e \\x08"
                               "\x1b[1mbold\\x1b[\x1b[0m")
        with OnTerminal("--raw", "-c", code) as terminal:
            self.assertIn("\x1b[2J", terminal.end()[1])
        self.assertIn("\x1b[2J", run("-c", code)[1])

    def test_pieces(self):
        """However the output comes, it is the same."""
        class Stream:
            encoding = "utf-8"

            def __init__(self):
                self.text = ""

            def isatty(self):
                return True

            def write(self, text):
                self.text += text

            def flush(self):
                pass
        text = "a\x1b[1;31mb\x1b[mc\x1b[5nd\x1b\x1b[1me\x1b[9"
        for size in range(1, len(text) + 1):
            stream = Stream()
            terminal = Terminal(stream)
            for place in range(0, len(text), size):
                terminal.write(text[place:place + size])
            terminal.end()
            self.assertEqual(stream.text, "a\x1b[1;31mb\x1b[mc\\x1b[5nd\\x1b\x1b[1me\\x1b[9\x1b[0m")

    def test_interrupt(self):
        with OnTerminal("-c", "print('here')\nwhile True: pass") as terminal:
            terminal.expect("here")
            terminal.send("\x03")
            status, text = terminal.end()
        self.assertEqual(status, 130)
        self.assertIn("KeyboardInterrupt", text)

    def test_interrupt_twice(self):
        code = ("print('here')\nwhile True:\n    try:\n        while True: pass\n"
                "    except KeyboardInterrupt: print('again')")
        with OnTerminal("-c", code) as terminal:
            terminal.expect("here")
            terminal.send("\x03")
            terminal.expect("again")
            terminal.send("\x03")
            self.assertEqual(terminal.end()[0], 130)

    def test_input(self):
        with OnTerminal("-c", "print('<' + input('name? ') + '>')\ninput()") as terminal:
            terminal.expect("name? ")
            terminal.send("text\n")
            terminal.expect("<text>")
            terminal.send("\x03")
            self.assertEqual(terminal.end()[0], 130)

    def test_prompt(self):
        with OnTerminal("--time", str(PATIENCE)) as terminal:
            terminal.expect(">>> ")
            for line, answer in (("x = 6", ""), ("x * 7", "42"), ("'\\x1b[2J'", "x1b[2J"),
                                 ("1/0", "ZeroDivisionError"), ("(", "... ")):
                terminal.send(line + "\n")
                if answer:
                    terminal.expect(answer)
                if answer != "... ":
                    terminal.expect(">>> ")
            terminal.send("5)\n")
            terminal.expect("5")
            terminal.expect(">>> ")
            terminal.send("for i in range(2):\n")
            terminal.expect("... ")
            terminal.send("    print('line', i)\n")
            terminal.expect("... ")
            terminal.send("\n")
            terminal.expect("line 0")
            terminal.expect("line 1")
            terminal.expect(">>> ")
            terminal.send("print('go')\n")
            terminal.expect("go")
            terminal.expect(">>> ")
            terminal.send("while True: pass\n")
            terminal.expect("... ")
            terminal.send("\n")
            time.sleep(0.3)
            terminal.send("\x03")
            terminal.expect("KeyboardInterrupt")
            terminal.expect(">>> ")
            terminal.send("x\n")
            terminal.expect("6")
            terminal.expect(">>> ")
            terminal.send("raise SystemExit(9)\n")
            self.assertEqual(terminal.end()[0], 9)

    def test_prompt_goes_on(self):
        """A new cell when a limit ended one; Ctrl-D leaves."""
        with OnTerminal("--time", "3") as terminal:
            terminal.expect(">>> ")
            terminal.send("x = 1\n")
            terminal.expect(">>> ")
            terminal.send("import time; time.sleep(60)\n")
            terminal.expect("limit wall")
            terminal.expect("new one")
            terminal.expect(">>> ")
            terminal.send("x\n")
            terminal.expect("NameError")
            terminal.expect(">>> ")
            terminal.send("\x04")
            self.assertEqual(terminal.end()[0], 0)


class InputTest(unittest.TestCase):
    """Standard input that is asked for, as Cell.run() has it too."""

    def test_callable(self):
        pieces = ["one\nt", "wo\n", "rest"]
        with make_cell() as cell:
            result = cell.run("import sys\ninput(), list(sys.stdin)",
                              stdin=lambda: pieces.pop(0) if pieces else "")
            self.assertEqual(result.value, ("one", ["two\n", "rest"]))
            self.assertEqual(cell.run("import sys; sys.stdin.read()", stdin="text").value, "text")
            self.assertRaises(TypeError, cell.run, "1", stdin=5)

    def test_error(self):
        def read():
            raise OSError(5, "no more")
        with make_cell() as cell, self.assertRaises(rexec.CellError) as caught:
            cell.run("input()", stdin=read)
        self.assertEqual(caught.exception.type_name, "OSError")


if __name__ == "__main__":
    unittest.main()
