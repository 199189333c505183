"""RExec and its family: the old manual's examples, the old names, and what they may not do."""

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
import unittest
import unittest.mock

import rexec
from rexec import historic

PYTHON = os.environ.get("LDP_PYTHON")


class Base(unittest.TestCase):
    def make(self, kind=rexec.RExec, *args, **options):
        r = kind(*args, python=PYTHON, **options)
        self.addCleanup(r.close)
        return r

    def folder(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        return folder

    def put(self, folder, name, text):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def fails(self, kind, function, *args):
        with self.assertRaises(rexec.CellError) as caught:
            function(*args)
        self.assertEqual(caught.exception.type_name.rpartition(".")[2], kind)
        return caught.exception


class ManualExamples(Base):
    def test_reading_as_the_supervisor_decides_and_writing_below_tmp_only(self):
        top = self.folder()
        tmp = os.path.join(top, "tmp") + "/"
        os.mkdir(tmp)
        readable = self.put(top, "readable", "some text\n")

        class TmpWriterRExec(rexec.RExec):
            def r_open(self, file, mode="r", buf=-1):
                if mode in ("r", "rb"):
                    pass
                elif mode in ("w", "wb", "a", "ab"):
                    if file[:len(tmp)] != tmp:
                        raise OSError("can't write outside " + tmp)
                    elif "/../" in file or file[:3] == "../" or file[-3:] == "/..":
                        raise OSError("'..' in filename forbidden")
                else:
                    raise OSError("Illegal open() mode")
                return open(file, mode, buf)

        r = self.make(TmpWriterRExec)
        r.r_exec(f"text = open({readable!r}).read()")
        self.assertEqual(r.r_eval("text"), "some text\n")
        r.r_exec(f"with open({tmp + 'out'!r}, 'w') as f: print('from the cell', file=f)")
        with open(tmp + "out") as file:
            self.assertEqual(file.read(), "from the cell\n")
        r.r_exec(f"with open({tmp + 'out'!r}, 'a') as f: f.write('more')")
        with open(tmp + "out") as file:
            self.assertEqual(file.read(), "from the cell\nmore")
        for name in (top + "/other", tmp + "../other", tmp + "x/.."):
            self.fails("OSError", r.r_exec, f"open({name!r}, 'w')")
        error = self.fails("OSError", r.r_exec, f"open({readable!r}, 'r+')")
        self.assertEqual(error.message, "Illegal open() mode")
        self.assertEqual(sorted(os.listdir(top)), ["readable", "tmp"])
        with open(readable) as file:
            self.assertEqual(file.read(), "some text\n")

    def test_bastion(self):
        class Counter:
            def __init__(self):
                self.value = 0

            def up(self):
                self.value += 1
                return self.value

            def _down(self):
                self.value -= 1

        counter = Counter()
        r = self.make()
        r.add_module("__main__").counter = rexec.Bastion(counter)
        self.assertEqual(r.r_eval("counter.up() + counter.up()"), 3)
        self.fails("AttributeError", r.r_eval, "counter._down()")
        self.fails("AttributeError", r.r_eval, "counter.value")
        self.assertEqual(counter.value, 2)

    def test_hooks_that_answer_with_names(self):
        folder = self.folder()
        self.put(folder, "virtual.py", "value = 1")

        class Hooks(rexec.RHooks):
            asked = []

            def default_path(self):
                return [folder]

            def is_builtin(self, name):
                self.asked.append(name)
                return name in ("math", "secret_c")

            def isfile(self, path):
                return super().isfile(path) or path.endswith("/made_up.py")

            def openfile(self, filename, mode="r", bufsize=-1):
                if filename.endswith("/made_up.py"):
                    return io.StringIO("value = 'made up'")
                return super().openfile(filename, mode, bufsize)

        class Restricted(rexec.RExec):
            ok_path = (folder,)

        hooks = Hooks()
        r = self.make(Restricted, hooks)
        self.assertIs(hooks.rexec, r)
        r.r_exec("import virtual, made_up, math")
        self.assertEqual(r.r_eval("virtual.value, made_up.value, math.floor(1.5)"),
                         (1, "made up", 1))
        self.assertIn("virtual", Hooks.asked)
        self.fails("ModuleNotFoundError", r.r_exec, "import binascii")


class Looks(Base):
    """What a cell sees."""

    def test_sys(self):
        r = self.make()
        found = r.r_eval("[(s.argv, s.path, sorted(s.modules), s.maxsize) "
                         "for s in [__import__('sys')]][0]")
        self.assertEqual(found[0], ["RESTRICTED"])
        self.assertEqual(found[1], list(rexec.RExec.ok_path))
        self.assertEqual(found[2], ["__builtin__", "__main__", "builtins", "os", "os.path",
                                    os.name, "sys"])
        self.assertEqual(found[3], sys.maxsize)
        names = set(r.r_eval("dir(__import__('sys'))"))
        allowed = {"argv", "path", "modules", "exc_info", "builtin_module_names"}
        self.assertLessEqual({name for name in names if name[:2] != "__"},
                             allowed | set(rexec.RExec.ok_sys_names))
        for name in ("executable", "prefix", "_getframe", "settrace", "flags", "orig_argv"):
            self.assertNotIn(name, names)

    def test_os(self):
        r = self.make()
        for module in ("os", "posix"):
            names = set(r.r_eval(f"dir(__import__({module!r}))"))
            for name in ("open", "system", "fork", "read", "write", "remove", "chmod", "kill"):
                self.assertNotIn(name, names)
            self.assertIn("listdir", names)
            for call in ("listdir('/')", "stat('/')", "getpid()", "uname()", "getcwd()"):
                self.fails("LockdownPermissionError", r.r_eval, f"__import__({module!r}).{call}")
            self.assertEqual(r.r_eval(f"__import__({module!r}).environ"), {})
        self.assertEqual(r.r_eval("__import__('os').path.join('a', 'b')"), "a/b")
        self.assertIsNone(r.r_eval("__import__('os').getenv('HOME')"))

    def test_builtins(self):
        class Restricted(rexec.RExec):
            nok_builtin_names = rexec.RExec.nok_builtin_names + ("eval", "compile")

        r = self.make(Restricted)
        self.fails("NameError", r.r_exec, "eval('1')")
        self.fails("NameError", r.r_exec, "compile('1', '', 'eval')")
        self.assertEqual(r.r_eval("len([1])"), 1)
        self.assertEqual(r.r_eval("__import__('json').loads('[1]')"), [1])
        self.assertIn("reload", r.r_eval("dir(__builtins__) if hasattr(__builtins__, '__name__') "
                                         "else list(__builtins__)"))

    def test_open_refuses_by_default(self):
        r = self.make()
        path = self.put(self.folder(), "x", "text")
        for code in (f"open({path!r})", f"open({path!r}, 'w')", "open(0)",
                     f"__import__('io').open({path!r})"):
            self.fails("PermissionError" if "(0)" not in code else "LockdownPermissionError",
                       r.r_exec, code)
        with open(path) as file:
            self.assertEqual(file.read(), "text")

    def test_imports(self):
        r = self.make()
        r.r_exec("import json, re, string, os.path, xml.etree.ElementTree as tree\n"
                 "from os.path import join\nfrom collections import *\nimport collections.abc")
        self.assertEqual(r.r_eval("join('a', 'b'), json.dumps([1]), OrderedDict().__len__(), "
                                  "tree.fromstring('<a/>').tag"), ("a/b", "[1]", 0, "a"))
        for name in ("_socket", "_thread", "_ctypes", "_rexec", "no_such_module", "nt"):
            with self.subTest(name=name):
                error = self.fails_import(r, name)
                self.assertIn(error.type_name.rpartition(".")[2],
                              ("ModuleNotFoundError", "LockdownImportError"))

    def fails_import(self, r, name):
        with self.assertRaises(rexec.CellError) as caught:
            r.r_exec(f"import {name}")
        return caught.exception

    def test_modules_of_the_path(self):
        trusted, relative = self.folder(), self.folder()
        self.put(trusted, "plain.py", "import sys\nargv = sys.argv\nx = 1")
        self.put(trusted, "pack/__init__.py", "from . import inner\nfrom .inner import y as z")
        self.put(trusted, "pack/inner.py", "y = 2")
        self.put(trusted, "binary.so", "")
        self.put(relative, "untrusted.py", "x = 3")
        os.symlink(relative, os.path.join(trusted, "link"))

        class Restricted(rexec.RExec):
            ok_path = (trusted, os.path.relpath(relative))

        r = self.make(Restricted)
        self.assertEqual(r.trusted_path, [trusted])
        r.r_exec("import plain, pack.inner\nimport pack")
        self.assertEqual(r.r_eval("plain.x, plain.argv, pack.z, pack.inner.y"),
                         (1, ["RESTRICTED"], 2, 2))
        for name in ("untrusted", "binary"):
            self.fails_import(r, name)
        for name in ("../x", "a/b", "plain.x", "", ".plain"):
            with self.assertRaises(rexec.CellError):
                r.r_exec(f"__import__({name!r})")
        # There is no path in what the cell sees of it.
        self.assertFalse(r.r_eval("hasattr(plain, '__file__')"))

    def test_r_import_that_answers_with_source(self):
        class Restricted(rexec.RExec):
            def r_import(self, mname, globals={}, locals={}, fromlist=()):
                if mname == "given":
                    return "value = 'from the supervisor'"
                if mname == "json":
                    raise ImportError("not today")
                if mname == "wrong":
                    return 5
                return super().r_import(mname, globals, locals, fromlist)

        r = self.make(Restricted)
        r.r_exec("import given, math")
        self.assertEqual(r.r_eval("given.value, math.floor(2.5)"), ("from the supervisor", 2))
        self.assertEqual(self.fails("ImportError", r.r_exec, "import json").message, "not today")
        self.fails("TypeError", r.r_exec, "import wrong")


class Methods(Base):
    def test_exec_and_eval(self):
        r = self.make()
        r.r_exec("x = 1\ndef f(): return x")
        self.assertEqual(r.r_eval("f() + 1"), 2)
        self.assertEqual(r.r_eval("  [x]"), [1])
        self.fails("SyntaxError", r.r_eval, "x = 1")
        for code in (compile("1", "", "eval"), 5, None):
            for method in (r.r_exec, r.r_eval):
                with self.assertRaisesRegex(TypeError, "source"):
                    method(code)
        with self.assertRaises(TypeError):
            r.r_eval("f")
        path = self.put(self.folder(), "script.py", "# -*- coding: latin-1 -*-\ny = 5\n")
        r.r_execfile(path)
        self.assertEqual(r.r_eval("y"), 5)

    def test_errors(self):
        r = self.make()
        self.assertEqual(r.r_exc_info(), (None, None, None))
        error = self.fails("ZeroDivisionError", r.r_exec, "def f():\n    1/0\nf()")
        self.assertEqual(r.r_exc_info(), (ZeroDivisionError, error, None))
        self.assertIn("1/0", error.traceback)
        self.assertNotIn("rexec", error.traceback)
        error = self.fails("Own", r.r_exec, "class Own(KeyError): pass\nraise Own(1)")
        self.assertEqual(r.r_exc_info(), (KeyError, error, None))
        self.fails("SystemExit", r.r_exec, "import sys; sys.exit(3)")
        self.assertEqual(r.r_exc_info()[0], SystemExit)

    def test_import_reload_unload(self):
        class Restricted(rexec.RExec):
            number = 0

            def r_import(self, mname, globals={}, locals={}, fromlist=()):
                if mname == "counting" and self._is_asked():
                    self.number += 1
                    return f"number = {self.number}"
                return super().r_import(mname, globals, locals, fromlist)

        r = self.make(Restricted)
        module = r.r_import("counting")
        self.assertEqual(module.number, 1)
        self.assertIs(r.r_import("counting"), module)
        r.r_reload(module)
        self.assertEqual(module.number, 2)
        r.r_exec("import counting\nreload(counting)")
        self.assertEqual(module.number, 3)
        r.r_unload(module)
        self.fails("KeyError", getattr, module, "number")
        self.assertEqual(r.r_import("counting").number, 4)
        self.assertEqual(r.r_import("os.path").__name__, "os")
        self.assertEqual(r.r_import("json.decoder", {}, {}, ["JSONDecoder"]).__name__,
                         "json.decoder")

    def test_add_module(self):
        r = self.make()
        main = r.add_module("__main__")
        self.assertIs(r.add_module("__main__"), main)
        main.x = {"a": [1, 2.5]}
        self.assertEqual(r.r_eval("x"), {"a": [1, 2.5]})
        r.r_exec("y = (1, 'two')\ndef f(): pass")
        self.assertEqual(main.y, (1, "two"))
        self.assertIn("y", dir(main))
        self.assertRaises(AttributeError, getattr, main, "nothing")
        self.assertRaises(TypeError, getattr, main, "f")
        with self.assertRaises(TypeError):
            main.z = object()
        del main.x
        self.fails("NameError", r.r_eval, "x")
        new = r.add_module("settings")
        new.level = 3
        r.r_exec("import settings; settings.level += 1")
        self.assertEqual(new.level, 4)
        for name in ("__dict__x", "__class_x__"):
            self.assertRaises(AttributeError, getattr, main, name)

    def test_copies(self):
        import math
        r = self.make()
        r.copy_only(math, ("pi", "floor"))
        r.r_exec("import math")
        self.assertEqual(r.r_eval("sorted(n for n in dir(math) if n[:2] != '__')"), ["floor", "pi"])
        r.copy_none(re)
        r.r_exec("import re as r1")
        self.assertFalse(r.r_eval("hasattr(r1, 'compile')"))
        module = type(sys)("mine", "text of mine")
        module.a, module.b, module.c = 1, "x", object()
        r.copy_except(module, ("b",))
        r.r_exec("import mine")
        self.assertEqual(r.r_eval("mine.a, hasattr(mine, 'b'), hasattr(mine, 'c'), mine.__doc__"),
                         (1, False, False, "text of mine"))

    def test_what_is_refused(self):
        r = self.make()
        self.assertRaises(ImportError, r.load_dynamic, "x", "/x.so", None)
        self.assertRaises(ImportError, r.hooks.load_dynamic, "x", "/x.so", None)
        self.assertRaises(ImportError, r.hooks.init_builtin, "math")
        self.assertEqual(r.get_suffixes(), [(".py", "r", 1)])
        self.assertTrue(r.is_builtin("math"))
        self.assertFalse(r.is_builtin("_socket"))

    def test_historic_order(self):
        class Ordered(rexec.RExec):
            order = []

        for name in ("set_trusted_path", "make_builtin", "make_initial_modules", "make_main",
                     "make_osname", "make_sys"):
            def method(self, name=name):
                self.order.append(name)
                getattr(rexec.RExec, name)(self)
            setattr(Ordered, name, method)
        self.make(Ordered)
        self.assertEqual(Ordered.order, ["set_trusted_path", "make_builtin", "make_initial_modules",
                                         "make_main", "make_osname", "make_sys"])

    def test_restricted_code_makes_its_own(self):
        code = """if True:
            import rexec
            try:
                inner = rexec.RExec()
            except Exception as error:
                found = [type(error).__name__]
            else:
                main = inner.add_module("__main__")
                main.code = code
                main.level = level + 1
                inner.r_exec(code)
                found = [level, *main.found]
        """
        r = self.make()
        main = r.add_module("__main__")
        main.code, main.level = code, 1
        r.r_exec(code)
        self.assertEqual(main.found, [1, 2, 3, 4, "LockdownError"])
        with self.make(limits=rexec.Limits()) as r:
            self.fails("LockdownError", r.r_exec, "import rexec\nrexec.RExec()")

    def test_limits(self):
        r = self.make(limits=rexec.Limits(cpu=0.3))
        with self.assertRaises(rexec.LimitExceeded):
            r.r_exec("while True: pass")
        with self.assertRaises(rexec.CellClosed):
            r.r_exec("1")
        for name, value in vars(self.make()._cell.limits).items():
            self.assertIsNotNone(value, name)

    def test_hostile_answers(self):
        for answer in ("5", "[1]", "None", "[['x']]", "{}"):
            for use in (lambda r: dir(r.add_module("__main__")), lambda r: r.r_import("math")):
                r = self.make()
                r._cell.run(f"__rexec__ = lambda *args: {answer}")
                with self.subTest(answer=answer), self.assertRaises(rexec.CellCrashed):
                    use(r)
                self.assertTrue(r._cell.closed)

    def test_hostile_questions(self):
        for attack in ("_worker.ask('historic', 'nothing', ())",
                       "_worker.ask('historic', 'import', (5,))",
                       "_worker.ask('historic', 'import', ('a', 'b', 'c'))",
                       "_worker.ask('historic', 'stdin', ('close', 1))",
                       "_worker.ask('historic', 'stdin', ('__class__', 1))",
                       "_worker.ask('historic', 'stdin', ('read', 1), {'x': 1})"):
            r = self.make()
            with self.subTest(attack=attack), self.assertRaises(rexec.CellCrashed):
                r._cell.run("from importlib import import_module\n"
                            f"_worker = import_module('rexec.guest')._worker\n{attack}")


class Streams(Base):
    @contextlib.contextmanager
    def streams(self, stdin=""):
        saved = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = io.StringIO(stdin), io.StringIO(), io.StringIO()
        current = sys.stdin, sys.stdout, sys.stderr
        try:
            yield current
            self.assertEqual((sys.stdin, sys.stdout, sys.stderr), current)
        finally:
            sys.stdin, sys.stdout, sys.stderr = saved

    def test_s_methods(self):
        r = self.make()
        with self.streams("one\ntwo\nthree\nfour") as (_, out, err):
            r.s_exec("import sys\nprint('out'); print('err', file=sys.stderr)\nline = input('? ')\n"
                     "rest = [sys.stdin.readline(), sys.stdin.read(3), list(sys.stdin)]")
            self.assertEqual(out.getvalue(), "out\n? ")
            self.assertEqual(err.getvalue(), "err\n")
            self.assertEqual(r.s_eval("line, rest"), ("one", ["two\n", "thr", ["ee\n", "four"]]))
            r.s_import("json")
            r.s_execfile(self.put(self.folder(), "x.py", "print('from a file')"))
            self.assertIn("from a file", out.getvalue())
            self.fails("ZeroDivisionError", r.s_eval, "1/0")

    def test_r_methods_have_no_input(self):
        r = self.make()
        with self.streams("secret"):
            self.assertEqual(r.r_eval("__import__('sys').stdin.read()"), "")
            self.fails("EOFError", r.r_exec, "input()")

    def test_s_apply_in_s_apply(self):
        r = self.make()
        with self.streams() as (_, out, _):
            def both():
                r.s_exec("print(1)")
                print("supervisor")
                r.r_exec("print(2)")
                return "done"

            self.assertEqual(r.s_apply(both), "done")
            print("after")
            self.assertEqual(out.getvalue(), "1\nsupervisor\n2\nafter\n")

    def test_wrappers(self):
        file = io.StringIO("a\nb\n")
        wrapper = rexec.FileWrapper(file)
        for name in ("fileno", "detach", "buffer", "name", "truncate", "getvalue"):
            self.assertFalse(hasattr(wrapper, name), name)
        self.assertEqual(list(wrapper), ["a\n", "b\n"])
        wrapper.close()
        self.assertFalse(file.closed)
        holder = type(sys)("holder")
        holder.stream = io.StringIO()
        delegate = rexec.FileDelegate(holder, "stream")
        delegate.write("1")
        first, holder.stream = holder.stream, io.StringIO()
        delegate.write("2")
        self.assertEqual((first.getvalue(), holder.stream.getvalue()), ("1", "2"))
        self.assertNotIn("fileno", rexec.FileBase.ok_file_methods)
        self.assertRaises(AttributeError, getattr, delegate, "fileno")

    def test_set_and_reset(self):
        r = self.make()
        with self.streams() as (_, out, _):
            r.set_files()
            self.assertIs(sys.stdout, r.delegate_stdout)
            r.r_exec("print('in')")
            print("out")
            r.reset_files()
            self.assertEqual(out.getvalue(), "in\nout\n")


class Script(Base):
    def test_test(self):
        path = self.put(self.folder(), "script.py", "import sys\nprint(sys.argv, 6 * 7)")
        bad = self.put(self.folder(), "bad.py", "import os\nos.listdir('/')")
        class Kind(rexec.RExec):
            def __init__(self, *args, **options):
                super().__init__(*args, python=PYTHON, **options)

        out, err = io.StringIO(), io.StringIO()
        with unittest.mock.patch.object(historic, "RExec", Kind), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            self.assertEqual(historic.test([path]), 0)
            self.assertEqual(historic.test([bad]), 1)
            lines = iter(["x = 5", "x + 1", "for n in range(2):", "    print(n)", "", "open('x')"])

            def read(prompt=""):
                try:
                    return next(lines)
                except StopIteration:
                    raise EOFError from None

            with unittest.mock.patch("builtins.input", read):
                self.assertEqual(historic.test([]), 0)
        self.assertEqual(out.getvalue().split("\n")[:4], ["['RESTRICTED'] 42", "6", "0", "1"])
        self.assertIn("LockdownPermissionError", err.getvalue())
        self.assertIn("PermissionError: can't open files", err.getvalue())



if __name__ == "__main__":
    unittest.main()
