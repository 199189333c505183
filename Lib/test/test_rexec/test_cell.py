"""Runs: values, state, functions, modules, errors."""

import datetime
import decimal
import sys
import unittest

import rexec

from .base import CellTest, make_cell, nothing_left


class RunTest(CellTest):
    def test_value_and_text(self):
        for code, value, text in [
                ("6*7", 42, "42"), ("'a'", "a", "'a'"), ("x = 1", None, ""), ("None", None, ""),
                ("", None, ""), ("x = 1; x + 1", 2, "2"), ("[1, {2: 3}]", [1, {2: 3}], "[1, {2: 3}]"),
                ("if 1: 5", None, ""), ("def f(): return 1\nf()", 1, "1"), ("# nothing", None, "")]:
            with self.subTest(code=code):
                result = self.cell.run(code)
                self.assertEqual((result.value, result.text), (value, text))

    def test_state_lasts(self):
        self.cell.run("n = 1")
        self.cell.run("def more():\n    global n\n    n += 1\n    return n")
        self.assertEqual(self.cell.run("more() + more()").value, 5)

    def test_a_value_that_cannot_cross(self):
        result = self.cell.run("print('there'); object()")
        self.assertEqual(result.stdout, "there\n")
        self.assertRegex(result.text, "<object object at 0x")
        with self.assertRaisesRegex(TypeError, "object cannot cross"):
            result.value
        with self.assertRaisesRegex(TypeError, "object cannot cross at .1."):
            self.cell.run("[1, object()]").value
        with self.assertRaisesRegex(TypeError, "contains itself"):
            self.cell.run("a = []; a.append(a); a").value
        self.assertEqual(self.cell.run("1").value, 1)

    def test_inputs(self):
        inputs = {"n": 3, "when": datetime.date(2026, 11, 25), "money": decimal.Decimal("1.5"),
                  "many": [1, (2, b"3")]}
        self.assertEqual(self.cell.run("[n, when, money, many]", inputs=inputs).value,
                         list(inputs.values()))
        self.assertEqual(self.cell.run("n").value, 3)
        with self.assertRaisesRegex(TypeError, "cannot cross"):
            self.cell.run("1", inputs={"o": object()})
        for wrong in ({"not a name": 1}, {1: 1}):
            with self.assertRaises((TypeError, ValueError)):
                self.cell.run("1", inputs=wrong)
        self.assertEqual(self.cell.run("2").value, 2)

    def test_stdin(self):
        code = "import sys\n[input(), input('> '), sys.stdin.read()]"
        result = self.cell.run(code, stdin="one\ntwo\nthree\nfour")
        self.assertEqual(result.value, ["one", "two", "three\nfour"])
        self.assertEqual(result.stdout, "> ")
        with self.assertRaises(rexec.CellError) as caught:
            self.cell.run("input()")
        self.assertEqual(caught.exception.type_name, "EOFError")

    def test_modules(self):
        modules = {"pack": "from . import inner\nvalue = inner.value + 1", "pack.inner": "value = 1",
                   "lone": "def f(): return 1/0"}
        self.assertEqual(self.cell.run("import pack, lone; pack.value", modules=modules).value, 2)
        self.assertEqual(self.cell.run("import pack.inner; pack.inner.value").value, 1)
        with self.assertRaises(rexec.CellError) as caught:
            self.cell.run("lone.f()")
        self.assertIn('File "<lone>", line 1, in f\n    def f(): return 1/0',
                      caught.exception.traceback)
        with self.assertRaises(rexec.CellError) as caught:
            self.cell.run("import nowhere")
        self.assertIn("ImportError", caught.exception.type_name)
        for wrong in ({"a b": ""}, {"a": b""}, {1: ""}):
            with self.assertRaises((TypeError, ValueError)):
                self.cell.run("1", modules=wrong)

    def test_modules_run_after_the_lock(self):
        with self.assertRaises(rexec.CellError) as caught:
            self.cell.run("import m", modules={"m": "open('/etc/passwd')"})
        self.assertEqual(caught.exception.type_name, "lockdownlib.LockdownPermissionError")

    def test_what_can_be_imported(self):
        names = self.cell.modules
        self.assertLessEqual({"json", "re", "asyncio", "decimal"}, names)
        self.assertFalse({"nowhere", "test", "__main__"} & names)
        for name in ("json", "datetime", "collections"):
            self.cell.run(f"import {name}")

    def test_arguments(self):
        for wrong in (b"1", 5, None):
            with self.assertRaisesRegex(TypeError, "code must be a str"):
                self.cell.run(wrong)
        with self.assertRaisesRegex(TypeError, "stdin"):
            self.cell.run("1", stdin=b"")
        for wrong in (-1, float("nan")):
            with self.assertRaisesRegex(ValueError, "timeout must be a number"):
                self.cell.run("1", timeout=wrong)
        with self.assertRaisesRegex(TypeError, "timeout must be a number of seconds, not str"):
            self.cell.run("1", timeout="5")
        for what in ("inputs", "modules"):
            for wrong in (5, [1], ["ab", "c"]):
                with self.assertRaisesRegex(TypeError, f"{what} must be a dict, not"):
                    self.cell.run("1", **{what: wrong})
        self.assertEqual(self.cell.run("1").value, 1)
        for wrong in ({"limits": 5}, {"functions": {"f": 1}}, {"functions": {"f f": len}},
                      {"functions": [len]}, {"functions": ["f"]}, {"stdout": 5}, {"kernel": "maybe"}):
            with self.subTest(wrong=wrong), self.assertRaisesRegex((TypeError, ValueError),
                                                                   str(*wrong).rstrip("s")):
                rexec.Cell(**wrong)

    def test_usage(self):
        usage = self.cell.run("for i in range(10**6): pass\nprint('four')").usage
        self.assertGreater(usage.cpu, 0)
        self.assertGreater(usage.wall, 0)
        self.assertGreater(usage.memory, 1 << 20)
        self.assertEqual((usage.calls, usage.output), (0, 5))

    def test_what_it_is_like_inside(self):
        self.assert_value("__name__", "__main__")
        self.assert_value("import sys; [sys.argv, sys.modules['__main__'].__name__]",
                          [[""], "__main__"])
        self.assert_value("import __main__; __main__.marker = 1; marker", 1)
        self.assert_value("import os; dict(os.environ)", {})

    def test_nothing_is_reached(self):
        for code in ("open('/etc/passwd')", "import os; os.listdir('/')", "import os; os.getpid()",
                     "import socket; socket.socket()", "import os; os.fork()",
                     "import os; os.read(3, 1)", "import os; os.close(3)", "import os; os._exit(0)",
                     "import resource; resource.getrusage(0)",
                     "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
                     "import sys\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\n"
                     "f.f_globals['rexec'].worker._rexec.Channel(0, True)"):
            with self.subTest(code=code), self.assertRaises(rexec.CellError) as caught:
                self.cell.run(code)
            self.assertIn("lockdownlib.Lockdown", caught.exception.type_name)


