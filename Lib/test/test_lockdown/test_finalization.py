"""Guards hold to the very end: exit functions, finalizers, daemon threads, the last collections."""

import unittest
from test import support
from test.support import import_helper
from test.test_lockdown import fresh

# Tries two calls and tells how it went, with nothing but what was bound when it was made: at the
# end of the process modules and globals are gone.
TRY = """
    |import os, builtins
    |def make_try(listdir=os.listdir, opens=open, write=sys.stdout.write, flush=sys.stdout.flush):
    |    def tries(name):
    |        for call, path in (listdir, "/"), (opens, "/dev/null"):
    |            try:
    |                call(path)
    |            except RuntimeError as error:
    |                write(f"{name}: {error.right} {type(error).__name__}\\n")
    |            except BaseException as error:
    |                write(f"{name}: other error {type(error).__name__}\\n")
    |            else:
    |                write(f"{name}: done\\n")
    |        flush()
    |    return tries
    |tries = make_try()
    |class AtEnd:
    |    def __init__(self, name, tries=tries):
    |        self.name, self.tries = name, tries
    |    def __del__(self):
    |        self.tries(self.name)
    """


class EndTest(unittest.TestCase):

    PLACES = {
        "atexit": "import atexit; atexit.register(tries, 'atexit')",
        "global": "keep_alive = AtEnd('global')",
        "sys": "sys.keep_alive = AtEnd('sys')",
        "builtins": "builtins.keep_alive = AtEnd('builtins')",
        "cycle": "cycle = AtEnd('cycle'); cycle.itself = cycle",
        "sys.modules": "sys.modules['odd'] = AtEnd('sys.modules')",
        "thread state": "import threading; local = threading.local(); "
                        "local.value = AtEnd('thread state')",
        "type": "class Owner: value = AtEnd('type')",
        "lockdownlib": "lockdownlib.keep_alive = AtEnd('lockdownlib')",
        "weakref": "import weakref\nclass T: pass\nt = T(); f = weakref.finalize(t, tries, "
                   "'weakref')",
        "generator": "def g(t=tries):\n    try: yield\n    finally: t('generator')\n"
                     "running = g(); next(running)",
        "interned attribute": "function = lambda: 0; function.value = AtEnd('interned attribute')",
    }

    def test_places(self):
        refused = ["fs.read LockdownPermissionError"] * 2
        for name, source in self.PLACES.items():
            source = fresh.text(TRY) + "{lock}\n" + source
            with self.subTest(name):
                control = fresh.scenario(source.replace("{lock}", ""))
                self.assertEqual(self.of(control, name), ["done", "done"], control)
                locked = fresh.scenario(source.replace("{lock}",
                                                       "lockdownlib.lockdown(keep=())"))
                self.assertEqual(self.of(locked, name), refused, locked)
        if support.verbose:
            print(f"finalization: {len(self.PLACES)} places, {len(self.PLACES)} controls")

    def of(self, outcome, name):
        return [line.partition(": ")[2] for line in outcome.out.splitlines()
                if line.startswith(name + ": ")]

    def test_daemon_threads(self):
        # An exit function holds the end up until each has called several times during it.
        for lock, word in ("", "done"), ("lockdownlib.lockdown(keep=())", "refused"):
            outcome = fresh.scenario(f"""
                |import atexit, os, threading
                |{lock}
                |ending = threading.Event()
                |called = [threading.Semaphore(0) for _ in range(4)]
                |found = set()
                |def work(called, listdir=os.listdir):
                |    ending.wait()
                |    while True:
                |        found.add(attempt(listdir, "/")[0])
                |        called.release()
                |def hold():
                |    ending.set()
                |    for semaphore in called:
                |        for _ in range(5):
                |            semaphore.acquire()
                |    report(found=sorted(found))
                |for semaphore in called:
                |    threading.Thread(target=work, args=(semaphore,), daemon=True).start()
                |atexit.register(hold)
                """)
            self.assertEqual(outcome.facts, {"found": [word]})

    @unittest.skipIf(support.check_sanitizer(address=True),
                     "upstream's daemon threads look at what is freed, locked or not")
    def test_daemon_thread_while_the_main_one_locks_and_ends(self):
        # At once, or after a while of refusals during the end.
        for hold in "", "atexit.register(time.sleep, 0.1)":
            for _ in range(3):
                outcome = fresh.scenario(f"""
                    |import atexit, os, threading, time
                    |ready = threading.Event()
                    |def work(getpid=os.getpid):
                    |    while True:
                    |        try:
                    |            getpid()
                    |        except RuntimeError:
                    |            pass
                    |        ready.set()
                    |for _ in range(4):
                    |    threading.Thread(target=work, daemon=True).start()
                    |{hold}
                    |ready.wait()
                    |lockdownlib.lockdown(keep=())
                    """)
                # What ends a thread otherwise would be told there.
                self.assertEqual(outcome.err, "")

    def test_subinterpreter_that_ends(self):
        import_helper.import_module("_interpreters")
        for lock, found in ("", "done"), ("lockdownlib.lockdown()", "LockdownPermissionError"):
            outcome = fresh.scenario(f"""
                |import _interpreters
                |one = _interpreters.create()
                |_interpreters.exec(one, '''
                |import os, sys, lockdownlib
                |class AtEnd:
                |    def __init__(self, listdir=os.listdir, write=sys.stdout.write):
                |        self.listdir, self.write = listdir, write
                |    def __del__(self):
                |        try:
                |            self.listdir("/")
                |        except RuntimeError as error:
                |            self.write("inner: " + type(error).__name__ + chr(10))
                |        else:
                |            self.write("inner: done" + chr(10))
                |sys.keep_alive = AtEnd()
                |{lock}
                |''')
                |_interpreters.destroy(one)
                |import os
                |report(main=attempt(os.listdir, "/")[0])
                """)
            self.assertEqual(self.of(outcome, "inner"), [found])
            self.assertEqual(outcome.facts["main"], "done")

    def test_exit_codes_are_kept(self):
        for source, code in (("sys.exit(3)", 3), ("raise SystemExit", 0), ("1/0", 1),
                             ("sys.exit('text')", 1), ("raise KeyboardInterrupt", None)):
            with self.subTest(source):
                plain = fresh.run("-I", "-c", "import sys\n" + source, expect=None)
                locked = fresh.run("-I", "-X", "lockdown", "-c", "import sys\n" + source,
                                   expect=None)
                self.assertEqual(locked.returncode, plain.returncode)
                if code is not None:
                    self.assertEqual(locked.returncode, code)

    def test_error_types_outlive_the_module(self):
        # Errors that are held to the end can still be shown.
        outcome = fresh.scenario("""
            |import os
            |lockdownlib.lockdown(keep=())
            |try: os.listdir("/")
            |except OSError as caught: error = caught
            |class AtEnd:
            |    def __init__(self, error, write=sys.stdout.write, flush=sys.stdout.flush):
            |        self.error, self.write, self.flush = error, write, flush
            |    def __del__(self):
            |        self.write(f"{self.error} {self.error!r}\\n")
            |        self.flush()
            |sys.keep_alive = AtEnd(error)
            |print(f"{error} {error!r}")
            |del error, os
            |del sys.modules["lockdownlib"], lockdownlib
            """)
        lines = outcome.out.splitlines()
        self.assertTrue(lines[0].startswith("lockdown is enabled: os.listdir"), lines)
        self.assertEqual(lines, [lines[0]] * 2)

    def test_no_leak_at_the_end(self):
        # The types are made with the interpreter and must go with it.
        outcome = fresh.run("-I", "-X", "showrefcount", "-c", "pass")
        if "refs" not in outcome.err:
            self.skipTest("needs a debug build")
        locked = fresh.run("-I", "-X", "showrefcount", "-X", "lockdown", "-c", "pass")
        self.assertIn("[0 refs, 0 blocks]", locked.err)


if __name__ == "__main__":
    unittest.main()
