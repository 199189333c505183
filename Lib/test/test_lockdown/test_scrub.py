"""What modules of the library learned outside is gone after the lock: the slots of modules.tsv."""

import json
import os
import sys
import unittest
from test import support
from test.test_lockdown import fresh, ledger
from test.test_lockdown.ledger.slots import read_slots


def slots():
    """(module, path, value) of each slot, as the ledger's modules.tsv has them."""
    found = []
    with open(os.path.join(ledger.FOLDER, ledger.MODULES), encoding="utf-8") as file:
        for line in file:
            words = line.rstrip("\n").split("\t")
            if len(words) < 3 or words[1] != "cleared":
                continue
            plain, instances, _ = read_slots(words[0], words[2])
            found += [slot[:3] for slot in plain]
            # A slot of each instance of a class has the class and the attribute as its path.
            found += [(module, f"each {kind}.{attribute}", value)
                      for module, kind, attribute, value, _ in instances]
    return found


# Plants a marker in each place, so that something is there to be taken away, and looks after the
# lock whether it is. The lock itself is the only thing between.
PROGRAM = """
    |import importlib, os, re, sysconfig, types
    |keep, order = json.loads(sys.argv[1])
    |sysconfig.get_config_vars()
    |sys.dont_write_bytecode = True     # below a planted sys.pycache_prefix
    |MARKER = "marker of a test"
    |def names(module):
    |    if module.endswith("*"):
    |        return [name for name in sys.modules if name.startswith(module[:-1])]
    |    return [module]
    |def codes(code):
    |    yield code
    |    for part in code.co_consts:
    |        if hasattr(part, "co_consts"):
    |            yield from codes(part)
    |def plant_function(space, name, variable):
    |    # A function of the code that makes it, by whichever way the variable comes in.
    |    outer = eval(name.partition(".<locals>")[0], space)
    |    code = next(code for code in codes(outer.__code__) if code.co_qualname == name
    |                and variable in code.co_freevars + code.co_varnames[:code.co_argcount])
    |    function = types.FunctionType(
    |        code, space, argdefs=tuple(MARKER + " " + name for name in
    |                                   code.co_varnames[:code.co_argcount]),
    |        closure=tuple(types.CellType(MARKER + " " + name) for name in code.co_freevars))
    |    def look():
    |        held = [*function.__defaults__, *(cell.cell_contents for cell in function.__closure__ or ())]
    |        others = code.co_argcount + len(code.co_freevars) - 1
    |        assert sum(value != f"{MARKER} {variable}" and value.startswith(MARKER)
    |                   for value in held) == others
    |        return f"{MARKER} {variable}" in held
    |    assert look()
    |    return look
    |def plant_each(space, path, value):
    |    name, attribute = path.removeprefix("each ").rsplit(".", 1)
    |    if name.endswith("()"):
    |        return plant_function(space, name.removesuffix("()"), attribute)
    |    kind = eval(name, space)
    |    thing = kind.__new__(kind)
    |    marker = {"[]": [MARKER], "{}": {MARKER: MARKER}, "set()": {MARKER},
    |              "()": (MARKER,)}.get(value, MARKER)
    |    if attribute.endswith("']"):
    |        attribute, _, key = attribute.removesuffix("']").partition("['")
    |        marker = {key: MARKER}
    |    if hasattr(thing, "__dict__") and attribute != "args":
    |        vars(thing)[attribute] = marker
    |    else:
    |        setattr(thing, attribute, marker)
    |    def look():
    |        value = vars(thing) if hasattr(thing, "__dict__") else {}
    |        return MARKER in str(value.get(attribute) or getattr(thing, attribute))
    |    assert look()
    |    return look
    |def plant(space, path, value):
    |    if path.startswith("each "):
    |        return plant_each(space, path, value)
    |    if value == "cache":
    |        found = eval(path.removesuffix("()"), space)
    |        # Called with anything, it keeps the result or the error does not matter.
    |        try:
    |            found("x")
    |        except Exception:
    |            found(str, "x")
    |        return lambda: found.cache_info().currsize > 0
    |    if value in ("{}", "[]", "set()"):
    |        found = eval(path, space)
    |        if isinstance(found, dict):
    |            dict.__setitem__(found, MARKER, MARKER)
    |        elif isinstance(found, list):
    |            found.append(MARKER)
    |        else:
    |            found.add(MARKER)
    |        return lambda: len(found) > 0
    |    if path.endswith("]") and "__defaults__" in path:
    |        function, index = re.fullmatch(r"(.*)\\.__defaults__\\[(\\d)\\]", path).groups()
    |        function = eval(function, space)
    |        values = list(function.__defaults__)
    |        values[int(index)] = MARKER
    |        function.__defaults__ = tuple(values)
    |        return lambda: MARKER in function.__defaults__
    |    eval(path, space)
    |    exec(f"{path} = {MARKER!r}", space)
    |    return lambda: eval(path, space) == MARKER
    |planted = {}
    |places = set()
    |for number, (module, path, value) in enumerate(order):
    |    # One that is emptied and replaced then has had its marker.
    |    if (module, path) in places:
    |        continue
    |    places.add((module, path))
    |    try:
    |        for name in names(module):
    |            space = vars(importlib.import_module(name))
    |            planted[number] = plant(space, path, value)
    |    except (AttributeError, ImportError, KeyError, NameError, TypeError, OSError) as error:
    |        report(absent=[number, f"{type(error).__name__}: {error}"])
    |lockdownlib.lockdown(keep=keep)
    |for number, look in planted.items():
    |    try:
    |        there = look()
    |    except (AttributeError, KeyError):
    |        there = False
    |    report(slot=[number, there])
    |report(ended=True)
    """


