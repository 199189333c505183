"""The escape course: each known way out of a Python jail, tried for real.

Each way is run in processes of its own: unlocked, where it must have its effect, and locked with
nothing kept, by the interpreter's ring alone and with the kernel's.  A file made or read, a
listener reached, a process ended, a crash: all is judged from here.  Where there is python-mutant
each is run once more with all guards taken away, so that the kernel alone stops it.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from collections import namedtuple
from test import support
from test.test_lockdown import escapes, fresh, mutation, probes, ring
from test.test_lockdown.probes import base

import lockdownlib

JAILER = os.path.join(os.path.dirname(__file__), "jailer.py")

# What the kernel alone does not stop: a descriptor that the process holds, and its memory.
OPEN_IN_KERNEL = ("address_ctypes", "environment_ctypes", "number_file", "number_of_a_socket",
                  "number_read")
# Modules that a build may do without.
OPTIONAL = ("_ctypes", "_posixsubprocess", "ctypes", "readline", "resource", "sqlite3", "ssl")
# One way of each effect that a right has, for a lock that keeps them all.
KEPT = ("crash_abort", "folder_told", "import_runpy", "network_create_connection", "read_open",
        "signal_kill", "write_open", "write_removes", "write_truncates")

# What an effect is judged by: the scratch folder, how the process ended, the secrets that the host
# had, the number of connections, and the process that may be ended.
Sight = namedtuple("Sight", "scratch outcome canary variable connections victim")


def told(text):
    return lambda sight: text(sight) in sight.outcome.out + sight.outcome.err


def address(sight):
    first, _, rest = sight.outcome.out.partition("\n")
    number = int(first.removeprefix("address "))    # Nothing is there if the host itself failed.
    return re.search(rf"\b({number}|0x0*{number:x})\b", rest + sight.outcome.err) is not None


def killed(sight):
    """A line ends the victim, unless a signal did: one that it was sent comes first."""
    if sight.victim is None:
        return False
    sight.victim.communicate(b"\n")
    return sight.victim.returncode < 0


def of_folder(effect):
    """An effect of the probes that looks at the scratch folder alone."""
    return lambda sight: effect(sight.scratch, None)


EFFECTS = {
    "made": of_folder(base.made("made")),                   # a file of the name "made"
    "gone": of_folder(base.gone("file")),                   # no file of the name "file"
    "written": of_folder(base.size("folder/inner", 0)),
    "ran": of_folder(base.made("probe_module.py.ran")),     # code of another file
    "read": told(lambda sight: sight.canary),
    "environment": told(lambda sight: sight.variable),
    "folder": told(lambda sight: os.path.basename(sight.scratch.path)),
    "address": address,
    "connected": lambda sight: sight.connections > 0,
    "killed": killed,
    "crash": lambda sight: fresh.died(sight.outcome),
}


def can_run(way):
    """Whether this build has what a way needs."""
    if way.effect == "crash" and support.check_sanitizer(address=True, memory=True, thread=True):
        return False
    return all(base.optional(name) is not None for name in OPTIONAL
               if re.search(rf"\b{name}\b", way.host + way.body))


class Listener:
    """Takes connections on the loopback, ends them at once, and counts them."""

    def __init__(self):
        self.socket = socket.create_server((base.LOOPBACK, 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.peers = []
        self.change = threading.Condition()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            connection, peer = self.socket.accept()
            connection.close()
            with self.change:
                self.peers.append(peer)
                self.change.notify()
                if None in self.peers:
                    return

    def taken(self):
        """The number of connections since the last call: one of our own comes after them."""
        with socket.create_connection((base.LOOPBACK, self.port)) as mark:
            with self.change:
                self.change.wait_for(lambda: mark.getsockname() in self.peers)
                count = self.peers.index(mark.getsockname())
                del self.peers[:]
        return count

    def close(self):
        with self.change:
            self.peers.append(None)
        socket.create_connection((base.LOOPBACK, self.port)).close()
        self.thread.join()
        self.thread = None      # not to be taken for one that was left behind
        self.socket.close()


@unittest.skipUnless(sys.platform == "linux", "the ways are written for Linux")
class EscapesTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.listener = Listener()
        cls.addClassCleanup(cls.listener.close)
        cls.all_ways = [escapes.read(name) for name in escapes.names()]
        cls.ways = [way for way in cls.all_ways if can_run(way)]

    def run_way(self, way, kernel, keep=(), guards=True):
        """Run a way in a fresh process, which without guards is python-mutant's; give what was
        seen of it, and how it ended."""
        program, variables = sys.executable, {}
        if not guards:
            program, variables = mutation.MUTANT, {"LOCKDOWN_OFF": "*"}
        path = tempfile.mkdtemp(prefix="lockdown-" + secrets.token_hex(8))
        victim = None
        try:
            scratch = probes.Scratch(path)
            scratch.fill()
            canary, variable = secrets.token_hex(16), secrets.token_hex(16)
            with open(scratch("canary"), "w", encoding="ascii") as file:
                file.write(canary + "\n")
            if way.effect == "killed":
                victim = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"],
                                          stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
            task = {"host": way.host, "given": way.given, "jail": way.jail, "body": way.body,
                    "port": self.listener.port, "victim": victim.pid if victim else None,
                    "keep": keep, "ring": kernel}
            with support.SuppressCrashReport():
                outcome = fresh.run(
                    "-I", "-S", JAILER, cwd=path, stdin=repr(task) + "\n", expect=None,
                    env=fresh.environment(LOCKDOWN_VARIABLE=variable, **variables),
                    program=program)
            sight = Sight(scratch, outcome, canary, variable, self.listener.taken(), victim)
            seen = {name for name, effect in EFFECTS.items() if effect(sight)}
        finally:
            if victim is not None:
                victim.kill()
                victim.communicate()
            shutil.rmtree(path)
        return seen, outcome

    def test_ways(self):
        counts = fresh.Counts()
        for word in "ways", "controls", "refusals", "escapes", "crashes":
            counts.add(word, 0)
        for way in self.ways:
            counts.add("ways")
            with self.subTest(way.name, control=True):
                seen, outcome = self.run_way(way, None)
                self.assertIn(way.effect, seen, f"unlocked it has no effect\n{outcome}")
                counts.add("controls")
            for kernel in "off", "try":
                with self.subTest(way.name, kernel=kernel):
                    seen, outcome = self.run_way(way, kernel)
                    counts.add("escapes", len(seen - {"crash"}))
                    counts.add("crashes", outcome.returncode != 0)
                    counts.add("refusals", "\nending refused " in outcome.out)
                    self.assertEqual((seen, outcome.returncode), (set(), 0), outcome)
        counts.show("escape course")

    @ring.needs_witness
    def test_kernel_alone(self):
        """With all guards taken away the kernel stops each way, by a crash if need be."""
        counts = fresh.Counts()
        for way in self.ways:
            with self.subTest(way.name):
                seen, outcome = self.run_way(way, "try", guards=False)
                allowed = {"crash", way.effect} if way.name in OPEN_IN_KERNEL else {"crash"}
                self.assertLessEqual(seen, allowed, outcome)
                counts.add("ways")
                counts.add("ended by SIGSYS", outcome.returncode == -signal.SIGSYS)
        counts.show("escape course without guards")
        # Guards would have raised an error first.
        self.assertGreater(counts.counter["ended by SIGSYS"], 20)

    def test_an_escape_would_be_seen(self):
        """Locked with all rights kept, a way has its effect: the judge is not blind."""
        shown = set()
        for name in KEPT:
            with self.subTest(name):
                way = escapes.read(name)
                seen, outcome = self.run_way(way, "off", lockdownlib.RIGHTS)
                self.assertEqual(seen, {way.effect}, outcome)
                shown |= seen
        # What is hidden is so whatever is kept.
        self.assertEqual(set(EFFECTS) - shown, {"address", "environment"})

    def test_form(self):
        self.assertGreaterEqual(len(self.all_ways), 120)
        bodies = {}
        for way in self.all_ways:
            with self.subTest(way.name):
                self.assertTrue(way.title.endswith("."))
                self.assertTrue(way.known, "it is not said where it is known from")
                self.assertIn(way.effect, EFFECTS)
                self.assertIn(way.jail, ("", "no builtins"))
                for text in way.without:
                    self.assertNotIn(text, way.body)
                self.assertEqual(bodies.setdefault((way.host, way.body), way.name), way.name)


if __name__ == "__main__":
    unittest.main()
