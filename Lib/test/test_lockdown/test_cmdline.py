"""-X lockdown and PYTHONLOCKDOWN: processes that are started to be locked."""

import os
import py_compile
import re
import select
import subprocess
import sys
import unittest
import zipfile
from test import support
from test.test_lockdown import fresh

# What each way of starting a program must print: it computes, is locked and keeps nothing.
PROGRAM = """\
import json, re, lockdownlib
def tried(call, *args):
    try:
        return repr(call(*args))
    except lockdownlib.LockdownError as error:
        return type(error).__name__
import os
print("@" + json.dumps({
    "name": __name__, "computed": sum(range(10)), "status": list(lockdownlib.status()[:3]),
    "open": tried(open, "/"), "fork": tried(os.getpid), "read": tried(os.read, 0, 1),
    "beside": tried(__import__, "beside"), "environ": dict(os.environ)}))
"""


class BesideTest(fresh.FolderTest):
    """A test with a module beside its programs."""

    def setUp(self):
        super().setUp()
        self.write("beside.py", "print('the module beside ran')\n")

    def check(self, outcome, keep=(), name="__main__"):
        facts = outcome.facts
        self.assertEqual(facts.pop("name"), name)
        self.assertEqual(facts, {
            "computed": 45, "status": [True, list(keep), "all"],
            "open": "LockdownPermissionError", "fork": "LockdownPermissionError",
            "read": "LockdownPermissionError", "beside": "LockdownImportError", "environ": {}})
        self.assertNotIn("beside ran", outcome.out)


