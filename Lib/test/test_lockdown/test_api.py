"""lockdownlib as it is used: rights, status, errors."""

import builtins
import copy
import errno
import json
import pickle
import sys
import unittest
from test.test_lockdown import fresh

import lockdownlib

RIGHTS = ("fs.read", "fs.write", "fd", "proc", "net", "import", "env", "code", "inspect",
          "runtime", "ipc", "fs.special")


class ModuleTest(unittest.TestCase):
    """What can be seen without locking."""

    def test_rights(self):
        self.assertEqual(lockdownlib.RIGHTS, RIGHTS)
        self.assertIs(type(lockdownlib.RIGHTS), tuple)

    def test_builtin(self):
        # It must be there before any file can be read, and after.
        self.assertIn("lockdownlib", sys.builtin_module_names)
        self.assertIn("lockdownlib", sys.stdlib_module_names)

    def test_safe_modules(self):
        self.assertIs(type(lockdownlib.SAFE_MODULES), frozenset)
        for name in "builtins", "sys", "lockdownlib", "json", "re", "dataclasses", "datetime":
            self.assertIn(name, lockdownlib.SAFE_MODULES)
        self.assertNotIn("test.support", lockdownlib.SAFE_MODULES)

    def test_status_unlocked(self):
        status = lockdownlib.status()
        self.assertIs(status.locked, False)
        self.assertEqual(tuple(status.keep), RIGHTS)
        self.assertEqual(status.hidden, "")
        self.assertEqual(status.kernel, 0)
        self.assertRegex(status.upstream, r"^3\.13\.\d+")
        self.assertIn(".".join(map(str, sys.version_info[:3])), status.upstream)

    def test_status_is_a_named_tuple(self):
        status = lockdownlib.status()
        self.assertIsInstance(status, tuple)
        self.assertEqual(
            tuple(status), (status.locked, status.keep, status.hidden, status.kernel,
                            status.unsafe_modules, status.upstream))
        with self.assertRaises(AttributeError):
            status.locked = True

    def test_unsafe_modules_are_named(self):
        self.assertIn("test.support", lockdownlib.status().unsafe_modules)

    def test_classes(self):
        self.assertTrue(issubclass(lockdownlib.LockdownError, RuntimeError))
        self.assertTrue(issubclass(lockdownlib.LockdownPermissionError,
                                   (lockdownlib.LockdownError)))
        self.assertTrue(issubclass(lockdownlib.LockdownPermissionError, PermissionError))
        self.assertTrue(issubclass(lockdownlib.LockdownImportError, lockdownlib.LockdownError))
        self.assertTrue(issubclass(lockdownlib.LockdownImportError, ModuleNotFoundError))
        for cls in (lockdownlib.LockdownError, lockdownlib.LockdownPermissionError,
                    lockdownlib.LockdownImportError):
            self.assertEqual(cls.__module__, "lockdownlib")

    def test_signature(self):
        with self.assertRaises(TypeError):
            lockdownlib.lockdown(("fd",))
        with self.assertRaises(TypeError):
            lockdownlib.lockdown(rights=("fd",))
        self.assertFalse(lockdownlib.status().locked)

    def test_bad_input_changes_nothing(self):
        rows = [
            ("{'keep': ('nonsense',)}", "ValueError"),
            ("{'keep': ('fd', 'nonsense')}", "ValueError"),
            ("{'keep': ('',)}", "ValueError"),
            ("{'keep': ('FD',)}", "ValueError"),
            ("{'keep': ('fd ',)}", "ValueError"),
            ("{'keep': ('fd\\0',)}", "ValueError"),
            ("{'keep': ('fd\\0x',)}", "ValueError"),
            ("{'keep': ('fd,net',)}", "ValueError"),
            ("{'keep': ('\\udc80',)}", "ValueError"),
            ("{'keep': 'fd'}", "TypeError"),
            ("{'keep': b'fd'}", "TypeError"),
            ("{'keep': (b'fd',)}", "TypeError"),
            ("{'keep': (1,)}", "TypeError"),
            ("{'keep': 1}", "TypeError"),
            ("{'keep': None}", "TypeError"),
            ("{'keep': (1 / n for n in (0,))}", "ZeroDivisionError"),
            ("{'keep': ({}['fd'] for n in (0,))}", "KeyError"),
            ("{'kernel': 'nonsense'}", "ValueError"),
            ("{'kernel': ''}", "ValueError"),
            ("{'kernel': 'try\\0'}", "ValueError"),
            ("{'kernel': None}", "TypeError"),
            ("{'kernel': 1}", "TypeError"),
            ("{'kernel': b'off'}", "TypeError"),
            ("{'keep': ('nonsense',), 'kernel': 'nonsense'}", "ValueError"),
        ]
        facts = fresh.scenario("""
            |before = lockdownlib.status()
            |for text in json.loads(sys.argv[1]):
            |    found = attempt(lambda: lockdownlib.lockdown(**eval(text)))
            |    report(**{text: [found[1], lockdownlib.status() == before]})
            |    open("/dev/null").close()
            """, json.dumps([text for text, error in rows])).facts
        for text, error in rows:
            with self.subTest(text):
                raised, unchanged = facts[text]
                self.assertTrue(unchanged)
                # UnicodeEncodeError is a ValueError.
                self.assertTrue(issubclass(getattr(builtins, raised), getattr(builtins, error)))

    def test_unknown_right_is_named_with_the_known_ones(self):
        with self.assertRaisesRegex(ValueError, "nonsense") as caught:
            lockdownlib.lockdown(keep=("nonsense",))
        self.assertIn("RIGHTS", str(caught.exception))