class CallTest(CellTest):
    def test_call(self):
        self.cell.run("def f(a, *more, key=None): return [a, more, key]")
        self.assertEqual(self.cell.call("f", 1, 2, key={"k": 3}), [1, (2,), {"k": 3}])
        self.cell.run("async def g(): return 5\nnot_callable = 1\ndef h(): return object()")
        self.assertEqual(self.cell.call("g"), 5)
        for name, kind in (("nothing", "NameError"), ("not_callable", "TypeError"),
                           ("__builtins__", "TypeError")):
            with self.assertRaises(rexec.CellError) as caught:
                self.cell.call(name)
            self.assertEqual(caught.exception.type_name, kind)
        with self.assertRaisesRegex(TypeError, "cannot cross"):
            self.cell.call("h")
        with self.assertRaises(TypeError):
            self.cell.call(5)

    def test_name_is_a_keyword_too(self):
        self.cell.run("def f(name, self): return name + self")
        self.assertEqual(self.cell.call("f", name=1, self=2), 3)


class Special(Exception):
    pass


class LikeKey(KeyError):
    def __init__(self, one, two):
        super().__init__(one)


def fail(kind):
    def function():
        raise kind
    return function


class FunctionTest(CellTest):
    options = {"functions": {
        "add": lambda a, b=1: a + b,
        "bad": lambda: object(),
        "missing": fail(FileNotFoundError(2, "No such file", "/data/x")),
        "special": fail(Special("message")),
        "like_key": fail(LikeKey("one", "two")),
        "odd": fail(Exception(object())),
        "interrupt": fail(KeyboardInterrupt()),
        "leave": fail(SystemExit(3)),
        "unicode": fail(UnicodeDecodeError("utf-8", b"x", 0, 1, "why")),
    }}

    def test_values(self):
        self.assert_value("[add(1), add(1, b=2), add('a', 'b'), add([], [1])]", [2, 3, "ab", [1]])
        result = self.cell.run("for i in range(10): add(i)")
        self.assertEqual(result.usage.calls, 10)

    def test_errors(self):
        for name, kind, text in [
                ("missing", "FileNotFoundError", "No such file: '/data/x'"),
                ("special", "Exception", "message"), ("like_key", "KeyError", "one"),
                ("odd", "Exception", "<object object"), ("unicode", "UnicodeDecodeError", "why"),
                ("bad", "TypeError", "object cannot cross")]:
            with self.subTest(name=name), self.assertRaises(rexec.CellError) as caught:
                self.cell.run(f"{name}()")
            self.assertEqual(caught.exception.type_name, kind)
            self.assertIn(text, str(caught.exception))
            # Of the supervisor's frames nothing is seen, neither inside nor here.
            self.assertNotIn("test_cell", caught.exception.traceback)
        self.assert_value("try: missing()\nexcept OSError as e: r = [e.errno, e.filename]\nr",
                          [2, "/data/x"])
        self.assert_value("try: special()\nexcept Exception as e: r = e.__traceback__.tb_next\n"
                          "names = []\nwhile r: names.append(r.tb_frame.f_code.co_filename); r = r.tb_next\n"
                          "any('test_cell' in name for name in names)", False)

    def test_what_leaves_run(self):
        for name, kind in (("interrupt", KeyboardInterrupt), ("leave", SystemExit)):
            cell = self.make()
            with self.assertRaises(kind):
                cell.run(f"try: {name}()\nexcept BaseException: pass")
            self.assertTrue(cell.closed)
            with self.assertRaises(rexec.CellClosed):
                cell.run("1")

    def test_arguments_that_cannot_cross(self):
        with self.assertRaises(rexec.CellError) as caught:
            self.cell.run("add([object()])")
        self.assertEqual(caught.exception.type_name, "TypeError")
        self.assert_value("add(1)", 2)

    def test_busy(self):
        seen = []

        def again():
            for use in (lambda: cell.run("1"), lambda: cell.call("f"), lambda: cell.start("1"),
                        lambda: cell.modules):
                try:
                    use()
                except RuntimeError as error:
                    seen.append(str(error))
        cell = self.make(functions={"again": again})
        cell.run("again()")
        self.assertEqual(seen, ["cell is busy"] * 4)
        self.assertEqual(cell.run("5").value, 5)

    def test_closed_from_a_function(self):
        cell = self.make(functions={"close": lambda: cell.close()})
        with self.assertRaises(rexec.CellClosed):
            cell.run("close()")

    def test_from_threads(self):
        code = """if 1:
            import threading
            found = []
            threads = [threading.Thread(target=lambda i=i: found.append(add(i))) for i in range(5)]
            for thread in threads: thread.start()
            add(1)
            for thread in threads: thread.join()
            sorted(found)
        """
        for _ in range(20):
            self.cell.run(code)
            self.assert_value("sorted(found)", [1, 2, 3, 4, 5])

    def test_from_a_thread_that_stays(self):
        code = """if 1:
            import threading, time
            def work():
                while not stop:
                    try: add(1)
                    except RuntimeError as error: errors.add(str(error)[:15]); time.sleep(.001)
            stop, errors = False, set()
            thread = threading.Thread(target=work); thread.start()
        """
        self.cell.run(code)
        for i in range(10):
            self.assert_value(f"time.sleep(.003)\n{i}", i)
        self.cell.run("stop = True; thread.join()")
        self.assertLessEqual(set(self.cell.run("list(errors)").value), {"add: no run is "})

    def test_from_finalizers(self):
        self.assert_value("class F:\n    def __del__(self): found.append(add(1))\nfound = []\n"
                          "for i in range(200):\n    a = F(); a.a = a; del a; add([1], [2])\n"
                          "import gc; gc.collect(); len(found)", 200)

    def test_of_its_own_name(self):
        self.assert_value("add.__name__", "add")
        with self.assertRaises(rexec.CellError):
            self.cell.run("add.__globals__['_worker'].ask('function', '_call_function')")


