"""Paths: what locked code can read of where the program, its modules and its files lie.

Each program runs in a folder with a name of its own, which a variable of its environment holds too,
and what it reads is looked through for that name. Run unlocked, the same program must show it.
"""

import json
import os
import sys
import unittest
from test.test_lockdown import fresh

SECRET = "zq7secret"

# What a locked program looks at: LOOK(name, expression) tells one text. `lock` is called in between.
HELPERS = """
    |import lockdownlib, json, sys
    |def lock():
    |    if sys.argv[1] == "lock":
    |        lockdownlib.lockdown(keep=())
    |def text(value):
    |    try:
    |        return f"{value!r} {value!s}"
    |    except Exception as error:
    |        return f"{error!r} {error!s}"
    |def tell(**values):
    |    for name, value in values.items():
    |        sys.__stdout__.write("\\n@" + json.dumps({name: text(value)}) + "\\n")
    """

MODULE = """
    |import warnings
    |def function():
    |    return 1 / 0
    |def frame():
    |    import sys
    |    return sys._getframe()
    |def warn():
    |    warnings.warn("told")
    |async def coroutine(): pass
    |class Inner:
    |    def method(self): pass
    |closure = (lambda held: lambda: held)(__spec__)
    """


class PathTest(fresh.FolderTest):

    maxDiff = None

    def setUp(self):
        super().setUp()
        self.secret = os.path.join(self.folder, SECRET)
        self.write(f"{SECRET}/beside.py", fresh.text(MODULE))
        self.write(f"{SECRET}/package/__init__.py", "from . import inner\n")
        self.write(f"{SECRET}/package/inner.py", fresh.text(MODULE))
        self.write(f"{SECRET}/space/inner.py", "x = 1\n")

    def tells(self, program, *args, lock, options=()):
        """{name: text} of what the program told, locked or not."""
        path = self.write(f"{SECRET}/program.py", fresh.text(HELPERS) + fresh.text(program))
        env = fresh.environment(SECRET_VARIABLE=self.secret, HOME=self.secret, TMPDIR=self.secret)
        outcome = fresh.run(*options, path, "lock" if lock else "open", *args, env=env,
                            cwd=self.secret)
        self.err = outcome.err
        return outcome.facts

    def check(self, program, *args, options=()):
        """Nothing told is the secret when locked, all of it when not."""
        shown = self.tells(program, *args, lock=False, options=options)
        hidden = self.tells(program, *args, lock=True, options=options)
        self.assertEqual(shown.keys(), hidden.keys())
        self.assertGreater(len(shown), 0)
        open_ones = [name for name, value in shown.items() if SECRET not in value]
        self.assertEqual(open_ones, [])
        told = {name: value for name, value in hidden.items() if SECRET in value}
        self.assertEqual(told, {})
        return hidden

    def test_modules(self):
        self.check("""
            |import beside, package.inner, space.inner
            |closed = beside.closure
            |lock()
            |tell(file=__file__, loader=__loader__.path, repr=beside, spec=beside.__spec__,
            |     origin=beside.__spec__.origin, cached=beside.__cached__,
            |     spec_cached=beside.__spec__.cached, loader_path=beside.__loader__.path,
            |     package=list(package.__path__), space=list(space.__path__), space_repr=space,
            |     locations=package.__spec__.submodule_search_locations, inner=package.inner,
            |     space_spec=space.__spec__, space_loader=space.__loader__._path,
            |     path=sys.path, argv=sys.argv[0:1] + sys.orig_argv, closed=closed(),
            |     globals=vars(beside)["__file__"], function=beside.function.__globals__["__file__"])
            """)

    def test_modules_that_are_gone(self):
        """Nothing is in sys.modules any more: a function, a closure and a list hold it."""
        self.check("""
            |import beside, package.inner
            |function, closed, kept = beside.function, beside.closure, [package.inner]
            |for name in "beside", "package", "package.inner":
            |    del sys.modules[name]
            |del beside, package
            |import gc; gc.collect()
            |lock()
            |tell(globals=function.__globals__["__file__"], closed=closed(), kept=kept,
            |     code=function.__code__)
            """)

    def test_classes_that_stand_in_the_way(self):
        self.check("""
            |import beside, package, types
            |class Closed(types.ModuleType):
            |    def __setattr__(self, name, value): raise AttributeError("no")
            |    def __delattr__(self, name): raise AttributeError("no")
            |    def __getattribute__(self, name): return super().__getattribute__(name)
            |beside.__class__ = Closed
            |class Thing:
            |    def __init__(self): self.__file__ = __file__
            |class Other:
            |    __file__ = __file__
            |    __path__ = [__file__]
            |class Slots:
            |    __slots__ = "__file__",
            |sys.modules.update(thing=Thing(), other=Other(), slots=Slots())
            |sys.modules["slots"].__file__ = __file__
            |class Spec(type(beside.__spec__)):
            |    origin = property(lambda self: vars(self)["origin"])
            |    def __setattr__(self, name, value): raise AttributeError("no")
            |odd = package.__spec__
            |odd.__class__ = Spec
            |lock()
            |tell(beside=beside.__file__, thing=sys.modules["thing"].__file__,
            |     other=sys.modules["other"].__file__, path=sys.modules["other"].__path__,
            |     slots=sys.modules["slots"].__file__, odd=odd.origin)
            """)

    def test_module_that_cannot_be_cleared(self):
        facts = fresh.scenario("""
            |import types
            |class Odd(types.ModuleType):
            |    __file__ = property(lambda self: "/somewhere")
            |sys.modules["an.odd.one"] = Odd("odd")
            |try:
            |    lockdownlib.lockdown()
            |except lockdownlib.LockdownError as error:
            |    report(error=str(error))
            |report(locked=lockdownlib.status().locked, prefix=sys.prefix != "")
            |del sys.modules["an.odd.one"]
            |lockdownlib.lockdown()
            |report(after=lockdownlib.status().locked)
            """).facts
        self.assertIn("'an.odd.one'", facts["error"])
        self.assertIn("__file__", facts["error"])
        self.assertFalse(facts["locked"])
        self.assertTrue(facts["prefix"] and facts["after"])

    def test_code_by_age(self):
        hidden = self.check("""
            |import beside, package.inner, marshal, copy, types, traceback, inspect, warnings
            |old = beside.function.__code__
            |def catch(call):
            |    try:
            |        call()
            |    except ZeroDivisionError as error:
            |        return error
            |def generator(): yield
            |@types.coroutine
            |def flagged(): yield
            |before = catch(beside.function)
            |frame = beside.frame()
            |sys.set_coroutine_origin_tracking_depth(2)
            |made = beside.coroutine()
            |made.close()
            |lock()
            |error = catch(package.inner.function)
            |def warned(**options):
            |    with warnings.catch_warnings(record=True) as caught:
            |        warnings.simplefilter("always")
            |        warnings.warn("told", **options)
            |    return caught[0].filename
            |again = types.coroutine(generator)
            |tell(name=old.co_filename, repr=old, dumps=marshal.dumps(old), frame=frame,
            |     origin=made.cr_origin, method=beside.Inner().method.__code__.co_filename,
            |     copy=copy.copy(old).co_filename, deep=copy.deepcopy([old]),
            |     flags=again.__code__.co_filename, before="".join(traceback.format_exception(before)),
            |     error="".join(traceback.format_exception(error)), stack=traceback.extract_stack(),
            |     warned=warned(), level=warned(stacklevel=2), getfile=inspect.getfile(beside.function),
            |     context=traceback.format_list(traceback.extract_tb(error.__traceback__)))
            |try:
            |    tell(replaced=old.replace(co_flags=old.co_flags ^ 0x100).co_filename)
            |except lockdownlib.LockdownError as error:
            |    tell(replaced=error)
            """)
        self.assertIn("in function", hidden["error"])
        self.assertIn("line 4", hidden["error"])
        self.assertIn("<locked>", hidden["name"])

    def test_code_that_is_young(self):
        facts = fresh.scenario("""
            |lockdownlib.lockdown(keep=("code",))
            |code = compile("def f(): 1/0", "/given/name.py", "exec")
            |space = {}
            |exec(code, space)
            |report(name=code.co_filename, inner=space["f"].__code__.co_filename,
            |       replaced=code.replace(co_flags=code.co_flags).co_filename,
            |       shown=repr(code).count("/given/name.py"))
            """).facts
        self.assertEqual(facts, {"name": "/given/name.py", "inner": "/given/name.py",
                                 "replaced": "/given/name.py", "shown": 1})

    def test_replace_makes_nothing_young(self):
        self.check("""
            |import beside
            |if sys.argv[1] == "lock":
            |    lockdownlib.lockdown(keep=("code", "inspect", "runtime"))
            |import marshal, types
            |old = beside.function.__code__
            |code = old.replace(co_name="other")
            |other = marshal.loads(marshal.dumps(old))
            |def stolen(): pass
            |stolen.__code__ = code
            |import tracemalloc
            |tell(code=code, other=other, stolen=stolen.__code__.co_filename)
            """)

    def test_uncaught_exception(self):
        source = fresh.text(HELPERS) + "import beside\nlock()\nbeside.function()\n"
        path = self.write(f"{SECRET}/program.py", source)
        for word, told in ("open", True), ("lock", False):
            err = fresh.run(path, word, cwd=self.secret, expect=1).err
            self.assertEqual(SECRET in err, told, err)
            self.assertIn("in function", err)
            self.assertIn("line 4", err)

    def test_prefix_is_not_asked(self):
        """skip_file_prefixes compares with the files of frames: it must not answer guesses."""
        program = """
            |import warnings, linecache
            |def level(prefix):
            |    with warnings.catch_warnings(record=True) as caught:
            |        warnings.simplefilter("always")
            |        warnings.warn("told", skip_file_prefixes=(prefix,))
            |    return caught[0].lineno
            |folder = __file__.rpartition("/")[0]
            |lock()
            |tell(same=level(folder) == level("/nowhere"))
            """
        self.assertIn("False", self.tells(program, lock=False)["same"])
        self.assertIn("True", self.tells(program, lock=True)["same"])

    def test_errors(self):
        self.check("""
            |import beside, os
            |kept = {}
            |def keep(name, call):
            |    try:
            |        call()
            |    except Exception as error:
            |        kept[name] = error
            |keep("open", lambda: open(__file__ + ".not"))
            |keep("bytes", lambda: open(os.fsencode(__file__) + b".not"))
            |keep("rename", lambda: os.rename(__file__ + ".a", __file__ + ".b"))
            |keep("compile", lambda: compile("1 +", __file__, "exec"))
            |keep("import", lambda: exec("from beside import nothing"))
            |def fail(where): 1/0
            |keep("inner", lambda: fail(__file__))
            |lock()
            |import pickle
            |def late():
            |    try:
            |        from beside import other
            |    except ImportError as error:
            |        return error
            |tell(open=kept["open"], bytes=kept["bytes"], rename=kept["rename"],
            |     rename2=kept["rename"].filename2, compile=kept["compile"].filename,
            |     compile_args=kept["compile"].args, text=kept["import"], path=kept["import"].path,
            |     args=kept["import"].args, msg=kept["import"].msg,
            |     local=kept["inner"].__traceback__.tb_next.tb_next.tb_frame.f_locals,
            |     pickle=pickle.dumps(kept["open"]), late=late(), late_path=late().path)
            """)

    def test_files(self):
        self.check("""
            |import io, os, tempfile, gzip, tarfile, zipfile, socket, codecs, contextlib, warnings
            |# A debug build tells of files that are open at the end.
            |warnings.simplefilter("ignore", ResourceWarning)
            |folder = __file__.rpartition("/")[0]
            |raw, words = open(__file__, "rb", buffering=0), open(__file__)
            |buffered, tmp = open(os.fsencode(__file__), "rb"), tempfile.NamedTemporaryFile()
            |folded = tempfile.TemporaryDirectory()
            |zipped = zipfile.ZipFile(folder + "/a.zip", "w")
            |tarred = tarfile.open(folder + "/a.tar", "w")
            |zip2 = gzip.open(folder + "/a.gz", "w")
            |coded = codecs.open(__file__, encoding="utf-8")
            |os.chdir("/tmp")
            |os.chdir(folder)
            |changed = contextlib.chdir("/tmp")
            |changed.__enter__()
            |os.chdir(folder)
            |server = socket.socket(socket.AF_UNIX)
            |# By a name without a folder: the kernel takes about a hundred bytes.
            |server.bind(os.path.basename(folder) + "." + sys.argv[1])
            |os.chdir("/tmp")
            |import weakref
            |lock()
            |def entries():
            |    return [(info.args, info.kwargs) for info in weakref.finalize._registry.values()]
            |tell(raw=raw, name=words.name, words=words, buffered=buffered, buffer=words.buffer.name,
            |     temporary=tmp.name, closer=tmp._closer.name, folded=folded, zipped=zipped,
            |     tarred=tarred.name, gzipped=zip2.name, coded=coded.name, changed=changed._old_cwd,
            |     server=server.getsockname(), socket=server, entries=entries())
            |zipped.close(); tarred.close(); zip2.close()
            """)
        self.assertEqual(self.err, "")

    def test_streams_keep_their_names(self):
        facts = fresh.scenario("""
            |lockdownlib.lockdown(keep=())
            |report(names=[sys.stdin.name, sys.stdout.name, sys.stderr.name])
            """).facts
        self.assertEqual(facts["names"], ["<stdin>", "<stdout>", "<stderr>"])

    def test_library(self):
        self.check("""
            |import logging, logging.handlers, traceback, inspect, linecache, importlib.util
            |import importlib.machinery, zipimport, zipfile, asyncio, functools
            |folder = __file__.rpartition("/")[0]
            |with zipfile.ZipFile(folder + "/m.zip", "w") as made:
            |    made.writestr("zipped.py", "x = 1")
            |importer = zipimport.zipimporter(folder + "/m.zip")
            |finder = importlib.machinery.FileFinder(folder,
            |    (importlib.machinery.SourceFileLoader, [".py"]))
            |found = finder.find_spec("beside")
            |handler = logging.handlers.MemoryHandler(100)
            |log = logging.getLogger("log"); log.addHandler(handler); log.propagate = False
            |try:
            |    1/0
            |except ZeroDivisionError as error:
            |    log.exception("told")
            |    summary = traceback.TracebackException.from_exception(error)
            |logging.Formatter().format(handler.buffer[0])
            |stack = traceback.extract_stack()
            |filed = logging.FileHandler(folder + "/log")
            |linecache.getlines(__file__), inspect.getmodule(log.info)
            |lock()
            |log.warning("late")
            |tell(importer=importer, archive=importer.archive, finder=finder, found=found,
            |     files=vars(importer), record=vars(handler.buffer[0]),
            |     late=vars(handler.buffer[1])["pathname"], summary="".join(summary.format()),
            |     stack=stack, filed=filed.baseFilename, handler=filed, cache=linecache.cache,
            |     importers=sys.path_importer_cache)
            """, options=("-X", "frozen_modules=on"))

    def test_log_of_a_locked_program(self):
        """logging finds its caller, though all files have one name."""
        facts = fresh.scenario("""
            |import io, logging
            |stream = io.StringIO()
            |logging.basicConfig(stream=stream, format="%(funcName)s %(lineno)d %(filename)s")
            |def caller():
            |    logging.warning("told")
            |lockdownlib.lockdown(keep=())
            |caller()
            |report(text=stream.getvalue(), line=caller.__code__.co_firstlineno + 1)
            """).facts
        self.assertEqual(facts["text"], f"caller {facts['line']} <string>\n")

    def test_sys(self):
        self.check("""
            |import site, sysconfig
            |sys.prefix = sys.exec_prefix = sys.base_prefix = sys.base_exec_prefix = __file__
            |sys.executable = sys._base_executable = sys._stdlib_dir = sys._home = __file__
            |sys.pycache_prefix = __file__
            |sys.warnoptions.append(__file__)
            |lock()
            |tell(prefix=sys.prefix, exec_prefix=sys.exec_prefix, base=sys.base_prefix,
            |     base_exec=sys.base_exec_prefix, executable=sys.executable, argv=sys.argv[0:1]
            |     + sys.orig_argv, other=sys._base_executable, stdlib=sys._stdlib_dir, home=sys._home,
            |     cache=sys.pycache_prefix, options=sys.warnoptions, xoptions=sys._xoptions)
            """, options=("-X", f"word={SECRET}"))

    def test_what_kept_rights_need(self):
        """Folders to import from stay with import, the interpreter's file with proc, until they go
        too."""
        facts = fresh.scenario("""
            |import dbm.dumb, json, mailbox, os, tempfile
            |with tempfile.TemporaryDirectory() as folder:
            |    data = dbm.dumb.open(os.path.join(folder, "data"), "c")
            |    data["key"] = "value"
            |    box = mailbox.Maildir(os.path.join(folder, "box"))
            |    data.sync()
            |def look():
            |    return {"data": data._datfile != "<locked>", "box": box._paths["new"] != "<locked>",
            |            "path": bool(sys.path), "executable": bool(sys.executable),
            |            "package": bool(json.__path__), "file": json.__file__ != "<locked>",
            |            "prefix": bool(sys.prefix),
            |            "spec": bool(json.__spec__.submodule_search_locations)}
            |lockdownlib.lockdown(keep=["import", "proc", "fs.read", "fs.write"])
            |report(first=look())
            |import colorsys
            |lockdownlib.lockdown(keep=["fs.read", "fs.write"])
            |report(second=look())
            |lockdownlib.lockdown(keep=["fs.write"])
            |report(third=look())
            |lockdownlib.lockdown(keep=[])
            |report(last=look(), keys=[key.decode() for key in data])
            """).facts
        self.assertEqual(facts["keys"], ["key"])
        self.assertEqual(facts["first"], {"data": True, "box": True,
                                          "path": True, "executable": True, "package": True,
                                          "file": False, "prefix": False, "spec": True})
        nothing = dict.fromkeys(facts["first"], False)
        self.assertEqual(facts["second"], nothing | {"data": True, "box": True})
        self.assertEqual(facts["third"], nothing | {"data": True, "box": True})
        self.assertEqual(facts["last"], nothing)

    def test_second_lock_does_not_fail_for_guests(self):
        facts = fresh.scenario("""
            |import types
            |lockdownlib.lockdown(keep=["import"])
            |class Odd(types.ModuleType):
            |    __file__ = property(lambda self: 1/0)
            |class Key(str):
            |    __hash__ = lambda self: hash("__file__")
            |    def __eq__(self, other): raise ValueError("a guest's")
            |import linecache
            |linecache.cache = 5
            |sys.modules["odd"] = Odd("odd")
            |kept = {Key(): 1, "__builtins__": 5, "x": []}
            |report(second=attempt(lockdownlib.lockdown, keep=()), path=sys.path)
            """).facts
        self.assertEqual(facts["second"][0], "done")
        self.assertEqual(facts["path"], [])

    def test_arguments_stay(self):
        hidden = self.tells("lock()\ntell(argv=sys.argv)\n", "/an/argument", lock=True)
        self.assertIn("['program.py', 'lock', '/an/argument']", hidden["argv"])

    def test_other_interpreter(self):
        self.check("""
            |import _interpreters, os
            |inner = _interpreters.create()
            |_interpreters.exec(inner, f"import sys; sys.path.insert(0, {os.getcwd()!r});"
            |                          "import beside")
            |if sys.argv[1] == "lock":
            |    lockdownlib.lockdown(keep=["runtime"])
            |def ask(expression):
            |    failed = _interpreters.exec(inner, f"raise Exception(str({expression}))")
            |    return failed.msg
            |tell(file=ask("beside.__file__"), path=ask("sys.path"), spec=ask("beside.__spec__"),
            |     code=ask("beside.function.__code__"))
            """)


if __name__ == "__main__":
    unittest.main()
