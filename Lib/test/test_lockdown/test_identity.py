"""Who the process is: what locked code can still read of its number, its user and its host.

All that it can ask is refused or hidden; what it was told before is looked for in the places where
the library keeps it. Unlocked, the same program must find it.
"""

import os
import re
import unittest
from test.test_lockdown import fresh

USER = "zq7user"

# The program tells the number of its process before anything else, for the parent to compare.
PROGRAM = """
    |import json, logging, logging.handlers, multiprocessing.heap, multiprocessing.util, os, sys
    |import socket, subprocess, tempfile, threading, time, _thread
    |import lockdownlib
    |def tell(name, call):
    |    try:
    |        value = call()
    |        text = f"{value!r} {value!s}"
    |    except Exception as error:
    |        text = f"{error!r} {error!s}"
    |    sys.stdout.write("\\n@" + json.dumps({name: text}) + "\\n")
    |tell("pid", os.getpid)
    |handler = logging.handlers.MemoryHandler(10)
    |logging.getLogger().addHandler(handler)
    |logging.warning("told")
    |names = tempfile._RandomNameSequence()
    |next(names)
    |done = threading.Event()
    |waiting = threading.Thread(target=done.wait)
    |waiting.start()
    |class Thing: pass
    |thing = Thing()
    |final = multiprocessing.util.Finalize(thing, print)
    |child = multiprocessing.Process()
    |try:
    |    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    |    link.bind((0, 0))
    |except (AttributeError, OSError):
    |    link = None
    |ended = subprocess.Popen([sys.executable, "-c", ""])
    |ended.wait()
    |tell("other", lambda: ended.pid)
    |copies = [os.environ._data, os.environ.encodekey.__closure__, os.environb._data]
    |if sys.argv[1] == "lock":
    |    lockdownlib.lockdown(keep=())
    |import posix
    |tell("getpid", os.getpid)
    |tell("record", lambda: [record.process for record in handler.buffer])
    |tell("names", lambda: vars(names)["_rng_pid"])
    |tell("native", _thread.get_native_id)
    |tell("main", lambda: threading.main_thread().native_id)
    |tell("final", lambda: final._pid)
    |tell("child", lambda: child._parent_pid)
    |tell("link", lambda: link.getsockname())
    |tell("ended", lambda: (ended.pid, ended.args))
    |tell("heap", lambda: multiprocessing.heap.BufferWrapper._heap._lastpid)
    |tell("environ", lambda: (os.environ, os.environb, posix.environ, copies))
    |tell("expandvars", lambda: os.path.expandvars("$USER"))
    |tell("expanduser", lambda: os.path.expanduser("~"))
    |second = []
    |late = threading.Thread(target=lambda: second.append(_thread.get_native_id()))
    |late.start(); late.join()
    |tell("apart", lambda: abs(second[0] - _thread.get_native_id()) < 100_000)
    |tell("waiting", lambda: waiting.native_id is None)
    |tell("same", lambda: second[0] == late.native_id != _thread.get_native_id())
    |done.set()
    """


class IdentityTest(fresh.FolderTest):

    def tells(self, word):
        env = fresh.environment(USER=USER, HOME=f"/home/{USER}", LOGNAME=USER)
        path = self.write("program.py", fresh.text(PROGRAM))
        return fresh.run(path, word, env=env).facts

    def linked(self, seen):
        """Not every system has netlink sockets."""
        return set() if "NoneType" in seen["open"]["link"] else {"link"}

    def test_nothing_tells_who(self):
        seen = {word: self.tells(word) for word in ("open", "lock")}
        found = {}
        for word, facts in seen.items():
            pids = [facts.pop(name).split()[0] for name in ("pid", "other")]
            # As a number of its own: a short one lies in many a longer one.
            pid = re.compile(rf"\b({'|'.join(pids)})\b")
            found[word] = {name for name, text in facts.items()
                           if pid.search(text) or USER in text}
        self.assertEqual(found["open"], {"getpid", "record", "names", "native", "main", "final",
                                         "child", "heap", "environ", "expandvars", "expanduser",
                                         "ended"} | self.linked(seen))
        self.assertEqual(found["lock"], set())
        # The numbers of threads are near each other in truth, and are still of use.
        self.assertIn("True", seen["open"]["apart"])
        self.assertIn("False", seen["lock"]["apart"])
        self.assertIn("True", seen["lock"]["waiting"])
        self.assertIn("True", seen["lock"]["same"])

    @unittest.skipUnless(hasattr(os, "sched_setaffinity"), "needs processors to choose from")
    def test_processors_have_no_numbers(self):
        """How many there are is told, and not which of the host's."""
        facts = fresh.scenario("""
            |import os
            |last = max(os.sched_getaffinity(0))
            |os.sched_setaffinity(0, {last})
            |before = os.sched_getaffinity(0) == {last}
            |lockdownlib.lockdown(keep=())
            |report(before=before, after=list(os.sched_getaffinity(0)), last=last,
            |       count=os.process_cpu_count())
            """).facts
        self.assertTrue(facts["before"])
        self.assertEqual(facts["after"], [0])
        self.assertEqual(facts["count"], 1)


if __name__ == "__main__":
    unittest.main()
