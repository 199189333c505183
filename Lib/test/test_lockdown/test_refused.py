"""The table of probes, unlocked and locked: what is refused, and that it would have an effect.

The package probes is the policy, this file is the one loop over it.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from test import support
from test.test_lockdown import fresh, probes

if not hasattr(os, "fork"):
    raise unittest.SkipTest("the probes run in forked processes")

PROBER = os.path.join(os.path.dirname(__file__), "prober.py")
RIGHTS = ("fs.read", "fs.write", "fd", "proc", "net", "import", "env", "code", "inspect",
          "runtime", "ipc", "fs.special")

# Refused by the first LDP with any of its settings, so refused here with the default keep.
FIRST_REFUSED = """
    import sys.setrecursionlimit zipimport.zipimporter open io.open
    os.listdir os.chdir os.getcwd os.getcwdb  os.getlogin os.getpid os.getppid
    os.putenv os.unsetenv os.umask os.fdopen os.device_encoding os.dup os.dup2 os.open os.pipe
    os.pipe2 os.access os.chmod os.ctermid os.fchdir os.getuid os.geteuid os.getgid os.getegid
    os.getpgid os.getsid os.getresuid os.getresgid os.setuid os.seteuid os.setgid os.setegid
    os.setreuid os.setregid os.setresuid os.setresgid os.setpgid os.setsid os.getgroups
    os.getgrouplist os.initgroups os.getpriority os.setpriority os.uname os.fchmod os.fchown
    os.fdatasync os.fpathconf os.fstatvfs os.get_blocking os.lockf os.openpty os.posix_fallocate
    os.posix_fadvise os.pread os.pwrite os.tcgetpgrp os.tcsetpgrp os.ttyname os.get_inheritable
    os.set_inheritable os.chown os.chroot os.lchown os.link
""".split()

# Allowed by the first LDP on a descriptor that was open, so allowed here with the default keep.
FIRST_ALLOWED = """
    os.read os.write os.readv os.writev os.close os.closerange os.lseek os.fstat os.isatty os.fsync
    os.ftruncate os.sendfile os.set_blocking os.get_terminal_size
