"""Every row of every guard table: the function refuses before it looks at its arguments.

The tables are read from the overlay, the names that users know from the table which the weave made.
Each function is called, locked, with arguments that are nonsense for it. A guard that stands where
it must answers with its own right; anything else would be a TypeError, or worse.
"""

import collections
import json
import os
import re
import sysconfig
import unittest
from test import support
from test.test_lockdown import fresh, probes

import lockdownlib

Row = collections.namedtuple("Row", "file line right function operation")

TREE = sysconfig.get_config_var("srcdir") or ""


def overlay():
    """The folder of the tables: the source that the build tree above this one was made from."""
    try:
        with open(os.path.join(TREE, os.pardir, os.pardir, "Makefile")) as file:
            match = re.search(r"^SOURCE=\s*(.*)$", file.read(), re.MULTILINE)
    except OSError:
        return None
    return match and os.path.join(TREE, os.pardir, os.pardir, match[1])


def operations():
    """The operation of each guarded C function, from the table in the binary's source."""
    with open(os.path.join(TREE, "Python", "lockdown_tables.h")) as file:
        return dict(re.findall(r'\{"(\w+)", "([^"]+)"\}', file.read()))


def rows():
    """All rows of all tables that hold for this release."""
    known = operations()
    found = []
    for folder, folders, files in os.walk(overlay()):
        folders[:] = [name for name in folders if name in {
            "Modules", "Objects", "Parser", "Programs", "Python", "PC"} or folder != overlay()]
        for name in sorted(files):
            if not name.endswith(".guards"):
                continue
            path = os.path.join(folder, name)
            with open(path) as file:
                for number, line in enumerate(file, 1):
                    words = line.split()
                    if words and not words[0].startswith("#") and words[1] in known:
                        found.append(Row(os.path.relpath(path, overlay()), number, words[0],
                                         words[1], known[words[1]]))
    return found


# How the child reaches what is not simply an attribute of a module: an expression for the
# operation, or for the object whose method it is (a name that ends in a dot).
REACHED = {
    # Types that no module shows.
    "InstructionSequence": "subclass('InstructionSequence')",
    "InstructionSequence.": "subclass('InstructionSequence')()",
    "hamt": "subclass('hamt')",
    "_ctypes.Array.": "(ctypes.c_int * 2)()",
    "_ctypes.Array.raw": "lambda made=ctypes.create_string_buffer(2): made.raw",
    "_ctypes.Array.value": "lambda made=ctypes.create_string_buffer(2): made.value",
    "_ctypes.CDataType.": "ctypes.c_int",
    "_ctypes.CField.": "type('One', (ctypes.Structure,), {'_fields_': [('n', ctypes.c_int)]}).n",
    "_ctypes._CData.": "ctypes.c_int()",
    "_ctypes._Pointer.": "ctypes.pointer(ctypes.c_int())",
    "_ctypes._CData.__buffer__": "lambda made=ctypes.c_int(): memoryview(made)",
    "_ctypes._Pointer.__setitem__":
        "lambda made=ctypes.pointer(ctypes.c_int()): made.__setitem__(0, 1)",
    "_ctypes._Pointer.contents": "lambda made=ctypes.pointer(ctypes.c_int()): made.contents",
    "_ctypes._SimpleCData.value": "lambda made=ctypes.c_int(): made.value",
    "_curses.window.": "things().window()",
    "_curses_panel.panel.": "things().panel()",
    "_interpreters.CrossInterpreterBufferView.__buffer__":
        "lambda *args: memoryview(shared_view())",
    "_lsprof.Profiler.": "_lsprof.Profiler()",
    "sqlite3.Connection.": "sqlite3.connect(':memory:')",
    "_ssl._SSLContext.": "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
    # Tcl alone, without Tk, needs no display.
    "_tkinter.tkapp.": "_tkinter.create(None, 'probe', 'Tk', False, 0, False, False, None)",
    "code": "types.CodeType",
    "code.": "compile('1', 'name', 'eval')",
    "code._co_code_adaptive": "lambda: function.__code__._co_code_adaptive",
    "ctypes.CData": "ctypes.c_int",
    "ctypes.Pointer": "ctypes.POINTER(ctypes.c_int)",
    "ctypes.CFuncPtr": "ctypes.CFUNCTYPE(None)",
    "ctypes.CFuncPtr.": "ctypes.CFUNCTYPE(None)(function)",
    "frame.f_lineno": "lambda value: setattr(frame, 'f_lineno', value)",
    "frame.f_trace": "lambda value: setattr(frame, 'f_trace', value)",
    "frame.f_trace_opcodes": "lambda value: setattr(frame, 'f_trace_opcodes', value)",
    "mmap.mmap.": "mmap.mmap(-1, 100)",
    "os._inputhook": "importlib.import_module('posix')._inputhook",
    "os.DirEntry.": "next(os.scandir('/'))",
    "select.epoll.": "select.epoll()",
    "select.poll.": "select.poll()",
    "socket.socket.": "socket.socket()",
}