class ProgramTest(BesideTest):
    """Every way to name a program ends in the same lock."""

    def check_all(self, *options, env=None):
        script = self.write("script.py", PROGRAM)
        zipped = os.path.join(self.folder, "program.zip")
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("__main__.py", PROGRAM)
            archive.writestr("beside.py", "print('the module beside ran')\n")
        self.write("program/__main__.py", PROGRAM)
        self.write("program/beside.py", "print('the module beside ran')\n")
        ways = {
            "script": [script],
            "relative script": ["script.py"],
            "-c": ["-c", PROGRAM],
            "stdin": ["-"],
            "stdin without a dash": [],
            "folder": [os.path.join(self.folder, "program")],
            "zip": [zipped],
        }
        if not {"-I", "-P", "-E"} & set(options):
            ways["-m"] = ["-m", "script"]
        for way, args in ways.items():
            with self.subTest(way):
                stdin = PROGRAM if "stdin" in way else ""
                self.check(fresh.run(*options, *args, cwd=self.folder, stdin=stdin, env=env))

    def test_option(self):
        self.check_all("-X", "lockdown")

    def test_option_isolated(self):
        self.check_all("-I", "-X", "lockdown")

    def test_variable(self):
        self.check_all(env=fresh.environment(PYTHONLOCKDOWN="1"))

    def test_variable_is_honoured_when_isolated(self):
        for option in "-E", "-I":
            with self.subTest(option):
                self.check_all(option, env=fresh.environment(PYTHONLOCKDOWN="1"))

    def test_control(self):
        """Unlocked the same program reaches all of it, so the refusals above mean something."""
        path = self.write("script.py", PROGRAM)
        outcome = fresh.run(path, cwd=self.folder, expect=None)
        self.assertIn("IsADirectoryError", outcome.err)
        path = self.write("script.py", PROGRAM.replace('tried(open, "/")', '"opened"'))
        outcome = fresh.run(path, cwd=self.folder, stdin="x")
        self.assertIn("the module beside ran", outcome.out)
        self.assertEqual(outcome.facts["status"][0], False)
        self.assertTrue(outcome.facts["environ"])
        self.assertEqual(outcome.facts["read"], "b'x'")

    def test_module_in_the_library(self):
        # Its code is in the binary, it reads stdin, and it runs locked.
        outcome = fresh.run("-X", "lockdown", "-m", "json.tool", "--compact", stdin='{"a": 1}')
        self.assertEqual(outcome.out.strip(), '{"a":1}')
        # It has the name that it has unlocked, without its folder.
        for options in (), ("-X", "lockdown"):
            out = fresh.run(*options, "-m", "calendar", "-h").out
            self.assertTrue(out.startswith("usage: calendar.py [-h]"), out)

    def test_module_of_a_package_is_not_run_before_the_lock(self):
        self.write("package/__init__.py", "open('package-ran', 'w').close()\n")
        self.write("package/module.py", PROGRAM)
        outcome = fresh.run("-X", "lockdown", "-m", "package.module", cwd=self.folder,
                            expect=None)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "package-ran")))
        self.assertEqual(outcome.returncode, 1)
        self.assertIn("package", outcome.err)

    def test_package_as_program(self):
        self.write("package/__init__.py", "open('package-ran', 'w').close()\n")
        self.write("package/__main__.py", PROGRAM)
        outcome = fresh.run("-X", "lockdown", "-m", "package", cwd=self.folder, expect=None)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "package-ran")))
        self.assertEqual(outcome.returncode, 1)

    def test_error_names_the_module_beside(self):
        path = self.write("script.py", "import beside\n")
        outcome = fresh.run("-X", "lockdown", path, expect=1)
        self.assertIn("LockdownImportError: lockdown is enabled", outcome.err)
        self.assertIn("beside", outcome.err)

    def test_arguments_and_exit_code(self):
        path = self.write("script.py", "import sys; print(sys.argv[1:]); sys.exit(7)\n")
        outcome = fresh.run("-X", "lockdown", path, "a", "-b", expect=7)
        self.assertEqual(outcome.out, "['a', '-b']\n")

    def test_syntax_error(self):
        path = self.write("script.py", "x = 1\nx y\n")
        outcome = fresh.run("-X", "lockdown", path, expect=1)
        self.assertIn("SyntaxError", outcome.err)

    def test_no_such_file(self):
        outcome = fresh.run("-X", "lockdown", os.path.join(self.folder, "absent.py"), expect=2)
        self.assertIn("can't open file", outcome.err)

    def test_pyc_is_no_way_round(self):
        import py_compile
        path = py_compile.compile(self.write("script.py", PROGRAM),
                                  os.path.join(self.folder, "script.pyc"))
        outcome = fresh.run("-X", "lockdown", path, expect=None)
        if outcome.returncode == 0:
            self.check(outcome)
        else:
            self.assertIn("Lockdown", outcome.err)
            self.assertEqual(outcome.facts, {})

    def test_startup_files_do_not_outlive_the_lock(self):
        # PYTHONSTARTUP belongs to the REPL, and is guest code as much as the rest.
        startup = self.write("startup.py", "open('startup-ran', 'w').close()\n")
        env = fresh.environment(PYTHONLOCKDOWN="1", PYTHONSTARTUP=startup)
        fresh.run("-i", "-c", "pass", env=env, cwd=self.folder, expect=None)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "startup-ran")))

    def test_inspect_after_the_program(self):
        outcome = fresh.run("-i", "-X", "lockdown", "-c", "x = 20",
                            stdin="print('x is', x + 1)\nopen('/etc/passwd')\n", expect=None)
        self.assertIn("x is 21", outcome.out)
        self.assertIn("LockdownPermissionError", outcome.err)

    def test_inspect_cannot_be_turned_on_to_get_out(self):
        source = "import os\ntry: os.environ['PYTHONINSPECT'] = '1'\nexcept Exception as e: " \
                 "print(type(e).__name__)"
        outcome = fresh.run("-X", "lockdown", "-c", source, stdin="print('still here')\n")
        self.assertEqual(outcome.out, "LockdownPermissionError\n")

    def test_unbuffered(self):
        env = fresh.environment(PYTHONUNBUFFERED="1")
        self.check(fresh.run("-X", "lockdown", "-c", PROGRAM, env=env))
        self.check(fresh.run("-u", "-X", "lockdown", "-c", PROGRAM))

    def test_program_that_locks_itself(self):
        source = "import lockdownlib; lockdownlib.lockdown(keep=()); print('fine')"
        self.assertEqual(fresh.run("-X", "lockdown=fd", "-c", source).out, "fine\n")


