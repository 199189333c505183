"""The step where modules were taken apart before it."""

import os
import unittest
from test import support
from test.test_lockdown import fresh


class HostileSurroundingsTest(unittest.TestCase):
    """Whatever was done to the modules before: locked, or an error and nothing changed."""

    TRICKS = {
        "os removed": "del sys.modules['os']",
        "posix removed": "sys.modules.pop('posix', None)",
        "every module removed": "kept = dict(sys.modules); sys.modules.clear()",
        "lockdownlib removed": "sys.modules.pop('lockdownlib', None)",
        "os replaced by None": "sys.modules['os'] = None",
        "os replaced by a number": "sys.modules['os'] = 5",
        "names that are no text": "sys.modules[5] = 5; sys.modules[None] = None",
        "a module that raises on everything":
            "class Raises:\n"
            "    def __getattribute__(self, name): raise ZeroDivisionError\n"
            "    def __setattr__(self, name, value): raise ZeroDivisionError\n"
            "    __delattr__ = __getattribute__\n"
            "    def __bool__(self): raise ZeroDivisionError\n"
            "    def __eq__(self, other): raise ZeroDivisionError\n"
            "for name in 'os', 'posix', 'threading', 'warnings', 'io', 'linecache', 'raises':\n"
            "    sys.modules[name] = Raises()",
        "a module that ends the process":
            "class Ends:\n"
            "    def __getattribute__(self, name): raise SystemExit(3)\n"
            "sys.modules['ends'] = Ends()\nsys.modules['threading'] = Ends()",
        "a module whose attributes cannot be set":
            "import types\n"
            "class Stone(types.ModuleType):\n"
            "    def __setattr__(self, name, value): raise AttributeError\n"
            "    def __delattr__(self, name): raise AttributeError\n"
            "for module in list(sys.modules.values()):\n"
            "    try: module.__class__ = Stone\n"
            "    except Exception: pass\n"
            "sys.modules['stone'] = Stone('stone')",
        "modules whose dict is odd":
            "import types\n"
            "for name in 'a', 'b':\n"
            "    m = sys.modules[name] = types.ModuleType(name)\n"
            "    m.__spec__ = 5; m.__loader__ = sys; m.__path__ = m; m.__file__ = object()\n"
            "m.__dict__.clear()",
        "sys.modules is another dict": "sys.modules = dict(sys.modules)",
        "sys.modules is no dict": "sys.modules = 5",
        "sys.modules is gone": "del sys.modules",
        "sys.modules is a hostile dict":
            "class Hostile(dict):\n"
            "    def __iter__(self): raise ZeroDivisionError\n"
            "    keys = values = items = get = __getitem__ = __contains__ = __len__ = __iter__\n"
            "sys.modules = Hostile(sys.modules)",
        "os.environ is no mapping": "os.environ = 5",
        "os.environ is hostile":
            "class Hostile(dict):\n"
            "    def clear(self): raise ZeroDivisionError\n"
            "    __iter__ = keys = items = __len__ = __delitem__ = pop = clear\n"
            "os.environ = Hostile(os.environ)",
        "os.environ holds odd things":
            "class Odd:\n"
            "    def __hash__(self): return 7\n"
            "    def __eq__(self, other): raise ZeroDivisionError\n"
            "    def __del__(self): lockdownlib.lockdown(keep=())\n"
            "os.environ._data[Odd()] = Odd()\nos.environ._data[5] = os.environ",
        "no hooks, no streams":
            "sys.excepthook = sys.unraisablehook = sys.displayhook = None\n"
            "sys.stderr = None",
        "builtins are changed":
            "import builtins\n"
            "for name in 'isinstance', 'getattr', 'setattr', 'len', 'dict', 'str', 'OSError':\n"
            "    builtins.__dict__[name] = None",
        "the errors' names are changed":
            "lockdownlib.LockdownPermissionError = lockdownlib.LockdownError = KeyError",
        "the module's functions are gone":
            "lockdown = lockdownlib.lockdown\n"
            "for name in list(vars(lockdownlib)):\n"
            "    if name not in ('lockdown', 'status', 'LockdownError'):\n"
            "        delattr(lockdownlib, name)",
        "warnings are errors": "import warnings; warnings.simplefilter('error')",
        "import is replaced":
            "import builtins\n"
            "def hostile(*args, **kwargs): raise ZeroDivisionError\n"
            "builtins.__import__ = hostile",
        "the finders are gone": "sys.meta_path.clear(); sys.path_hooks.clear(); sys.path = None",
        "meta_path is hostile": "sys.meta_path = 5",
        "the collector is off": "import gc; gc.disable(); gc.freeze()",
        "an exception is being handled": "try: 1/0\nexcept Exception: lockdownlib.lockdown()",
        "little recursion is left": "sys.setrecursionlimit(60)",
    }

    # Where a module that is to be scrubbed is none, the lock fails whole and names it.
    FAILS = {
        "a module that raises on everything": "linecache.cache",
        "a module that ends the process": "threading._main_thread._native_id",
    }

    PROBE = """
        |listdir, getpid, opens, status = os.listdir, os.getpid, open, lockdownlib.status
        |lock, write, error = lockdownlib.lockdown, sys.stdout.write, lockdownlib.LockdownError
        |environ = os.environ._data
        |exec(sys.argv[1])
        |raised = None
        |try:
        |    lock()
        |except BaseException as caught:
        |    raised = caught
        |refused = 0
        |for call, args in (listdir, ("/",)), (getpid, ()), (opens, ("/dev/null",)):
        |    try:
        |        call(*args)
        |    except RuntimeError:
        |        refused += 1
        |write(f"\\nraised={raised!r} refused={refused} environ={environ == {}}\\n")
        """

    def test_tricks(self):
        for name, source in self.TRICKS.items():
            with self.subTest(name):
                outcome = fresh.scenario("import os\n" + fresh.text(self.PROBE), source,
                                         expect=None)
                self.assertFalse(fresh.died(outcome), outcome)
                expected = "raised=None refused=3 environ=True"
                if name in self.FAILS:
                    self.assertIn(f"raised=LockdownError('{self.FAILS[name]} ", outcome.out)
                    expected = "refused=0 environ=False"
                self.assertIn(expected, outcome.out, outcome.err)
        if support.verbose:
            print(f"transition: {len(self.TRICKS)} tricks played before the lock")


if __name__ == "__main__":
    unittest.main()