# Rows whose function Python code does not call with arguments of its own: the test that shows
# them instead.
NOT_CALLED = {
    "PyRun_File": "test_embed.EmbedTest.test_scenarios",
    "PyRun_SimpleFile": "test_embed.EmbedTest.test_scenarios",
    # Every module of a usual binary is safe: the embedding program has one that is not.
    "_imp.create_builtin": "test_embed.EmbedTest.test_scenarios",
    # The text files that C code opens by name.
    "open": "test_output",
    # Stands in every function of os that takes a number for a path.
    "os.fd": "",
}

# Of other platforms, other builds or libraries that a build may do without: the weave alone looks
# after these. A name that ends in a dot stands for all that follows.
ELSEWHERE = """
    _ctypes. _ctypes.CopyComPointer _ctypes.FreeLibrary _ctypes.LoadLibrary
    _ctypes._dyld_shared_cache_contains_path _curses. _curses_panel. _dbm. _gdbm. _locale._getdefaultlocale
    _multiprocessing.closesocket _multiprocessing.recv _multiprocessing.send _overlapped.
    _scproxy. _sqlite3. _ssl. _tkinter. _uuid. _winapi. _wmi. ctypes. dbm.
    faulthandler._raise_exception io._WindowsConsoleIO mmap.mmap._protect msvcrt.
    os._add_dll_directory os._fcopyfile os._findfirstfile os._getdiskusage os._getfinalpathname
    os._getfullpathname os._getvolumepathname os._path_exists os._path_isdevdrive os._path_isdir
    os._path_isfile os._path_isjunction os._path_islink os._path_lexists os._remove_dll_directory
    os.chflags os.fork1 os.get_handle_inheritable os.lchflags os.lchmod os.listdrives
    os.listmounts os.listvolumes os.plock os.set_handle_inheritable os.spawnv os.spawnve
    os.startfile readline. select.devpoll select.devpoll. select.kqueue select.kqueue.
    socket.socket.ioctl socket.socket.share sqlite3. ssl. sys._enablelegacywindowsfsencoding
    sys._stats_clear sys._stats_dump sys._stats_off sys._stats_on sys.getandroidapilevel sys.getobjects sys.getwindowsversion
    sys.mdebug winreg. winsound.
""".split()


def words_of(right):
    """What a row's right is as a probe and the ledger write it, or None if arguments decide."""
    match = re.fullmatch(r"@(both|either)\((\w+),(\w+)\)", right)
    if match:
        words = [word.lower().replace("fs_", "fs.") for word in match.groups()[1:]]
        return ("&" if match[1] == "both" else "|").join(words)
    return None if right.startswith("@") else right


def listed(operation, table):
    """Whether a table has this name, or one that ends in a dot and begins it."""
    return any(operation == name or name.endswith(".") and operation.startswith(name)
               for name in table)


# Reaches each operation while it is open, then locks and calls each with more and more nonsense.
PROGRAM = """
    |import importlib, os, types
    |lock, order = json.loads(sys.argv[1])
    |try:
    |    from _curses import error as curses_error
    |except ImportError:
    |    curses_error = ImportError
    |for name in ("ctypes", "_lsprof", "_tkinter", "mmap", "select", "socket", "sqlite3", "ssl"):
    |    try:
    |        globals()[name] = importlib.import_module(name)
    |    except ImportError:
    |        pass
    |def function():
    |    pass
    |def subclass(name):
    |    return next(cls for cls in object.__subclasses__() if cls.__name__ == name)
    |def things():
    |    return importlib.import_module("test.test_lockdown.ledger.things")
    |frame = sys._getframe()
    |def shared_view():
    |    importlib.import_module("_interpreters")
    |    channels = importlib.import_module("_interpchannels")
    |    channel = channels.create(3)
    |    channels.send_buffer(channel, bytearray(1), blocking=False)
    |    return channels.recv(channel)[0].obj
    |def attribute(value, names):
    |    for name in names:
    |        value = getattr(value, name)
    |    return value
    |def reach(operation, reached):
    |    if operation in reached:
    |        return eval(reached[operation])
    |    words = operation.split(".")
    |    for split in range(len(words) - 1, 0, -1):
    |        owner = ".".join(words[:split])
    |        if owner + "." in reached:
    |            return attribute(eval(reached[owner + "."]), words[split:])
    |    for split in range(len(words) - 1, 0, -1):
    |        try:
    |            module = importlib.import_module(".".join(words[:split]))
    |        except ImportError:
    |            continue
    |        return attribute(module, words[split:])
    |    raise AttributeError(operation)
    |def written_in_python(call):
    |    return isinstance(call, types.FunctionType) and call.__module__ != "__main__"
    |class Nonsense:
    |    __slots__ = ()
    |calls = {}
    |for operation in order["operations"]:
    |    try:
    |        call = reach(operation, order["reached"])
    |        # A wrapper of the same name: the guard is in what it wraps.
    |        if written_in_python(call):
    |            owner, name = operation.split(".")
    |            call = getattr(importlib.import_module("_" + owner), name)
    |        calls[operation] = call
    |    except (AttributeError, ImportError, NameError, OSError, curses_error) as error:
    |        report(name=operation, absent=f"{type(error).__name__}: {error}")
    |if lock is not None:
    |    lockdownlib.lockdown(keep=lock)
    |for operation, call in calls.items():
    |    report(next=operation)
    |    for number in range(10):
    |        found = attempt(call, *[Nonsense() for _ in range(number)])
    |        if found[0] != "raised" or found[1] != "TypeError":
    |            break
    |    report(name=operation, found=found)
    |report(ended=True)
    """