class HostileFolderTest(fresh.FolderTest):
    """What lies beside the program does not run before the lock."""

    HOSTILE = "import os\nos.mkdir('ran')\n"

    def setUp(self):
        super().setUp()
        for name in "_bz2", "nt", "_winapi":
            self.write(f"{name}.py", self.HOSTILE)
            self.write(f"program/{name}.py", self.HOSTILE)
        # To read this, the codec is imported, and what that needs.
        source = "# coding: bz2\nprint('program')\n"
        self.write("script.py", source)
        self.write("program/__main__.py", source)
        with zipfile.ZipFile(os.path.join(self.folder, "program.zip"), "w") as archive:
            archive.writestr("__main__.py", source)
            archive.writestr("_bz2.py", self.HOSTILE)

    def ran(self, *args):
        with open(os.path.join(self.folder, "script.py"), encoding="utf-8") as file:
            fresh.run(*args, cwd=self.folder, stdin=file.read(), expect=None)
        folder = os.path.join(self.folder, "ran")
        if os.path.exists(folder):
            os.rmdir(folder)
            return True
        return False

    def test_locked(self):
        for args in (["script.py"], ["program"], ["program.zip"], ["-m", "script"], ["-"],
                     ["-m", "zipfile"], ["-m", "asyncio"], ["-c", "# coding: bz2\n1"]):
            with self.subTest(args):
                self.assertFalse(self.ran("-X", "lockdown", *args))

    def test_control(self):
        for args in ["script.py"], ["program"], ["program.zip"], ["-m", "script"]:
            with self.subTest(args):
                self.assertTrue(self.ran(*args))

    def test_program_of_bytecode_alone(self):
        path = self.write("compiled/source.py", PROGRAM)
        py_compile.compile(path, os.path.join(self.folder, "compiled", "__main__.pyc"))
        os.unlink(path)
        outcome = fresh.run("-X", "lockdown", "compiled", cwd=self.folder, expect=1)
        self.assertIn("-X lockdown runs no bytecode", outcome.err)


