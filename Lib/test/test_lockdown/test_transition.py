"""The step itself: from every place it can be taken, it is taken whole or not at all."""

import os
import unittest
from test.support import import_helper
from test.test_lockdown import fresh

# Whether the process is open or locked, judged by several rights at once: never a mix.
STATE = """
    |import os
    |def state():
    |    found = [attempt(call, *args)[0] for call, args in (
    |        (os.listdir, ("/",)), (os.getpid, ()), (open, ("/dev/null",)),
    |        (os.umask, (0o22,)), (os.getcwd, ()))]
    |    kinds = set(found)
    |    report_locked = lockdownlib.status().locked
    |    if kinds == {"refused"} and report_locked:
    |        return "locked"
    |    if kinds == {"done"} and not report_locked:
    |        return "open"
    |    return f"half locked: {found} {report_locked}"
    """


def scenario(source, *args, **kwargs):
    return fresh.scenario(fresh.text(STATE) + fresh.text(source), *args, **kwargs)


class CallTest(unittest.TestCase):

    def test_control(self):
        self.assertEqual(scenario("report(state=state())").facts, {"state": "open"})

    def test_bad_input_changes_nothing(self):
        facts = scenario("""
            |class Odd(str):
            |    def __eq__(self, other): raise ZeroDivisionError
            |    __hash__ = None
            |class Endless:
            |    def __iter__(self): return self
            |    def __next__(self): raise MemoryError
            |rows = [("nonsense",), ("fd", "nonsense"), (None,), 5, None, "fd", b"fd", Endless()]
            |report(errors=[attempt(lockdownlib.lockdown, keep=row)[:2] for row in rows],
            |       state=state())
            |report(odd=attempt(lockdownlib.lockdown, keep=(Odd("fd"),)), then=state())
            """).facts
        self.assertEqual([error[1] for error in facts["errors"]],
                         ["ValueError", "ValueError", "TypeError", "TypeError", "TypeError",
                          "TypeError", "TypeError", "MemoryError"])
        self.assertEqual(facts["state"], "open")
        # A subclass of str is a word by its letters, whatever its methods say.
        self.assertEqual(facts["then"], "locked")

    def test_twice(self):
        facts = scenario("""
            |lockdownlib.lockdown()
            |lockdownlib.lockdown()
            |report(first=list(lockdownlib.status().keep))
            |lockdownlib.lockdown(keep=())
            |lockdownlib.lockdown(keep=())
            |lockdownlib.lockdown()
            |report(second=list(lockdownlib.status().keep), state=state())
            """).facts
        self.assertEqual(facts, {"first": ["fd"], "second": [], "state": "locked"})

    def test_a_right_is_not_given_back(self):
        facts = scenario("""
            |lockdownlib.lockdown(keep=("net",))
            |report(fd=attempt(lockdownlib.lockdown, keep=("fd",)),
            |       all=attempt(lockdownlib.lockdown, keep=lockdownlib.RIGHTS))
            |report(keep=list(lockdownlib.status().keep), state=state())
            |lockdownlib.lockdown(keep=())
            |report(net=attempt(lockdownlib.lockdown, keep=("net",)), then=state())
            """).facts
        for name in "fd", "all", "net":
            self.assertEqual(facts[name][:2], ["refused", "LockdownError"])
        self.assertEqual(facts["keep"], ["net"])
        self.assertEqual((facts["state"], facts["then"]), ("locked", "locked"))

    def test_keep_that_locks_while_it_is_read(self):
        # The inner call took away what the outer one wants to keep: the outer one must not win.
        facts = scenario("""
            |def keep():
            |    yield "fd"
            |    lockdownlib.lockdown(keep=())
            |    yield "net"
            |report(outer=attempt(lockdownlib.lockdown, keep=keep()),
            |       keep=list(lockdownlib.status().keep), state=state())
            """).facts
        self.assertEqual(facts["outer"][:2], ["refused", "LockdownError"])
        self.assertEqual(facts["keep"], [])
        self.assertEqual(facts["state"], "locked")

    def test_audit_hook(self):
        # It sees the request, and its veto leaves all as it was.
        facts = scenario("""
            |events = []
            |veto = True
            |def hook(event, args):
            |    if event.startswith("lockdown"):
            |        events.append(event)
            |        if veto:
            |            raise ZeroDivisionError("veto")
            |sys.addaudithook(hook)
            |report(vetoed=attempt(lockdownlib.lockdown), then=state())
            |veto = False
            |lockdownlib.lockdown()
            |report(events=len(events), state=state())
            """).facts
        self.assertEqual(facts["vetoed"][:2], ["raised", "ZeroDivisionError"])
        self.assertEqual(facts["then"], "open")
        self.assertEqual(facts["events"], 2)
        self.assertEqual(facts["state"], "locked")

    def test_audit_hook_that_locks(self):
        facts = scenario("""
            |def hook(event, args):
            |    global busy
            |    if event.startswith("lockdown") and not busy:
            |        busy = True
            |        lockdownlib.lockdown(keep=())
            |busy = False
            |sys.addaudithook(hook)
            |report(outer=attempt(lockdownlib.lockdown, keep=("fd",)),
            |       keep=list(lockdownlib.status().keep), state=state())
            """).facts
        self.assertEqual(facts["outer"][:2], ["refused", "LockdownError"])
        self.assertEqual(facts["keep"], [])

    def test_memory_runs_out(self):
        # At each allocation in turn: an error and nothing changed, or locked and no error.
        testcapi = import_helper.import_module("_testcapi")
        if not hasattr(testcapi, "set_nomemory"):
            self.skipTest("needs _testcapi.set_nomemory")
        facts = scenario("""
            |import _testcapi
            |lockdown, status = lockdownlib.lockdown, lockdownlib.status
            |keep = ("fd",)
            |failures = 0
            |for number in range(1, 400):
            |    raised = True
            |    _testcapi.set_nomemory(number, number + 1)
            |    try:
            |        lockdown(keep=keep)
            |        raised = False
            |    except MemoryError:
            |        pass
            |    finally:
            |        try:
            |            _testcapi.remove_mem_hooks()
            |        except (MemoryError, lockdownlib.LockdownError):
            |            pass            # locked: the allocation that is to fail may be one of these
            |    for later in range(number if status().locked else 0):
            |        try:
            |            bytearray(100)
            |        except MemoryError:
            |            break
            |    if not raised:
            |        break
            |    failures += 1
            |    if status().locked:
            |        report(locked_with_error=number)
            |report(failures=failures, raised=raised, state=state())
            """).facts
        self.assertNotIn("locked_with_error", facts)
        self.assertFalse(facts["raised"])
        self.assertEqual(facts["state"], "locked")