class LockedTest(unittest.TestCase):

    def test_status_locked(self):
        facts = fresh.scenario("""
            |import lockdownlib as l
            |answer = l.lockdown()
            |status = l.status()
            |report(answer=answer, locked=status.locked, keep=list(status.keep),
            |       hidden=status.hidden, kernel=status.kernel)
            |l.lockdown(keep=())
            |report(then=list(l.status().keep))
            """).facts
        self.assertIs(facts["locked"], True)
        self.assertEqual(facts["keep"], ["fd"])
        self.assertEqual(facts["hidden"], "absolute")
        self.assertEqual(facts["kernel"], 0)
        self.assertEqual(facts["then"], [])

    def test_each_right_can_be_kept(self):
        source = """
            |keep = json.loads(sys.argv[1])
            |lockdownlib.lockdown(keep=keep)
            |report(keep=list(lockdownlib.status().keep))
            """
        for keep in [[right] for right in RIGHTS] + [list(RIGHTS), []]:
            with self.subTest(keep):
                self.assertEqual(fresh.scenario(source, json.dumps(keep)).facts["keep"],
                                 keep)

    def test_keep_is_any_iterable(self):
        for text in "['fd']", "{'fd'}", "iter(('fd', 'fd'))", "{'fd': 1}", "frozenset(['fd'])":
            with self.subTest(text):
                facts = fresh.scenario(f"""
                    |lockdownlib.lockdown(keep={text})
                    |report(keep=list(lockdownlib.status().keep))
                    """).facts
                self.assertEqual(facts["keep"], ["fd"])

    def test_order_of_keep_is_that_of_rights(self):
        facts = fresh.scenario("""
            |lockdownlib.lockdown(keep=("net", "fd", "fs.read"))
            |report(keep=list(lockdownlib.status().keep))
            """).facts
        self.assertEqual(facts["keep"], ["fs.read", "fd", "net"])

    def test_kernel_off(self):
        # test_ring.py has what "try" and "require" do.
        for arguments in "", "kernel='off'":
            facts = fresh.scenario(f"""
                |lockdownlib.lockdown({arguments})
                |report(level=lockdownlib.status().kernel)
                """).facts
            self.assertEqual(facts["level"], 0)

    def test_kernel_required_is_there_or_an_error(self):
        facts = fresh.scenario("""
            |try:
            |    lockdownlib.lockdown(kernel="require")
            |except lockdownlib.LockdownError as error:
            |    report(error=str(error))
            |status = lockdownlib.status()
            |report(locked=status.locked, kernel=status.kernel)
            """).facts
        if "error" in facts:
            self.assertEqual((facts["locked"], facts["kernel"]), (False, 0))
            self.assertIn("kernel", facts["error"])
        else:
            self.assertTrue(facts["locked"])
            self.assertGreater(facts["kernel"], 0)

    def test_status_fields_in_order(self):
        facts = fresh.scenario("""
            |lockdownlib.lockdown()
            |report(unsafe=list(lockdownlib.status().unsafe_modules),
            |       text=repr(lockdownlib.status()))
            """).facts
        self.assertEqual(facts["unsafe"], [])
        self.assertIn("locked=True", facts["text"])