class ValueTest(BesideTest):
    """What the option and the variable may say, alone and together."""

    KEEP = "import lockdownlib as l; s = l.status(); print(s.locked, ','.join(s.keep), s.hidden)"

    def kept(self, option=None, variable=None):
        options = ["-X", option] if isinstance(option, str) else \
            [word for text in option or () for word in ("-X", text)]
        env = fresh.environment(**({} if variable is None else {"PYTHONLOCKDOWN": variable}))
        return fresh.run(*options, "-c", self.KEEP, env=env).out.strip()

    def test_table(self):
        every = "fs.read,fs.write,fd,proc,net,import,env,code,inspect,runtime,ipc,fs.special"
        rows = [
            (None, None, f"False {every}"),
            ("lockdown", None, "True  all"),
            ("lockdown=fd", None, "True fd all"),
            ("lockdown=net,fd", None, "True fd,net all"),
            ("lockdown=fd,fd", None, "True fd all"),
            ("lockdown=later", None, f"False {every}"),
            (None, "1", "True  all"),
            (None, "fd", "True fd all"),
            (None, "net,fs.read", "True fs.read,net all"),
            (None, "later", f"False {every}"),
            (None, "", f"False {every}"),
            # The command line cannot keep what the variable refuses, nor the other way round.
            ("lockdown=fd,net", "1", "True  all"),
            ("lockdown=fd,net", "net,ipc", "True net all"),
            ("lockdown", "net", "True  all"),
            ("lockdown=later", "1", "True  all"),
            ("lockdown=later", "fd", "True fd all"),
            ("lockdown=fd", "later", "True fd all"),
            ("lockdown=later", "later", f"False {every}"),
            # Twice: each only takes away.
            (["lockdown=fd,net", "lockdown=net"], None, "True net all"),
            (["lockdown=fd", "lockdown=net"], None, "True  all"),
            (["lockdown", "lockdown=fd"], None, "True  all"),
            (["lockdown=later", "lockdown=fd"], None, "True fd all"),
            (["lockdown=fd", "lockdown=later"], None, "True fd all"),
            # Another option that begins alike is another option.
            ("lockdownx", None, f"False {every}"),
        ]
        for option, variable, expected in rows:
            with self.subTest(option=option, variable=variable):
                self.assertEqual(self.kept(option, variable), expected)
        if support.verbose:
            print(f"values: {len(rows)} combinations")

    def test_nonsense_is_one_line_and_2(self):
        for value in ("nonsense", "fd,nonsense", "fd,", ",", ",fd", " fd", "FD", "fd net", "0",
                      "2", "all", "none", "later,fd", "fd,later", "fs", "fs.reads", "x" * 5000,
                      "\N{SNOWMAN}", "fd\n"):
            for kind in "option", "variable", "both":
                with self.subTest(value=value[:20], kind=kind):
                    options = ["-X", "lockdown=" + value] if kind != "variable" else []
                    env = fresh.environment()
                    if kind != "option":
                        env["PYTHONLOCKDOWN"] = value
                    outcome = fresh.run("-I", *options, "-c", "print('ran')", env=env, expect=2)
                    self.assertEqual(outcome.out, "")
                    self.assertEqual(len(outcome.err.splitlines()), 1, outcome.err)
                    self.assertIn("PYTHONLOCKDOWN" if kind == "variable" else "-X lockdown",
                                  outcome.err)

    def test_bytes_that_are_no_text(self):
        env = {os.fsencode(k): os.fsencode(v) for k, v in fresh.environment().items()}
        env[b"PYTHONLOCKDOWN"] = b"\xff\xfe"
        outcome = fresh.run("-c", "print('ran')", env=env, expect=2)
        self.assertEqual(outcome.out, "")
        self.assertEqual(len(outcome.err.splitlines()), 1)

    def test_variable_and_children(self):
        # Unlocked itself, a process hands the variable to those it starts.
        source = "import subprocess, sys; subprocess.run([sys.executable, '-I', '-c', " \
                 "'import lockdownlib; print(lockdownlib.status().locked)'])"
        env = fresh.environment(PYTHONLOCKDOWN="later")
        self.assertEqual(fresh.run("-c", source, env=env).out, "False\n")
        env = fresh.environment(PYTHONLOCKDOWN="proc,fs.read,fs.write,ipc,fd")
        self.assertEqual(fresh.run("-c", source, env=env, expect=None).out, "True\n")

    def test_help_names_both(self):
        for option, text in ("--help-xoptions", "-X lockdown"), ("--help-env", "PYTHONLOCKDOWN"):
            with self.subTest(option):
                self.assertIn(text, fresh.run(option).out)

    def test_version_and_help_need_no_program(self):
        self.assertIn("Python 3.13", fresh.run("-X", "lockdown", "--version").out)


class LaterTest(BesideTest):

    def test_later_is_born_locked(self):
        facts = fresh.scenario("""
            |import os
            |open("/dev/null").close()
            |unlocked = list(lockdownlib.status()[:1]) + [lockdownlib.status().hidden]
            |lockdownlib.lockdown()
            |report(unlocked=unlocked, hidden=lockdownlib.status().hidden,
            |       open=attempt(open, "/dev/null"))
            """, options=("-I", "-X", "lockdown=later")).facts
        self.assertEqual(facts["unlocked"], [False, ""])
        self.assertEqual(facts["hidden"], "all")
        self.assertEqual(facts["open"][0], "refused")