""".split()

# Allowed by the first LDP, and needing no right here: no probe, for they have no effect outside.
FIRST_HARMLESS = {
    "os.cpu_count": ("os.cpu_count() > 0", "True"),
    "os.strerror": ("os.strerror(2)", repr(os.strerror(2))),
    "os.environ": ("dict(os.environ)", "{}"),
    "os.getenv": ("os.getenv('PATH')", "None"),
}

# Where this LDP departs from the first: each may work when locked, for the reason given (see also
# Doc/library/lockdownlib.rst).
DEPARTURES = {
    "import of a module that is loaded": (
        "__import__('json').__name__", "'json'",
        "the module is in sys.modules: nothing is read from outside"),
    "os.get_exec_path": (
        "os.get_exec_path() == os.defpath.split(os.pathsep)", "True",
        "splits the variable PATH, of which a locked process has none: a constant is left"),
    "os.fspath": (
        "os.fspath('a path')", "'a path'", "works on its argument alone"),
    "os.fsencode": (
        "os.fsencode('a path')", "b'a path'", "works on its argument alone"),
    "os.fsdecode": (
        "os.fsdecode(b'a path')", "'a path'", "works on its argument alone"),
    "sys.getrecursionlimit": (
        "sys.getrecursionlimit() > 0", "True",
        "a number that a recursive program needs and that tells nothing of the machine"),
}


class ProbeTest(fresh.FolderTest):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.probes = [probe for probe in probes.PROBES if probe.exists()]
        cls.absent = [probe.name for probe in probes.PROBES if not probe.exists()]

    def setUp(self):
        super().setUp()
        self.counts = fresh.Counts()

    program, kernel, environment = sys.executable, "off", {}

    def start(self, mode, rows):
        """Start a prober on these rows of a probe and the rights to keep, and name the folders."""
        folder = tempfile.mkdtemp(dir=self.folder)
        # A probe that becomes another user must still reach its own scratch folder.
        os.chmod(folder, 0o755)
        os.chmod(self.folder, 0o755)
        process = subprocess.Popen([self.program, "-I", PROBER, mode, self.kernel], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, cwd=folder,
                                   env=fresh.environment(**self.environment),
                                   start_new_session=True)
        self.addCleanup(self.stop, process)
        # Reading from a process that waits for ever ends with the process.  On a busy machine
        # each of hundreds takes its time.
        watchdog = threading.Timer(support.LONG_TIMEOUT + len(rows), self.kill, [process])
        watchdog.start()
        self.addCleanup(watchdog.cancel)
        paths = [os.path.join(folder, str(number)) for number in range(len(rows))]
        order = [[probe.name, path, keep] for (probe, keep), path in zip(rows, paths)]
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        return process, paths

    def kill(self, process):
        """End the prober with those that it forked, which hold its pipes and would wait on."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)

    def stop(self, process):
        self.kill(process)
        process.wait()
        for pipe in process.stdin, process.stdout, process.stderr:
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    def alone(self, rows):
        """Each row's outcome, from a process of its own."""
        process, paths = self.start("alone", rows)
        out, err = process.communicate()
        outcomes = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        if len(outcomes) < len(rows):
            self.fail(f"the prober ended at {rows[len(outcomes)][0]}: {err}")
        return outcomes

    def together(self, chosen, keep):
        """The outcomes of all probes in one locked process; the effects are judged from here."""
        process, paths = self.start("together", [(probe, keep) for probe in chosen])
        outcomes = []

        def next_line():
            line = process.stdout.readline()
            if not line:
                last = chosen[len(outcomes)] if outcomes else "the start"
                self.fail(f"the locked process ended at {last}: {process.stderr.read()}")
            return line

        while next_line() != "ready\n":
            pass
        before = probes.snapshot(process.pid)
        process.stdin.write("go\n")
        process.stdin.flush()
        while (line := next_line()) != "done\n":
            if line.startswith("{"):
                outcomes.append(json.loads(line))
        after = probes.snapshot(process.pid)
        self.assertEqual(len(outcomes), len(chosen))
        # Whatever the kernel says of the process is as it was before the first call.
        self.assertEqual(before, after)
        for probe, path, found in zip(chosen, paths, outcomes):
            if found.get("value") is None and probe.effect in (probes.succeeded, probes.ended):
                continue
            seen = probes.Seen(found.get("value"), process.pid, before, after)
            found["effect"] = bool(probe.effect(probes.Scratch(path), seen))
        return outcomes

    def check_refused(self, probe, found, rights):
        """The probe was refused for one of these rights, as its row says, and had no effect."""
        kind, right, operation = found.get("refused", (None, None, None))
        if kind is None:
            self.fail(f"was not refused: {found}")
        self.assertEqual(kind, "LockdownImportError" if probe.imports
                         else "LockdownPermissionError")
        self.assertIn(right, rights)
        if right in probe.rights:
            self.assertIn(operation, probe.operations)
        self.assertFalse(found.get("effect"), found)
        self.counts.add("refusals")

    def check_effects(self, keeps, word):
        """Those that can be judged here have their effect, with what keeps(probe) says kept."""
        judged = [probe for probe in self.probes if probe.can_be_judged()]
        outcomes = self.alone([(probe, keeps(probe)) for probe in judged])
        for probe, found in zip(judged, outcomes):
            with self.subTest(probe.name):
                self.assertTrue(found.get("effect"), found)
                self.counts.add(word)
        self.counts.add("that cannot be judged here", len(self.probes) - len(judged))

    def test_each_control_has_its_effect(self):
        self.check_effects(lambda probe: None, "controls")
        self.counts.add("absent on this platform", len(self.absent))
        self.counts.show("probes unlocked")

    def test_each_has_its_effect_with_its_own_right(self):
        self.check_effects(lambda probe: probe.keeps_enough(), "allowed")
        self.counts.show("nothing kept but its own right")

    def test_each_is_refused_for_its_own_right(self):
        rows = [(probe, lack) for probe in self.probes for lack in probe.lack()]
        outcomes = self.alone([(probe, [right for right in RIGHTS if right not in lack])
                               for probe, lack in rows])
        for (probe, lack), found in zip(rows, outcomes):
            with self.subTest(probe.name, lack=lack):
                self.check_refused(probe, found, lack)
        self.counts.show("everything kept but its own right")

    def test_default_keep(self):
        chosen = [probe for probe in self.probes if not probe.allowed(["fd"])]
        for probe, found in zip(chosen, self.together(chosen, ["fd"])):
            with self.subTest(probe.name):
                self.check_refused(probe, found, probe.rights + probe.also)
        self.counts.show("lockdown() with its defaults")

    def test_keep_nothing(self):
        for probe, found in zip(self.probes, self.together(self.probes, [])):
            with self.subTest(probe.name):
                self.check_refused(probe, found, probe.rights + probe.also)
        self.counts.show("lockdown(keep=())")


class FirstLDPTest(unittest.TestCase):
    """The list of the first Locked Down Python holds in this one."""

    def setUp(self):
        self.known = {probe.name: probe for probe in probes.PROBES}
        # open() is io.open: the same object.
        self.known["open"] = self.known["io.open"]

    def test_what_was_refused_has_a_probe(self):
        self.assertEqual(len(FIRST_REFUSED), len(set(FIRST_REFUSED)))
        for name in FIRST_REFUSED:
            with self.subTest(name):
                # test_default_keep proves the refusal.
                self.assertFalse(self.known[name].allowed(["fd"]))
        if support.verbose:
            print(f"the first LDP: {len(FIRST_REFUSED)} calls refused")

    def test_what_was_allowed_needs_fd_only(self):
        for name in FIRST_ALLOWED:
            with self.subTest(name):
                # test_each_has_its_effect_with_its_own_right proves that it works.
                self.assertEqual(self.known[name].keeps_enough(), ("fd",))
        if support.verbose:
            print(f"the first LDP: {len(FIRST_ALLOWED)} calls allowed on a descriptor")

    def check_values(self, table):
        source = "import os, json\n" + \
            "lockdownlib.lockdown()\n" + \
            "for text in json.loads(sys.argv[1]):\n" + \
            "    report(**{text: attempt(eval, text)})\n"
        texts = [row[0] for row in table.values()]
        facts = fresh.scenario(source, json.dumps(texts)).facts
        for name, row in table.items():
            with self.subTest(name):
                self.assertEqual(facts[row[0]], ["done", row[1]])

    def test_what_was_harmless_works(self):
        self.check_values(FIRST_HARMLESS)

    def test_departures(self):
        self.check_values(DEPARTURES)


if __name__ == "__main__":
    unittest.main()