class SlotTest(unittest.TestCase):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        # Of finalizers only some are cleared: test_paths has them.
        cls.slots = [slot for slot in slots() if slot[1] != "each finalize._Info.args"]

    def look(self, keep, chosen):
        """(the slots that still hold the marker, those that do not, why others are not there)."""
        outcome = fresh.scenario(PROGRAM, json.dumps([keep, chosen]), expect=None,
                                 timeout=support.LONG_TIMEOUT)
        self.assertTrue(outcome.facts.get("ended"), outcome.err)
        held = [":".join(chosen[number][:2]) for number, there in self.told(outcome, "slot")
                if there]
        clear = [":".join(chosen[number][:2]) for number, there in self.told(outcome, "slot")
                 if not there]
        absent = {":".join(chosen[number][:2]): why
                  for number, why in self.told(outcome, "absent")}
        return held, clear, absent

    def told(self, outcome, word):
        return [report[word] for report in outcome.reports if word in report]

    def test_cleared(self):
        held, clear, absent = self.look([], self.slots)
        self.assertEqual(held, [])
        self.assertGreater(len(clear), len(self.slots) * 2 // 3)
        if support.verbose:
            print(f"scrub: {len(clear)} slots cleared, {len(absent)} with nothing in them here")
            for name, why in absent.items():
                print(f"  {name}: {why}")

    def test_control(self):
        """With the right kept the markers stay: what is gone above was taken by the lock."""
        held, clear, absent = self.look(["env"], self.slots)
        self.assertEqual(clear, [])

    def test_other_interpreters(self):
        facts = fresh.scenario("""
            |import _interpreters
            |inner = _interpreters.create()
            |_interpreters.exec(inner, "import tempfile; tempfile.tempdir = 'a marker'")
            |_interpreters.exec(inner, "assert tempfile.tempdir == 'a marker'")
            |lockdownlib.lockdown(keep=["runtime"])
            |report(failed=str(_interpreters.exec(inner, "assert tempfile.tempdir is None")))
            """).facts
        self.assertEqual(facts, {"failed": "None"})

    def test_other_interpreter_with_something_else_in_a_slot(self):
        facts = fresh.scenario("""
            |import _interpreters
            |inner = _interpreters.create()
            |_interpreters.exec(inner, "import linecache, os; linecache.cache = ()")
            |lockdownlib.lockdown(keep=["runtime"])
            |report(failed=str(_interpreters.exec(inner, "assert not os.environ")))
            """).facts
        self.assertEqual(facts, {"failed": "None"})

    def test_what_cannot_be_cleared_is_named_and_nothing_is_locked(self):
        for module, place, value in (
                ("filecmp", "_cache", "5"), ("fnmatch", "_compile_pattern", "lambda pattern: 1"),
                ("fnmatch", "_compile_pattern",
                 "type('C', (), {'cache_clear': [].pop})()"),
                ("platform", "architecture", "type('C', (), {'__defaults__': (1,)})()"),
                ("multiprocessing.process", "_current_process",
                 "type('C', (), {'__setattr__': 1, '_config': {}, '_parent_pid': 7})()")):
            with self.subTest(module):
                facts = fresh.scenario(f"""
                    |import {module}
                    |{module}.{place} = {value}
                    |try:
                    |    lockdownlib.lockdown()
                    |except lockdownlib.LockdownError as error:
                    |    report(error=str(error))
                    |report(locked=lockdownlib.status().locked)
                    """).facts
                self.assertIn(f"{module}.{place}", facts["error"])
                self.assertFalse(facts["locked"])

    def test_module_that_is_none(self):
        facts = fresh.scenario("""
            |import filecmp
            |sys.modules["filecmp"] = 7
            |try:
            |    lockdownlib.lockdown()
            |except lockdownlib.LockdownError as error:
            |    report(error=str(error))
            |del sys.modules["filecmp"]
            |sys.modules["tempfile"] = None
            |report(second=attempt(lockdownlib.lockdown))
            """).facts
        self.assertIn("filecmp", facts["error"])
        self.assertEqual(facts["second"][0], "done")

    def test_what_stayed_for_a_right_goes_with_it(self):
        facts = fresh.scenario("""
            |lockdownlib.lockdown(keep=("proc", "fs.read"))
            |first = sys.executable, sys._base_executable
            |lockdownlib.lockdown(keep=("fs.read",))
            |report(first=first, second=[sys.executable, sys._base_executable], version=sys.version)
            """).facts
        self.assertEqual(facts["first"], [sys.executable, sys._base_executable])
        self.assertEqual(facts["second"], ["", ""])
        self.assertEqual(facts["version"], sys.version)

    def test_for_forks(self):
        """What a later lock would have to take is gone at once, and locked code cannot ask for it."""
        facts = fresh.scenario("""
            |import os
            |def again():
            |    try:
            |        lockdownlib._lock_for_forks(("proc",))
            |    except lockdownlib.LockdownError:
            |        return "refused"
            |file = open(os.devnull)
            |first = sys.executable, file.name
            |lockdownlib._lock_for_forks(("proc", "fs.read", "fd"))
            |second = sys.executable, file.name
            |keep = sorted(lockdownlib.status().keep)
            |refused = again()
            |lockdownlib.lockdown(keep=())
            |report(first=first, second=second, keep=keep, refused=refused,
            |       locked=lockdownlib.status().keep)
            """).facts
        self.assertEqual(facts["first"], [sys.executable, os.devnull])
        self.assertEqual(facts["second"], ["", "<locked>"])
        self.assertEqual(facts["keep"], ["fd", "fs.read", "proc"])
        self.assertEqual(facts["refused"], "refused")
        self.assertFalse(facts["locked"])

    def test_finalizers_run_when_all_is_done(self):
        """What is taken away may be the last of something, whose end then is a guest's chance."""
        facts = fresh.scenario("""
            |import filecmp, os, tempfile
            |class Last:
            |    def __del__(self):
            |        report(tempdir=tempfile.tempdir, environ=len(os.environ),
            |               listdir=attempt(os.listdir, "/")[:3])
            |tempfile.tempdir = "a marker"
            |filecmp._cache["x"] = Last()
            |lockdownlib.lockdown(keep=())
            """).facts
        self.assertEqual(facts, {"tempdir": None, "environ": 0,
                                 "listdir": ["refused", "LockdownPermissionError", "fs.read"]})

    def test_functions_work_after_it(self):
        facts = fresh.scenario("""
            |import datetime, fnmatch, gettext, linecache, platform, re, tempfile, urllib.parse
            |datetime.datetime.strptime("2026-11-22", "%Y-%m-%d")
            |fnmatch.fnmatch("name", "n*"), platform.python_version(), re.sub("a", "b", "abc")
            |urllib.parse.urlsplit("http://host/path"), gettext.gettext("text")
            |lockdownlib.lockdown(keep=())
            |report(strptime=str(datetime.datetime.strptime("2026-11-22", "%Y-%m-%d").date()),
            |       fnmatch=fnmatch.fnmatch("name", "n*"), gettext=gettext.gettext("text"),
            |       version=platform.python_version() != "", sub=re.sub("a", "b", "abc"),
            |       path=urllib.parse.urlsplit("http://host/path").path,
            |       line=linecache.getline("nothing", 1))
            """).facts
        self.assertEqual(facts, {"strptime": "2026-11-22", "fnmatch": True, "gettext": "text",
                                 "version": True, "sub": "bbc", "path": "/path", "line": ""})


if __name__ == "__main__":
    unittest.main()
