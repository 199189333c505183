"""What can be imported when locked: what is loaded, or in the binary and safe; nothing else."""

import json
import os
import sys
import unittest
import zipfile
from test import support
from test.test_lockdown import fresh

import lockdownlib


class ImportTest(fresh.FolderTest):

    def setUp(self):
        super().setUp()
        self.write("plain.py", self.mark("plain"))
        self.write("package/__init__.py", self.mark("package"))
        self.write("package/inner.py", self.mark("inner"))
        self.write("namespace/inside.py", self.mark("namespace"))
        self.write("json5.py", self.mark("json5"))
        with zipfile.ZipFile(os.path.join(self.folder, "archive.zip"), "w") as archive:
            archive.writestr("zipped.py", self.mark("zipped"))

    def mark(self, name):
        """A module that leaves a file behind when it runs, unless it may not."""
        path = os.path.join(self.folder, name + ".ran")
        return f"import sys\nsys.stdout.write('ran {name}\\n')\n" \
               f"try: open({path!r}, 'w').close()\nexcept OSError: pass\n"

    # Each way to get a module's code to run; the control shows that it does.
    WAYS = {
        "import": "import plain",
        "from": "from plain import sys",
        "package": "import package.inner",
        "namespace package": "import namespace.inside",
        "__import__": "__import__('plain')",
        "import_module": "importlib.import_module('plain')",
        "zip": "import zipped",
        "zipimporter": "zipimport.zipimporter(zip).load_module('zipped')",
        "zipimporter made before": "importer.load_module('zipped')",
        "zipimporter get_code": "exec(importer.get_code('zipped'))",
        "zipimporter get_data": "exec(importer.get_data('zipped.py'))",
        "loader": "machinery.SourceFileLoader('plain', path).load_module()",
        "loader made before": "loader.load_module()",
        "loader get_data": "exec(loader.get_data(path))",
        "spec": "s = util.spec_from_file_location('plain', path); m = util.module_from_spec(s); "
                "s.loader.exec_module(m)",
        "spec made before": "m = util.module_from_spec(spec); spec.loader.exec_module(m)",
        "finder": "importlib.machinery.PathFinder.find_spec('plain').loader.load_module('plain')",
        "finder made before": "finder.find_spec('plain').loader.load_module('plain')",
        "importer cache": "sys.path_importer_cache[folder].find_spec('plain').loader"
                          ".load_module('plain')",
        "hook": "[h for h in sys.path_hooks if h is not zipimport.zipimporter][0](folder)"
                ".find_spec('plain').loader.load_module('plain')",
        "pyc": "import compiled",
        "pyc by its loader": "machinery.SourcelessFileLoader('compiled', pyc).load_module()",
        "runpy module": "runpy.run_module('plain')",
        "runpy path": "runpy.run_path(path)",
        "pkgutil": "pkgutil.get_loader('plain').load_module('plain')",
        "reload": "importlib.reload(reloaded)",
        "exec of open": "exec(open(path).read())",
        "io.open_code": "exec(io.open_code(path).read())",
        "marshal": "exec(marshal.loads(marshalled))",
        "imp.load_source": "import importlib._bootstrap_external as e; "
                           "m = types.ModuleType('plain'); "
                           "e.SourceFileLoader('plain', path).exec_module(m)",
        "own finder": "sys.meta_path.insert(0, Mine()); import mine",
        "own hook": "sys.path_hooks.insert(0, Hook); sys.path.insert(0, 'hooked'); import hooked",
    }

    # Nothing from outside is read by these: the code that runs was there, or the caller made it.
    HARMLESS = {"own finder", "own hook"}

    BEFORE = """
        |import importlib, importlib.machinery as machinery, importlib.util as util, io, marshal
        |import os, pkgutil, py_compile, runpy, types, warnings, zipimport
        |warnings.simplefilter("ignore")
        |folder = sys.argv[1]
        |sys.dont_write_bytecode = True
        |zip, path = os.path.join(folder, "archive.zip"), os.path.join(folder, "plain.py")
        |pyc = py_compile.compile(path, os.path.join(folder, "compiled.pyc"))
        |sys.path[:0] = [folder, zip]
        |importer = zipimport.zipimporter(zip)
        |loader = machinery.SourceFileLoader("plain", path)
        |spec = util.spec_from_file_location("plain", path)
        |finder = machinery.FileFinder(folder, (machinery.SourceFileLoader, [".py"]))
        |pkgutil.find_loader("not_there")
        |finder.find_spec("plain")
        |import json5 as reloaded
        |marshalled = marshal.dumps(compile(open(path).read(), "x", "exec"))
        |class Mine:
        |    def find_spec(self, name, path=None, target=None):
        |        if name == "mine": return machinery.ModuleSpec(name, self)
        |    def create_module(self, spec): pass
        |    def exec_module(self, module): print("ran mine")
        |class Hook:
        |    def __init__(self, path):
        |        if path != "hooked": raise ImportError
        |    def find_spec(self, name, target=None):
        |        if name == "hooked": return machinery.ModuleSpec(name, self)
        |    def create_module(self, spec): pass
        |    def exec_module(self, module): print("ran hooked")
        |print("start")
        """

    def ways(self, lock):
        """The outcome of every way in one process, and what ran."""
        outcome = fresh.scenario(fresh.text(self.BEFORE) + fresh.text(f"""
            |{lock}
            |for name, source in json.loads(sys.argv[2]).items():
            |    for module in "plain", "package", "zipped", "compiled", "mine", "hooked", \\
            |            "package.inner", "namespace", "namespace.inside":
            |        sys.modules.pop(module, None)
            |    print("way", name)
            |    report(**{{name: attempt(exec, source, globals())}})
            """), self.folder, json.dumps(self.WAYS))
        ran, name = {}, None
        for line in outcome.out.partition("start\n")[2].splitlines():
            if line.startswith("way "):
                name = line[4:]
            elif line.startswith("ran "):
                ran.setdefault(name, []).append(line[4:])
        return outcome.facts, ran

    def test_control(self):
        facts, ran = self.ways("")
        for name in self.WAYS:
            with self.subTest(name):
                self.assertIn(name, ran, facts[name])

    def test_ways_are_refused(self):
        for keep in (["fd"], []):
            facts, ran = self.ways(f"lockdownlib.lockdown(keep={keep!r})")
            for name in self.WAYS:
                with self.subTest(name, keep=keep):
                    if name not in self.HARMLESS:
                        self.assertNotIn(name, ran)
                        self.assertIn(facts[name][0], ("refused", "raised"))
        if support.verbose:
            print(f"import: {2 * len(self.WAYS)} ways tried")

    def test_import_alone_is_refused(self):
        """Where files may be read, code from them is still not imported."""
        keep = [right for right in lockdownlib.RIGHTS if right != "import"]
        facts, ran = self.ways(f"lockdownlib.lockdown(keep={keep!r})")
        for name in ("import", "from", "package", "namespace package", "__import__",
                     "import_module", "reload", "zip", "pyc"):
            with self.subTest(name):
                self.assertNotIn(name, ran)
                self.assertEqual(facts[name][:3], ["refused", "LockdownImportError", "import"])

    def test_error_names_the_module(self):
        facts = fresh.scenario("""
            |lockdownlib.lockdown()
            |for name in "plain", "json.not_there", "package.inner", "a.b.c":
            |    try:
            |        __import__(name)
            |    except ImportError as error:
            |        report(**{name: [type(error).__name__, error.name, str(error)]})
            """).facts
        for name, (kind, named, text) in facts.items():
            with self.subTest(name):
                self.assertIn(kind, ("LockdownImportError", "ModuleNotFoundError"))
                self.assertIn(named, name)
                self.assertIn(named, text)
        self.assertEqual(facts["plain"][0], "LockdownImportError")
        self.assertEqual(facts["plain"][1], "plain")

    def test_guarded_import_falls_back(self):
        # The habit of the whole library: try the fast one, take the slow one.
        facts = fresh.scenario("""
            |lockdownlib.lockdown(keep=())
            |try:
            |    import no_such_speedup
            |except ImportError:
            |    speedup = None
            |report(speedup=speedup)
            """).facts
        self.assertEqual(facts, {"speedup": None})

    def test_loaded_modules_can_be_imported_again(self):
        facts = fresh.scenario("""
            |import collections.abc, os.path, urllib.parse
            |lockdownlib.lockdown(keep=())
            |def again():
            |    import json, os.path as path, collections.abc, urllib.parse as parse
            |    from json import decoder
            |    from os import path as other
            |    from urllib.parse import quote
            |    return parse.quote("a b") + path.basename("x/y")
            |report(again=attempt(again), name=attempt(__import__, "sys"))
            """).facts
        self.assertEqual(facts["again"], ["done", "'a%20by'"])

    def test_missing_name_of_a_loaded_module(self):
        facts = fresh.scenario("""
            |import json
            |lockdownlib.lockdown()
            |def missing():
            |    from json import nothing_of_this_name
            |report(missing=attempt(missing))
            """).facts
        self.assertIn(facts["missing"][1], ("ImportError", "LockdownImportError"))

    def test_safe_builtin_and_frozen_modules(self):
        # Not loaded before; in the binary; safe.
        names = [name for name in sys.builtin_module_names if name in lockdownlib.SAFE_MODULES
                 # Its Python half asks sysconfig, which is a file made by the build.
                 and name != "_zoneinfo"]
        facts = fresh.scenario("""
            |names = json.loads(sys.argv[1])
            |new = [name for name in names if name not in sys.modules]
            |lockdownlib.lockdown(keep=())
            |report(found={name: attempt(__import__, name)[:2] for name in new})
            """, json.dumps(names)).facts
        self.assertGreater(len(facts["found"]), 5)
        for name, found in facts["found"].items():
            with self.subTest(name):
                self.assertEqual(found[0], "done", found)

    def test_unsafe_builtin_modules_are_refused(self):
        unsafe = [name for name in sys.builtin_module_names
                  if name not in lockdownlib.SAFE_MODULES]
        facts = fresh.scenario("""
            |import _imp, importlib.machinery, types
            |names = json.loads(sys.argv[1])
            |new = [name for name in names if name not in sys.modules]
            |lockdownlib.lockdown(keep=())
            |def spec(name): return importlib.machinery.ModuleSpec(name, None)
            |report(imported={name: attempt(__import__, name) for name in new},
            |       created={name: attempt(_imp.create_builtin, spec(name)) for name in new})
            """, json.dumps(unsafe)).facts
        for kind in facts.values():
            for name, found in kind.items():
                with self.subTest(name):
                    self.assertEqual(found[0], "refused", found)

    # What a module's functions need is made when it is executed.
    MADE = {"_csv": "reader(['a,b']).__class__.__name__", "_pickle": "dumps(1)",
            "zlib": "compress(b'')", "_struct": "pack('B', 1)", "math": "floor(1.5)", "time": "gmtime(0)[0]",
            "pyexpat": "ParserCreate().__class__.__name__", "select": "poll().__class__.__name__",
            "_decimal": "getcontext().prec", "_functools": "cmp_to_key(len).__class__.__name__",
            "_md5": "md5(b'').name", "_asyncio": "all_tasks(1)"}

    def test_built_in_modules_are_executed_before_they_are_seen(self):
        names = sorted(set(self.MADE).intersection(sys.builtin_module_names))
        source = """
            |import _imp, importlib.machinery, types, asyncio
            |def made(name):
            |    return _imp.create_builtin(importlib.machinery.ModuleSpec(name, None))
            |def used(name, call):
            |    return eval("module." + call, {"module": made(name)})
            |def size(name):
            |    unseen, module = len(vars(made(name))), made(name)
            |    _imp.exec_builtin(module)
            |    return len(vars(module)) - unseen
            |def failed():
            |    sys.modules["collections"] = None
            |    try: return len(vars(made("_decimal")))
            |    finally: del sys.modules["collections"]
            |def seen_by(inner=[]):
            |    class Hook(types.ModuleType):
            |        def __getattr__(self, name):
            |            inner.append(attempt(made, "_pickle")[1])
            |            raise AttributeError
            |    sys.modules["copyreg"] = Hook("copyreg")
            |    attempt(made, "_pickle")
            |    return inner[0]
            |LOCK
            |names = json.loads(sys.argv[1])
            |report(executing={name: size(name) for name in names}, failed=attempt(failed))
            |if lockdownlib.status().locked:
            |    report(used={name: attempt(used, name, call)[0] for name, call in names.items()},
            |           seen_by=attempt(seen_by))
            """
        calls = json.dumps({name: self.MADE[name] for name in names})
        unlocked, locked = (fresh.scenario(source.replace("LOCK", lock), calls).facts
                            for lock in ("pass", "lockdownlib.lockdown(keep=())"))
        self.assertEqual(unlocked["failed"][0], "done")
        self.assertIn("collections", str(locked["failed"]))
        self.assertEqual(locked["seen_by"], ["done", "'ImportError'"])
        for name in names:
            with self.subTest(name):
                self.assertGreater(unlocked["executing"][name], 0)
                self.assertEqual(locked["executing"][name], 0)
                if name != "_asyncio":
                    self.assertEqual(locked["used"][name], "done")

    def test_safe_library_from_the_binary(self):
        # In a process that is born to be locked or locked late, without a disk.
        source = "import json, re, dataclasses, datetime, decimal, statistics, textwrap\n" \
                 "print(json.dumps({'a': [1, 2]}), re.sub('a', 'b', 'aaa'))"
        self.assertEqual(fresh.run("-I", "-X", "lockdown", "-c", source).out,
                         '{"a": [1, 2]} bbb\n')
        late = "import lockdownlib; lockdownlib.lockdown(keep=())\n" + source
        self.assertEqual(fresh.run("-I", "-c", late).out, '{"a": [1, 2]} bbb\n')

    def test_every_module_of_the_safe_library(self):
        # antigravity opens a browser, and a __main__ is a program: neither is there to be imported.
        names = sorted(name for name in lockdownlib.SAFE_MODULES
                       if name not in ("antigravity", "this") and "__" not in name)
        outcome = fresh.run("-I", "-X", "lockdown", "-c", """if True:
            import json, sys
            for name in json.loads(sys.argv[1]):
                try:
                    __import__(name)
                except Exception as error:
                    print("@" + json.dumps({name: f"{type(error).__name__}: {error}"}))
            """, json.dumps(names))
        if support.verbose:
            print(f"import: {len(names)} safe modules, of these {len(outcome.facts)} are not in "
                  f"the binary: {', '.join(outcome.facts)}")
        for name in ("json", "re", "dataclasses", "datetime", "collections", "typing", "enum",
                     "functools", "contextlib", "random", "string", "_strptime", "logging"):
            self.assertNotIn(name, outcome.facts)
        # The others fail for what they miss, each in a way that programs know.
        for name, text in outcome.facts.items():
            with self.subTest(name):
                self.assertRegex(text, "^(Lockdown(Import|Permission)|Import|ModuleNotFound)Error")

    def test_imp(self):
        facts = fresh.scenario("""
            |import _imp, importlib.machinery, marshal
            |lockdownlib.lockdown(keep=("fd",))
            |def spec(name, origin="/nowhere.so"):
            |    return importlib.machinery.ModuleSpec(name, None, origin=origin)
            |code = b"data"
            |report(create_dynamic=attempt(_imp.create_dynamic, spec("a")),
            |       loader=attempt(importlib.machinery.ExtensionFileLoader("a", "/a.so")
            |                      .create_module, spec("a")),
            |       override=attempt(_imp._override_frozen_modules_for_tests, 1),
            |       multi=attempt(_imp._override_multi_interp_extensions_check, -1),
            |       frozen=attempt(_imp.get_frozen_object, "zipimport", code),
            |       fix=attempt(_imp._fix_co_filename, compile("1", "a", "eval"), "b"))
            |report(source_hash=attempt(_imp.source_hash, 1, b"a")[0],
            |       locked=attempt(_imp.lock_held)[0], is_builtin=attempt(_imp.is_builtin, "sys"))
            """).facts
        for name in "create_dynamic", "loader", "override", "multi":
            with self.subTest(name):
                self.assertEqual(facts[name][:3], ["refused", "LockdownPermissionError", "import"])
        for name in "frozen", "fix":
            with self.subTest(name):
                self.assertEqual(facts[name][0], "refused")
        self.assertEqual(facts["source_hash"], "done")

    def test_finder_that_the_host_installed_before(self):
        # It is the host's word what may be imported through it.
        facts = fresh.scenario("""
            |import importlib.machinery
            |class Finder:
            |    def find_spec(self, name, path=None, target=None):
            |        if name == "hosted":
            |            return importlib.machinery.ModuleSpec(name, self)
            |    def create_module(self, spec):
            |        return None
            |    def exec_module(self, module):
            |        module.value = 42
            |sys.meta_path.append(Finder())
            |lockdownlib.lockdown(keep=())
            |def get():
            |    import hosted
            |    return hosted.value
            |report(hosted=attempt(get), other=attempt(__import__, "not_hosted"))
            """).facts
        self.assertEqual(facts["hosted"], ["done", "42"])
        self.assertEqual(facts["other"][:2], ["refused", "LockdownImportError"])

    def test_bootstrap_is_no_way_round(self):
        # The bootstrap's own pieces, called by hand.
        facts = fresh.scenario("""
            |import _frozen_importlib as bootstrap, _frozen_importlib_external as external, _imp
            |folder = sys.argv[1]
            |sys.path.insert(0, folder)
            |lockdownlib.lockdown(keep=())
            |report(find=attempt(bootstrap._find_spec, "plain", None),
            |       load=attempt(bootstrap._gcd_import, "plain"),
            |       path=attempt(external.PathFinder.find_spec, "plain", [folder]),
            |       finder=attempt(external.FileFinder(folder, (external.SourceFileLoader, [".py"]))
            |                      .find_spec, "plain"),
            |       data=attempt(external.FileLoader("plain", folder + "/plain.py").get_data,
            |                    folder + "/plain.py"),
            |       pyc=attempt(external._compile_bytecode, b"x"),
            |       stat=attempt(external._path_stat, folder),
            |       write=attempt(external._write_atomic, folder + "/made", b"x"))
            """, self.folder).facts
        self.assertNotIn("SourceFileLoader", str(facts["find"]))
        for name in "load", "data", "pyc", "stat", "write":
            with self.subTest(name):
                self.assertEqual(facts[name][0], "refused", facts[name])
        self.assertNotIn("SourceFileLoader", str(facts["path"]))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "made")))


if __name__ == "__main__":
    unittest.main()