class ErrorTest(CellTest):
    def fails(self, code, **options):
        with self.assertRaises(rexec.CellError) as caught:
            self.cell.run(code, **options)
        self.assertIsNone(caught.exception.__cause__)
        return caught.exception

    def test_traceback(self):
        self.cell.run("def f(x):\n    return 1 / x")
        error = self.fails("print('before')\nf(0)")
        self.assertEqual(error.type_name, "ZeroDivisionError")
        self.assertEqual(error.args, ("division by zero",))
        self.assertEqual(str(error), "ZeroDivisionError: division by zero")
        self.assertEqual(error.traceback, 'Traceback (most recent call last):\n'
                         '  File "<run 2>", line 2, in <module>\n    f(0)\n'
                         '  File "<run 1>", line 2, in f\n    return 1 / x\n'
                         'ZeroDivisionError: division by zero\n')
        self.assertEqual(error.result.stdout, "before\n")
        self.assertEqual(self.cell.run("1").value, 1)

    def test_in_a_coroutine(self):
        error = self.fails("import asyncio\nasync def f():\n    1/0\nawait f()")
        self.assertEqual([line for line in error.traceback.splitlines() if "File" in line],
                         ['  File "<run 1>", line 4, in <module>', '  File "<run 1>", line 3, in f'])

    def test_chains(self):
        error = self.fails("try:\n    1/0\nexcept Exception as e:\n    raise KeyError('k') from e")
        self.assertIn("direct cause", error.traceback)
        self.assertLess(error.traceback.index("ZeroDivisionError"),
                        error.traceback.index("KeyError"))
        self.assertIn("During handling", self.fails("try: 1/0\nexcept Exception: [][1]").traceback)
        self.assertNotIn("Zero", self.fails("try: 1/0\nexcept Exception: raise KeyError from None"
                                            ).traceback)
        error = self.fails("e = ValueError(0)\nfor i in range(100):\n"
                           "    n = ValueError(i); n.__cause__ = e; e = n\nraise e")
        self.assertEqual(error.traceback.count("direct cause"), 19)
        self.fails("e = ValueError(); e.__cause__ = e; raise e")

    def test_args_are_plain_data(self):
        self.assertEqual(self.fails("raise ValueError(1, 'two', object(), [3])").args,
                         (1, "two", [3]))
        self.assertEqual(self.fails("raise ValueError('x' * 10**6)").args, ())
        self.assertLess(len(str(self.fails("raise ValueError('x' * 10**6)"))), 70_000)

    def test_what_text_it_has(self):
        for code, kind in [
                ("class E(Exception):\n    def __str__(self): raise KeyError\nraise E", "E"),
                ("class E(Exception):\n    def __str__(self): return 5\nraise E", "E"),
                ("raise SystemExit(3)", "SystemExit"), ("exit(3)", "SystemExit"),
                ("raise KeyboardInterrupt", "KeyboardInterrupt"),
                ("raise BaseException", "BaseException"), ("raise", "RuntimeError"),
                ("import json; json.loads('x')", "json.decoder.JSONDecodeError"),
                ("raise ExceptionGroup('g', [ValueError(1)])", "ExceptionGroup"),
                ("class E(Exception): pass\nE.__module__ = 5\nraise E", "E"),
                ("def f(): f()\nf()", "RecursionError")]:
            with self.subTest(code=code):
                self.assertEqual(self.fails(code).type_name, kind)
        self.assertEqual(self.fails("exit(3)").args, (3,))
        self.assertIn("note", self.fails("e = ValueError(); e.add_note('a note'); raise e").traceback)

    def test_syntax(self):
        error = self.fails("x = = 2")
        self.assertEqual(error.type_name, "SyntaxError")
        self.assertIn('  File "<run 1>", line 1\n    x = = 2\n        ^\nSyntaxError: invalid syntax\n',
                      error.traceback)
        for code in ("x\0", "(" * 300, "'\ud800'\n=", "return 1", "if x:", "\tx\n        y"):
            self.assertIn(self.fails(code).type_name,
                          ("SyntaxError", "IndentationError", "TabError", "UnicodeEncodeError",
                           "MemoryError"))

    def test_deep(self):
        error = self.fails("def f(n):\n    return f(n + 1)\nf(0)")
        self.assertEqual(error.type_name, "RecursionError")
        self.assertLessEqual(error.traceback.count("  File "), 100)

    def test_control_characters_are_escaped(self):
        error = self.fails("raise ValueError('a\\x1b[31m\\u202eb\\x07\\x9b\\u2028')")
        self.assertEqual(error.message, r"a\x1b[31m\u202eb\x07\x9b\u2028")
        for text in (str(error), error.traceback):
            self.assertTrue(all(c == "\n" or c >= " " for c in text))
        error = self.fails("#\x1b[31m\nraise ValueError('\x1b') #\u202e")
        self.assertNotIn("\x1b", error.traceback)
        self.assertNotIn("\u202e", error.traceback)
        error = self.fails("class E(Exception): pass\nE.__qualname__ = 'a\\x1b\\nb'\nraise E")
        self.assertEqual(error.type_name, r"a\x1b\nb")

    def test_errors_can_be_pickled(self):
        import pickle
        error = self.fails("raise ValueError(1)")
        copy = pickle.loads(pickle.dumps(error))
        self.assertEqual((copy.args, copy.type_name, copy.traceback, str(copy)),
                         (error.args, error.type_name, error.traceback, str(error)))

    def test_repr_that_fails(self):
        code = "class C:\n    def __repr__(self): raise KeyError\nC()"
        self.assertEqual(self.cell.run(code).text, "<C object, whose repr raised KeyError>")
        self.assertEqual(self.cell.run("'x' * 10**6").text[-1], "\N{HORIZONTAL ELLIPSIS}")
        self.assertEqual(len(self.cell.run("['x' * 10**6]").text), 1 << 16)