class ErrorTest(unittest.TestCase):
    """The errors as a program meets them."""

    def facts(self, source):
        return fresh.scenario("""
            |import copy, errno, io, json, os, pickle, socket, traceback
            |lockdownlib.lockdown()
            |def catch(call):
            |    try:
            |        call()
            |    except lockdownlib.LockdownError as error:
            |        return error
            |permission = catch(lambda: os.listdir("/"))
            |imported = catch(lambda: __import__("no_such_module_anywhere"))
            |plain = catch(lambda: lockdownlib.lockdown(keep=("fd", "net")))
            """ + source).facts

    def test_text(self):
        facts = self.facts("""
            |report(permission=str(permission), imported=str(imported), plain=str(plain))
            """)
        self.assertRegex(facts["permission"],
                         r"^lockdown is enabled: os\.listdir needs the right 'fs\.read'")
        for text in facts.values():
            self.assertTrue(text.startswith("lockdown is enabled"), text)
            self.assertNotIn("Errno", text)
        # The way to allow it.
        self.assertIn("keep", facts["permission"])
        self.assertIn("no_such_module_anywhere", facts["imported"])

    def test_attributes(self):
        facts = self.facts("""
            |report(permission=[type(permission).__name__, permission.right, permission.operation,
            |                   permission.errno],
            |       imported=[type(imported).__name__, imported.right, imported.name],
            |       plain=[type(plain).__name__, plain.right, plain.operation])
            |report(strerror=permission.strerror, filename=permission.filename,
            |       path=imported.path)
            """)
        self.assertEqual(facts["permission"],
                         ["LockdownPermissionError", "fs.read", "os.listdir", errno.EPERM])
        self.assertEqual(facts["imported"],
                         ["LockdownImportError", "import", "no_such_module_anywhere"])
        self.assertEqual(facts["plain"], ["LockdownError", "net", "lockdownlib.lockdown"])
        self.assertIsNone(facts["filename"])
        self.assertIsNone(facts["path"])

    def test_first_right_that_is_asked_back_is_named(self):
        # The first in the order of RIGHTS, of those that are refused; and the text has them all.
        facts = fresh.scenario("""
            |lockdownlib.lockdown(keep=("fs.read", "net"))
            |for keep in ["ipc", "proc", "fs.read"], ["net", "fd"]:
            |    try:
            |        lockdownlib.lockdown(keep=keep)
            |    except lockdownlib.LockdownError as error:
            |        report(**{keep[0]: [error.right, error.operation, str(error)]})
            |try:
            |    lockdownlib.lockdown(kernel="require")
            |except lockdownlib.LockdownError as error:
            |    report(kernel=[error.right, error.operation])
            """).facts
        for keep, right, text in (("ipc", "proc", "('proc', 'ipc')"), ("net", "fd", "('fd',)")):
            with self.subTest(keep):
                self.assertEqual(facts[keep][:2], [right, "lockdownlib.lockdown"])
                self.assertIn(text, facts[keep][2])
        # No right would help here.
        self.assertEqual(facts.get("kernel", [None, None]), [None, None])

    def test_survive_pickle_and_copy(self):
        facts = self.facts("""
            |rows = []
            |for error in permission, imported, plain:
            |    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            |        rows.append((error, pickle.loads(pickle.dumps(error, protocol))))
            |    rows.append((error, copy.copy(error)))
            |    rows.append((error, copy.deepcopy(error)))
            |bad = []
            |for old, new in rows:
            |    for name in "right", "operation", "args", "errno", "strerror", "name":
            |        if getattr(old, name, None) != getattr(new, name, None):
            |            bad.append([name, repr(old), repr(getattr(new, name, None))])
            |    if type(old) is not type(new) or str(old) != str(new):
            |        bad.append([repr(old), repr(new)])
            |report(bad=bad, number=len(rows))
            """)
        self.assertEqual(facts["bad"], [])
        self.assertEqual(facts["number"], 3 * (pickle.HIGHEST_PROTOCOL + 3))

    def test_caught_by_the_classes_that_programs_name(self):
        facts = fresh.scenario("""
            |import os
            |lockdownlib.lockdown()
            |def caught(call, error):
            |    try:
            |        call()
            |    except error:
            |        return True
            |    except BaseException:
            |        return False
            |def listdir(): os.listdir("/")
            |def imports(): import no_such_module_anywhere
            |report(listdir=[caught(listdir, error) for error in
            |                (RuntimeError, OSError, PermissionError, Exception)],
            |       imports=[caught(imports, error) for error in
            |                (RuntimeError, ImportError, ModuleNotFoundError, Exception)],
            |       neither=[caught(listdir, ImportError), caught(imports, OSError),
            |                caught(listdir, FileNotFoundError)])
            """).facts
        self.assertEqual(facts["listdir"], [True] * 4)
        self.assertEqual(facts["imports"], [True] * 4)
        self.assertEqual(facts["neither"], [False] * 3)

    def test_predicates_answer_false(self):
        # They swallow OSError, so they say no, whatever is on the disk.
        facts = fresh.scenario("""
            |import os.path
            |before = [os.path.exists("/"), os.path.isdir("/"), os.path.lexists("/")]
            |lockdownlib.lockdown()
            |after = [os.path.exists("/"), os.path.isdir("/"), os.path.lexists("/")]
            |report(before=before, after=after, file=os.path.isfile(sys.executable),
            |       link=os.path.islink("/proc/self"), mount=os.path.ismount("/"))
            """).facts
        self.assertEqual(facts["before"], [True] * 3)
        self.assertEqual(facts["after"], [False] * 3)
        self.assertEqual([facts["file"], facts["link"], facts["mount"]], [False] * 3)

    def test_made_by_hand(self):
        # Anyone may make one: for tests, or to raise it from Python code.
        for cls in (lockdownlib.LockdownError, lockdownlib.LockdownPermissionError,
                    lockdownlib.LockdownImportError):
            for args in (), ("a",), ("a", "b"), ("a", "b", "c"):
                with self.subTest(cls=cls.__name__, args=args):
                    try:
                        error = cls(*args)
                    except TypeError:
                        continue
                    str(error), repr(error), error.right, error.operation
                    self.assertEqual(str(copy.copy(error)), str(error))
                    self.assertEqual(repr(pickle.loads(pickle.dumps(error))), repr(error))

    def test_subclass_and_new(self):
        class Mine(lockdownlib.LockdownPermissionError):
            pass
        self.assertIsInstance(str(Mine("a")), str)
        self.assertIsInstance(str(Mine.__new__(Mine)), str)
        bare = lockdownlib.LockdownError.__new__(lockdownlib.LockdownError)
        self.assertIsInstance(str(bare), str)
        bare = lockdownlib.LockdownImportError.__new__(lockdownlib.LockdownImportError)
        self.assertIsInstance(str(bare), str)

    def test_types_are_not_changed_by_a_guest(self):
        # A guest that could set LockdownError.right or __init__ would spoil the host's errors.
        for cls in (lockdownlib.LockdownError, lockdownlib.LockdownPermissionError,
                    lockdownlib.LockdownImportError):
            for name in "__init__", "__str__", "right", "anything":
                with self.subTest(cls=cls.__name__, name=name):
                    with self.assertRaises(TypeError):
                        setattr(cls, name, None)


if __name__ == "__main__":
    unittest.main()
