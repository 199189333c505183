"""Threads' numbers, which are addresses: what tells them after the lock, and what still works."""

import unittest
from test.test_lockdown import fresh

# Every thread that the scenarios start ends by this; the lock finds it waiting.
START = """
    |import threading, _thread, re
    |def told(value, numbers):
    |    text = repr(value)
    |    return any(str(n) in text or f"{n:x}" in text for n in numbers)
    """


def scenario(source, **kwargs):
    return fresh.scenario(fresh.text(START) + fresh.text(source), **kwargs).facts


class NumberTest(unittest.TestCase):

    def test_threads_are_the_same_before_and_after(self):
        for options in ("-I",), ("-I", "-X", "lockdown=later"):
            facts = scenario("""
                |go, ready = threading.Event(), threading.Event()
                |seen = {}
                |def work():
                |    ready.set()
                |    go.wait()
                |    seen["current"] = threading.current_thread()
                |    seen["ident"] = threading.get_ident()
                |thread = threading.Thread(target=work)
                |thread.start()
                |ended = threading.Thread(target=int)
                |ended.start(); ended.join()
                |main = threading.current_thread()
                |ready.wait()
                |old = [main.ident, thread.ident, ended.ident, threading.get_ident()]
                |lockdownlib.lockdown(keep=())
                |report(changed=not set(old) & {main.ident, thread.ident, ended.ident},
                |       main=threading.main_thread() is main is threading.current_thread(),
                |       same=main.ident == threading.get_ident() == _thread._get_main_thread_ident()
                |            == main._handle.ident,
                |       handle=thread._handle.ident == thread.ident,
                |       keys=sorted(threading._active) == sorted([main.ident, thread.ident]),
                |       told=[name for name, value in {
                |           "thread": thread, "main": main, "ended": ended, "active": threading._active,
                |           "handle": thread._handle, "dangling": list(threading._dangling)}.items()
                |           if told(value, old)])
                |number = thread.ident
                |go.set(); thread.join()
                |late = threading.Thread(target=lambda: seen.update(late=threading.get_ident()))
                |late.start(); late.join()
                |report(found=seen["current"] is thread, ident=seen["ident"] == number,
                |       gone=list(threading._active) == [main.ident],
                |       late=seen["late"] == late.ident, alive=main.is_alive(),
                |       count=threading.active_count())
                """, options=options)
            with self.subTest(options):
                self.assertEqual(facts.pop("told"), [])
                self.assertEqual(facts.pop("count"), 1)
                self.assertEqual(facts, dict.fromkeys(facts, True))

    def test_unlocked_the_number_is_told(self):
        # The control of `told`: the same texts have the number while nothing is locked.
        facts = scenario("""
            |main = threading.current_thread()
            |report(told=[told(value, [threading.get_ident()]) for value in
            |             (main, threading._active, main._handle)])
            """)
        self.assertEqual(facts["told"], [True, True, True])

    def test_locks_that_are_held_at_the_lock(self):
        facts = scenario("""
            |old = threading.get_ident()
            |lock = threading.RLock()
            |lock.acquire(); lock.acquire()
            |condition, waiting, done = threading.Condition(), threading.Event(), []
            |def wait():
            |    with condition:
            |        waiting.set()
            |        condition.wait()
            |        done.append(condition._is_owned())
            |    done.append(True)
            |thread = threading.Thread(target=wait)
            |thread.start()
            |waiting.wait()
            |with condition: pass        # it waits by now
            |saved = lock._release_save()
            |lockdownlib.lockdown(keep=())
            |lock._acquire_restore(saved)
            |owned = lock._is_owned()
            |owner = int(re.search("owner=([0-9]+)", repr(lock))[1])
            |state = lock._release_save()
            |lock._acquire_restore(state)
            |lock.release(); lock.release()
            |report(owned=owned, owner=owner == threading.get_ident() != old,
            |       state=state == (2, threading.get_ident()), free="owner=0 " in repr(lock))
            |with condition:
            |    condition.notify()
            |thread.join(60)
            |report(done=done == [True, True], ended=not thread.is_alive())
            """)
        self.assertEqual(facts, dict.fromkeys(facts, True))

    def test_handles(self):
        facts = scenario("""
            |lockdownlib.lockdown(keep=())
            |handle = _thread._make_thread_handle(threading.get_ident())
            |odd = _thread._make_thread_handle(12345)
            |handles = [threading._ThreadHandle(), threading.Thread()._handle]
            |report(ident=handle.ident == threading.get_ident(), odd=odd.ident == 12345,
            |       zero=[handle.ident for handle in handles] == [0, 0])
            """)
        self.assertEqual(facts, dict.fromkeys(facts, True))

    def test_dummy_threads(self):
        facts = scenario("""
            |go, ready, out = threading.Event(), threading.Event(), {}
            |def work():
            |    out["dummy"] = threading.current_thread()
            |    ready.set()
            |    go.wait()
            |    out["same"] = threading.current_thread() is out["dummy"]
            |    out["ident"] = out["dummy"].ident == threading.get_ident()
            |    ended.release()
            |ended = _thread.allocate_lock()
            |ended.acquire()
            |number = _thread.start_new_thread(work, ())
            |ready.wait()
            |lockdownlib.lockdown(keep=())
            |hidden = out["dummy"].ident != number and number not in threading._active
            |go.set()
            |ended.acquire()
            |del out["dummy"]
            |import time
            |for _ in range(2000):
            |    if len(threading._active) == 1: break
            |    time.sleep(0.01)
            |report(hidden=hidden, gone=len(threading._active) == 1, **out)
            """)
        self.assertEqual(facts, dict.fromkeys(facts, True))

    def test_kill_and_frames(self):
        facts = scenario("""
            |import signal, ctypes
            |got = []
            |signal.signal(signal.SIGUSR1, lambda *args: got.append(1))
            |go = threading.Event()
            |thread = threading.Thread(target=go.wait)
            |thread.start()
            |lockdownlib.lockdown(keep=("proc", "inspect", "code"))
            |signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
            |signal.pthread_kill(thread.ident, signal.SIGUSR1)
            |report(got=len(got) >= 1,
            |       frames=sorted(sys._current_frames()) == sorted(threading._active),
            |       exceptions=sorted(sys._current_exceptions()) == sorted(threading._active))
            |go.set(); thread.join()
            |class Stop(BaseException): pass
            |def spin():
            |    try:
            |        while True: threading.Event().wait(0.01)
            |    except Stop:
            |        got.append("stopped")
            |thread = threading.Thread(target=spin)
            |thread.start()
            |number = ctypes.pythonapi.PyThreadState_SetAsyncExc(
            |    ctypes.c_ulong(thread.ident), ctypes.py_object(Stop))
            |thread.join(60)
            |report(number=number == 1, stopped=got[-1] == "stopped")
            """)
        self.assertEqual(facts, dict.fromkeys(facts, True))

    def test_what_else_keeps_a_number(self):
        facts = scenario("""
            |import asyncio, logging, logging.handlers, sqlite3, ctypes, importlib
            |old = threading.get_ident()
            |memory = logging.handlers.MemoryHandler(100)
            |log = logging.getLogger("x"); log.addHandler(memory); log.warning("early")
            |early = memory.buffer[0]
            |connection = sqlite3.connect(":memory:")
            |pointer = ctypes.POINTER("Name")
            |numbers = [old, id(pointer)]
            |async def main():
            |    loop = asyncio.get_running_loop()
            |    loop.set_debug(True)
            |    # With env, nothing is cleared.
            |    lockdownlib.lockdown(keep=("fd", "env"))
            |    loop.call_soon(int)
            |    return loop._thread_id == threading.get_ident()
            |loop_right = asyncio.run(main())
            |log.warning("late")
            |texts = []
            |def other():
            |    try: connection.execute("select 1")
            |    except sqlite3.ProgrammingError as error: texts.append(str(error))
            |thread = threading.Thread(target=other); thread.start(); thread.join()
            |cache = ctypes._pointer_type_cache
            |report(loop=loop_right, early=early.thread == threading.get_ident(),
            |       late=memory.buffer[-1].thread == threading.get_ident(),
            |       error=str(threading.get_ident()) in texts[0] and not told(texts, numbers),
            |       cache=id(pointer) in cache and not told(list(cache), numbers))
            """)
        self.assertEqual(facts, dict.fromkeys(facts, True))

    def test_functions_of_c(self):
        """The numbers that _ctypes has are true as long as they may be called, and are shown once:
        who could have numbers of its own shown would find out which one is its address."""
        facts = scenario("""
            |import _ctypes
            |names = [name for name in vars(_ctypes) if name.endswith("_addr")]
            |def numbers(): return [getattr(_ctypes, name) for name in names]
            |old = numbers()
            |lockdownlib.lockdown(keep=("code",))
            |kept = numbers() == old
            |lockdownlib.lockdown(keep=())
            |changed = not set(numbers()) & set(old)
            |for name in names: setattr(_ctypes, name, 0x7f0012345670)
            |lockdownlib.lockdown(keep=())
            |report(five=len(names) == 5, kept=kept, changed=changed,
            |       once=set(numbers()) == {0x7f0012345670})
            """)
        self.assertEqual(facts, dict.fromkeys(facts, True))

    def test_numbers_are_changed_once(self):
        """A guest that locks again, here or in an interpreter of its own, learns no number's cipher."""
        facts = scenario("""
            |import _interpreters
            |lockdownlib.lockdown(keep=())
            |guess = 0x7f0012345670
            |plant = (f"import threading, lockdownlib; threading._active[{guess}] = 5;"
            |         f"lockdownlib.lockdown(keep=()); same = {guess} in threading._active")
            |space = {}
            |exec(plant, space)
            |thread = threading.Thread()
            |thread._ident = guess
            |threading._dangling.add(thread)
            |lockdownlib.lockdown(keep=())
            |inner = _interpreters.create("isolated")
            |report(here=space["same"], thread=thread._ident == guess,
            |       there=_interpreters.exec(inner, plant + "; assert same") is None)
            |del threading._active[guess]
            """)
        self.assertEqual(facts, dict.fromkeys(facts, True))

    def test_only_an_own_table_is_renumbered(self):
        facts = scenario("""
            |def raised(call):
            |    try: call()
            |    except lockdownlib.LockdownError as error: return error
            |threading._active = type("Other", (dict,), {})(threading._active)
            |before = threading.get_ident()
            |report(text=str(raised(lockdownlib.lockdown)),
            |       same=before == threading.get_ident(), locked=lockdownlib.status().locked)
            """)
        self.assertIn("threading._active", facts["text"])
        self.assertTrue(facts["same"])
        self.assertFalse(facts["locked"])


class ImportTest(fresh.FolderTest):

    def test_lock_while_modules_are_imported(self):
        # One module locks in its body, and another thread waits for that import to end.
        self.write("locker.py", "import sys, lockdownlib\nsys.start_other()\n"
                                "lockdownlib.lockdown(keep=())\ndone = True\n")
        facts = fresh.scenario("""
            |import os, sys, threading, time
            |folder = sys.argv[1]
            |sys.path.insert(0, folder)
            |sys.path_importer_cache.clear()
            |waits, out = threading.Event(), []
            |def other():
            |    waits.set()
            |    import locker
            |    out.append(locker.done)
            |thread = threading.Thread(target=other)
            |sys.start_other = lambda: (thread.start(), waits.wait(), time.sleep(0.2))
            |import locker
            |thread.join(60)
            |bootstrap = sys.modules["_frozen_importlib"]
            |report(main=locker.done, other=out == [True], owners=[
            |    lock().owner for lock in bootstrap._module_locks.values() if lock()])
            """, self.folder).facts
        self.assertTrue(facts["main"])
        self.assertTrue(facts["other"])
        self.assertEqual([owner for owner in facts["owners"] if owner is not None], [])


if __name__ == "__main__":
    unittest.main()