class CloseTest(CellTest):
    def test_with(self):
        with nothing_left(self), make_cell() as cell:
            self.assertEqual(repr(cell), "<rexec.Cell, idle>")
            cell.run("1")
        self.assertEqual(repr(cell), "<rexec.Cell, closed>")
        for use in (lambda: cell.run("1"), lambda: cell.call("f"), lambda: cell.start("1"),
                    lambda: cell.modules):
            self.assertRaises(rexec.CellClosed, use)
        cell.close()
        cell.interrupt()

    def test_supervisor_without_stack(self):
        """One that is deep in calls of its own is told so, and the cell is not to blame."""
        def deep(levels, function):
            return deep(levels - 1, function) if levels else function()

        def use():
            return cell.run("x = 1\nfor _ in range(90): x = [x]\nf(x)\nx").value

        there, frame = 0, sys._getframe()
        while frame is not None:
            there, frame = there + 1, frame.f_back
        self.addCleanup(sys.setrecursionlimit, sys.getrecursionlimit())
        sys.setrecursionlimit(there + 500)
        ended = {False: 0, True: 0}
        cell = None
        for left in range(10, 490, 12):
            if cell is None or cell.closed:
                cell = self.make(functions={"f": lambda x: None})
            try:
                deep(500 - left, use)
            except RecursionError as error:
                self.assertEqual(cell.closed, "supervisor" in str(error))
                ended[cell.closed] += 1
            if not cell.closed:
                self.assertEqual(cell.run("6*7").value, 42)
        self.assertGreater(ended[True], 0)
        self.assertGreater(ended[False], 0)

    def test_forgotten(self):
        with nothing_left(self):
            cell = make_cell()
            cell.run("1")
            del cell

    def test_names(self):
        self.assertLessEqual(set(rexec.__all__), set(dir(rexec)))
        for name in rexec.__all__:
            getattr(rexec, name)
        self.assertRaises(AttributeError, lambda: rexec.nothing)


if __name__ == "__main__":
    unittest.main()