@unittest.skipUnless(overlay() and os.path.exists(overlay()), "the guard tables are not here")
class RowTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.rows = rows()

    def call_all(self, operations, lock):
        """What came of each: ("absent", why) or how the call ended."""
        order = {"operations": operations, "reached": REACHED}
        outcome = fresh.scenario(PROGRAM, json.dumps([lock, order]), expect=None)
        if not outcome.facts.get("ended"):
            self.fail(f"the process ended at {outcome.facts.get('next')}: {outcome}")
        return {report["name"]: ["absent", report["absent"]] if "absent" in report
                else report["found"] for report in outcome.reports if "name" in report}

    def lacks(self, row):
        """The sets of rights whose refusal must refuse this row, or None if arguments decide."""
        words = words_of(row.right)
        if words is None:
            return None
        return [tuple(words.split("|"))] if "|" in words else \
            [(word,) for word in words.split("&")]

    def test_tables_were_read(self):
        files = {row.file for row in self.rows}
        self.assertGreater(len(self.rows), 400)
        self.assertGreater(len(files), 30)
        # Each function of the binary's table has a row.
        self.assertEqual(set(operations()) - {row.function for row in self.rows}, set())

    def test_each_row_refuses_for_its_right(self):
        groups = collections.defaultdict(list)
        for row in self.rows:
            if not listed(row.operation, NOT_CALLED):
                for lack in self.lacks(row) or ():
                    groups[lack].append(row)
        counts = fresh.Counts()
        absent, reached = {}, set()
        for lack, chosen in sorted(groups.items()):
            keep = [right for right in lockdownlib.RIGHTS if right not in lack]
            found = self.call_all(sorted({row.operation for row in chosen}), keep)
            for row in chosen:
                result = found[row.operation]
                if result[0] == "absent":
                    absent[row.operation] = result[1]
                    continue
                reached.add(row)
                with self.subTest(row.operation, row=f"{row.file}:{row.line}", lack=lack):
                    self.assertEqual(result[:2], ["refused", "LockdownPermissionError"])
                    self.assertIn(result[2], lack)
                    self.assertEqual(result[3], row.operation)
                    counts.add("refusals")
        type(self).absent = set(absent)
        counts.add("rows called", len(reached))
        counts.add("rows of other platforms", len(absent))
        counts.add("rows not called", len([row for row in self.rows
                                           if listed(row.operation, NOT_CALLED)]))
        counts.show("guard rows")
        if support.verbose:
            print("not here:", " ".join(sorted(absent)))
        unknown = {name: why for name, why in absent.items() if not listed(name, ELSEWHERE)}
        self.assertEqual(unknown, {}, "in no module here and not in ELSEWHERE")

    def test_rows_that_hang_on_arguments_have_a_probe(self):
        have = {name for probe in probes.PROBES for name in probe.operations}
        missing, here = [], 0
        for row in self.rows:
            if self.lacks(row) is not None or listed(row.operation, NOT_CALLED):
                continue
            if probes.resolve(row.operation) is None and listed(row.operation, ELSEWHERE):
                continue
            here += 1
            if row.operation not in have:
                missing.append(f"{row.file}:{row.line} {row.operation}")
        self.assertEqual(missing, [])
        if support.verbose:
            print(f"guard rows: {here} hang on arguments, each with a probe")


if __name__ == "__main__":
    unittest.main()