@unittest.skipUnless(hasattr(os, "openpty"), "no pseudo-terminal")
class ReplTest(BesideTest):
    """The prompt in a terminal, as a person meets it."""

    def session(self, *options, lines, env=None, after_lock=()):
        try:
            master, slave = os.openpty()
        except OSError as error:
            self.skipTest(f"no pseudo-terminal: {error}")
        # The prompt's history is kept in the home folder: not in that of whoever runs the test.
        extra = {"TERM": "dumb", "PYTHON_BASIC_REPL": "1", "HOME": self.folder, **(env or {})}
        process = subprocess.Popen([sys.executable, *options], stdin=slave, stdout=slave,
                                   stderr=slave, cwd=self.folder, start_new_session=True,
                                   env=fresh.environment(**extra))
        os.close(slave)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.write(master, "".join(line + "\n" for line in lines).encode())
        seen = b""
        while select.select([master], [], [], support.LONG_TIMEOUT)[0]:
            try:
                data = os.read(master, 10_000)
            except OSError:
                break
            if not data:
                break
            seen += data
            if after_lock and b"locked now" in seen:
                # Not before: the editor would read them ahead, and keep them.
                os.write(master, "".join(line + "\n" for line in after_lock).encode())
                after_lock = ()
        os.close(master)
        # Colours cannot be turned off when locked: that is asked for in the environment.
        text = re.sub(r"\x1b\[[0-9;]*m", "", seen.decode("utf-8", "replace"))
        return process.wait(support.LONG_TIMEOUT), text

    LINES = ["print('sum', 20 + 22)", "open('/etc/passwd')", "import beside",
             "import lockdownlib", "print('keep', lockdownlib.status().keep)",
             "def f():", "    return 'multi' + 'line'", "", "f()", "1/0", "print('end' + 'ed')",
             "raise SystemExit(5)"]

    def check_session(self, code, seen):
        self.assertIn("sum 42", seen)
        self.assertIn("LockdownPermissionError: lockdown is enabled: ", seen)
        self.assertIn("LockdownImportError: lockdown is enabled", seen)
        self.assertNotIn("beside ran", seen)
        self.assertIn("'multiline'", seen)
        self.assertIn("ZeroDivisionError", seen)
        self.assertIn("ended", seen)
        self.assertEqual(code, 5)

    def test_option(self):
        code, seen = self.session("-X", "lockdown", lines=self.LINES)
        self.check_session(code, seen)
        self.assertIn("keep ()", seen)

    def test_option_in_a_full_terminal(self):
        # Whatever REPL is chosen there, it is locked.
        code, seen = self.session("-X", "lockdown", lines=self.LINES,
                                  env={"TERM": "xterm", "PYTHON_BASIC_REPL": ""})
        self.assertIn("LockdownPermissionError", seen)
        self.assertEqual(code, 5)

    def test_locked_at_the_prompt_of_a_full_terminal(self):
        # The editor can no longer set up the terminal: the plain prompt goes on.
        for keep in "()", "('fd',)":
            with self.subTest(keep):
                code, seen = self.session(
                    lines=[f"import lockdownlib; lockdownlib.lockdown(keep={keep});"
                           " print('locked', 'now')"],
                    after_lock=["print('sum', 20 + 22)", "open('/etc/passwd')",
                                "raise SystemExit(5)"],
                    env={"TERM": "xterm", "PYTHON_BASIC_REPL": ""})
                self.assertIn("sum 42", seen)
                self.assertIn("LockdownPermissionError: lockdown is enabled: io.open", seen)
                self.assertNotIn("os.write", seen)
                self.assertNotIn("_curses", seen)
                self.assertEqual(code, 5)

    def test_variable_isolated(self):
        code, seen = self.session("-I", lines=self.LINES, env={"PYTHONLOCKDOWN": "fd"})
        self.check_session(code, seen)
        self.assertIn("keep ('fd',)", seen)

    def test_inspect(self):
        for options, env in ((["-i"], {}), ([], {"PYTHONINSPECT": "1"})):
            with self.subTest(options):
                code, seen = self.session(*options, "-X", "lockdown", "-c", "x = 20", env=env,
                                          lines=["print('x is', x + 1)", *self.LINES])
                self.check_session(code, seen)
                self.assertIn("x is 21", seen)

    def test_startup_file(self):
        # Named by whoever starts the process: it may prepare the session, before the lock.
        startup = self.write("startup.py", "import beside\nvalue = 20\n")
        code, seen = self.session("-X", "lockdown", lines=["print('got', value + 1)", *self.LINES],
                                  env={"PYTHONSTARTUP": startup})
        self.assertIn("got 21", seen)
        self.assertIn("LockdownPermissionError: lockdown is enabled: ", seen)
        self.assertEqual(code, 5)

    def test_control(self):
        code, seen = self.session(lines=["import beside", "raise SystemExit(5)"])
        self.assertIn("beside ran", seen)
        self.assertEqual(code, 5)


if __name__ == "__main__":
    unittest.main()