class PlaceTest(fresh.FolderTest):
    """Where the call is made from."""

    def test_thread(self):
        facts = scenario("""
            |import threading
            |thread = threading.Thread(target=lockdownlib.lockdown)
            |thread.start()
            |thread.join()
            |report(state=state())
            """).facts
        self.assertEqual(facts["state"], "locked")

    def test_other_threads_are_locked(self):
        facts = scenario("""
            |import threading
            |begin, end = threading.Barrier(5), threading.Barrier(5)
            |found = []
            |def work():
            |    found.append(state())
            |    begin.wait()
            |    end.wait()
            |    found.append(state())
            |threads = [threading.Thread(target=work) for _ in range(4)]
            |for thread in threads:
            |    thread.start()
            |begin.wait()
            |lockdownlib.lockdown()
            |end.wait()
            |for thread in threads:
            |    thread.join()
            |report(found=sorted(found))
            """).facts
        self.assertEqual(facts["found"], ["locked"] * 4 + ["open"] * 4)

    def test_threads_that_run_through_the_step(self):
        # Busy threads see a right allowed, then refused, and never allowed again.
        facts = scenario("""
            |import threading
            |sys.setswitchinterval(1e-5)
            |started = threading.Semaphore(0)
            |bad = []
            |def work(call):
            |    refused = 0
            |    for number in range(1_000_000):
            |        try:
            |            call()
            |        except lockdownlib.LockdownError:
            |            refused += 1
            |            if refused == 1000:
            |                return
            |        else:
            |            if refused:
            |                bad.append(call.__name__)
            |        if number == 10:
            |            started.release()
            |calls = [os.getpid, os.getcwd, os.getuid, os.uname]
            |threads = [threading.Thread(target=work, args=(call,)) for call in calls]
            |for thread in threads:
            |    thread.start()
            |for thread in threads:
            |    started.acquire()
            |lockdownlib.lockdown()
            |for thread in threads:
            |    thread.join()
            |report(bad=bad, state=state())
            """).facts
        self.assertEqual(facts, {"bad": [], "state": "locked"})

    def test_threads_that_race_to_lock(self):
        facts = scenario("""
            |import threading
            |sys.setswitchinterval(1e-6)
            |rights = lockdownlib.RIGHTS
            |barrier = threading.Barrier(len(rights))
            |errors = []
            |def work(right):
            |    barrier.wait()
            |    try:
            |        lockdownlib.lockdown(keep=[word for word in rights if word != right])
            |    except lockdownlib.LockdownError:
            |        errors.append(right)
            |threads = [threading.Thread(target=work, args=(right,)) for right in rights]
            |for thread in threads:
            |    thread.start()
            |for thread in threads:
            |    thread.join()
            |keep = lockdownlib.status().keep
            |report(kept=len(keep), errors=len(errors), wrong=[w for w in errors if w not in keep],
            |       rights=len(rights))
            """).facts
        # Each call either took its right away, or came too late to keep the others and failed.
        self.assertEqual(facts["kept"], facts["errors"])
        self.assertEqual(facts["wrong"], [])
        self.assertLess(facts["kept"], facts["rights"])

    def test_during_import(self):
        self.write("locks.py",
                   "before = 1\nimport lockdownlib\nlockdownlib.lockdown()\nafter = 2\n"
                   "import json\n"
                   "try:\n    import not_there_at_all\nexcept ImportError as error:\n"
                   "    caught = type(error).__name__\n")
        facts = scenario("""
            |sys.path.insert(0, sys.argv[1])
            |sys.dont_write_bytecode = False
            |import locks
            |report(state=state(), values=[locks.before, locks.after, locks.caught])
            """, self.folder).facts
        self.assertEqual(facts["state"], "locked")
        self.assertEqual(facts["values"], [1, 2, "LockdownImportError"])

    def test_during_import_in_a_thread_that_others_wait_for(self):
        self.write("locks.py", "import lockdownlib\nentered.set()\ngo.wait()\n"
                   "lockdownlib.lockdown()\ndone = True\n")
        facts = scenario("""
            |import builtins, threading
            |builtins.entered, builtins.go = threading.Event(), threading.Event()
            |sys.path.insert(0, sys.argv[1])
            |found = []
            |def work():
            |    import locks
            |    found.append(locks.done)
            |threads = [threading.Thread(target=work) for _ in range(3)]
            |for thread in threads:
            |    thread.start()
            |entered.wait()
            |go.set()
            |for thread in threads:
            |    thread.join()
            |report(found=found, state=state())
            """, self.folder).facts
        self.assertEqual(facts, {"found": [True] * 3, "state": "locked"})

    def test_in_a_finalizer(self):
        facts = scenario("""
            |class Locks:
            |    def __del__(self):
            |        lockdownlib.lockdown()
            |Locks()
            |report(state=state())
            """).facts
        self.assertEqual(facts["state"], "locked")

    def test_in_a_finalizer_of_the_collector(self):
        facts = scenario("""
            |import gc
            |class Locks:
            |    def __del__(self):
            |        lockdownlib.lockdown()
            |cycle = Locks()
            |cycle.itself = cycle
            |del cycle
            |gc.collect()
            |report(state=state())
            """).facts
        self.assertEqual(facts["state"], "locked")

    def test_in_a_weakref_callback_and_a_trace_function(self):
        facts = scenario("""
            |import weakref
            |class Thing: pass
            |thing = Thing()
            |reference = weakref.ref(thing, lambda ref: lockdownlib.lockdown(keep=("inspect",)))
            |del thing
            |first = state()
            |def trace(frame, event, arg):
            |    sys.settrace(None)
            |    lockdownlib.lockdown(keep=())
            |def called(): pass
            |sys.settrace(trace)
            |called()
            |report(first=first, state=state(), trace=attempt(sys.settrace, trace))
            """).facts
        self.assertEqual(facts["first"], "locked")
        self.assertEqual(facts["state"], "locked")
        self.assertEqual(facts["trace"][0], "refused")

    def test_at_exit(self):
        outcome = scenario("""
            |import atexit
            |class AtEnd:
            |    def __del__(self, call=os.listdir, write=sys.stdout.write, flush=sys.stdout.flush):
            |        try: call("/")
            |        except RuntimeError: write('@{"at_end": "locked"}')
            |        else: write('@{"at_end": "open"}')
            |        flush()
            |def locks():
            |    lockdownlib.lockdown()
            |    report(at_exit=state())
            |atexit.register(locks)
            |keep_alive = AtEnd()
            |report(before=state())
            """)
        self.assertEqual(outcome.facts,
                         {"before": "open", "at_exit": "locked", "at_end": "locked"})

    def test_in_a_finalizer_at_the_end(self):
        outcome = scenario("""
            |class AtEnd:
            |    def __init__(self, lock=lockdownlib.lockdown, status=lockdownlib.status,
            |                 write=sys.stdout.write, flush=sys.stdout.flush):
            |        self.lock, self.status, self.write, self.flush = lock, status, write, flush
            |    def __del__(self):
            |        self.lock(keep=())
            |        self.write(f"at the end {self.status().locked}")
            |        self.flush()
            |sys.keep_alive = AtEnd()
            """)
        self.assertIn("at the end True", outcome.out)

    def test_in_a_signal_handler(self):
        facts = scenario("""
            |import signal
            |def handler(*args):
            |    lockdownlib.lockdown()
            |signal.signal(signal.SIGUSR1, handler)
            |signal.raise_signal(signal.SIGUSR1)
            |report(state=state())
            """).facts
        self.assertEqual(facts["state"], "locked")

    def test_in_a_generator_a_coroutine_and_deep_down(self):
        for source in (
                "def g():\n    lockdownlib.lockdown()\n    yield\nnext(g())",
                "async def c():\n    lockdownlib.lockdown()\ntry: c().send(None)\n"
                "except StopIteration: pass",
                "def deep():\n    try: deep()\n    except RecursionError:\n"
                "        try: lockdownlib.lockdown()\n        except RecursionError: pass\n"
                "deep()",
                "list(map(lambda _: lockdownlib.lockdown(), [1]))",
                "exec('lockdownlib.lockdown()')",
                "class M(type):\n    def __new__(*a): lockdownlib.lockdown(); return 1\n"
                "class C(metaclass=M): pass",
                "sorted([2, 1], key=lambda x: lockdownlib.lockdown() or x)"):
            with self.subTest(source):
                facts = scenario(fresh.text(source) + "report(state=state())").facts
                self.assertEqual(facts["state"], "locked")

    @unittest.skipUnless(hasattr(os, "fork"), "no fork")
    def test_forked_child(self):
        # The child is locked and the parent is not; and a child of a locked parent is locked.
        facts = scenario("""
            |pid = os.fork()
            |if pid == 0:
            |    lockdownlib.lockdown(keep=("proc",))
            |    report(child=list(lockdownlib.status().keep), listed=attempt(os.listdir, "/")[0])
            |    os._exit(0)
            |os.waitpid(pid, 0)
            |report(parent=state())
            |lockdownlib.lockdown(keep=("proc",))
            |pid = os.fork()
            |if pid == 0:
            |    report(second=attempt(os.listdir, "/")[0], keep=list(lockdownlib.status().keep))
            |    os._exit(0)
            |os.waitpid(pid, 0)
            """).facts
        self.assertEqual(facts["child"], ["proc"])
        self.assertEqual(facts["listed"], "refused")
        self.assertEqual(facts["parent"], "open")
        self.assertEqual(facts["second"], "refused")
        self.assertEqual(facts["keep"], ["proc"])


if __name__ == "__main__":
    unittest.main()
