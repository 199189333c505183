"""The leak walker, after the lock: no address, path or secret in anything that code can reach."""

import json
import os
import sys
import unittest
from test import support
from test.test_lockdown import fresh

SECRET = "zq7Secret"
# The links that lead to it are no environment's home: a build's library is beside the file itself.
PYTHON = os.path.realpath(sys.executable)

# Words that are the same on every machine, and so tell nothing of this one.
COMMON = ("/usr", "/usr/local", "localhost")

PLANTED = ("plain", "rotated", "negative", "swapped", "decimal", "hexadecimal", "bytes", "reversed",
           "view", "closure", "default", "slot", "float", "repr", "error", "secret", "process",
           "worker")


@unittest.skipUnless(os.path.exists("/proc/self/maps"), "needs to know where memory is")
class LeakTest(fresh.FolderTest):

    def setUp(self):
        super().setUp()
        self.top = self.folder

    def copy(self, source, name):
        with open(os.path.join(os.path.dirname(__file__), source), encoding="utf-8") as file:
            return self.write(name, file.read())

    def secrets(self, env):
        """What nothing may tell, by what it is."""
        texts = {"folder": self.folder, "library": os.path.dirname(os.__file__),
                 "interpreter": PYTHON, "base prefix": sys.base_prefix,
                 "name": os.uname().nodename,
                 "release": os.uname().release, "kernel": os.uname().version}
        # A machine may be called by a word that the interpreter has anyway.
        with open(PYTHON, "rb") as file:
            if os.fsencode(texts["name"]) in file.read():
                del texts["name"]
        texts.update((f"${name}", value) for name, value in env.items() if SECRET in value)
        return {name: text for name, text in texts.items()
                if len(text) > 5 and text not in COMMON}

    def walk(self, lock, options=(), suspects=()):
        self.folder = os.path.join(self.top, str(len(os.listdir(self.top))))
        os.mkdir(self.folder)
        program = self.copy("leaks.py", f"{SECRET}Program/leaks.py")
        self.copy("leaks_host.py", f"{SECRET}Program/host.py")
        self.copy("leaks_identity.py", f"{SECRET}Program/identity.py")
        folder, cwd = (os.path.join(self.folder, SECRET + name) for name in ("Files", "Cwd"))
        os.mkdir(folder)
        os.mkdir(cwd)
        prefix = os.path.join(self.folder, SECRET + "Prefix")
        self.write(f"{SECRET}Prefix/pyvenv.cfg", f"home = {os.path.dirname(PYTHON)}\n")
        os.mkdir(os.path.join(prefix, "bin"))
        python = os.path.join(prefix, "bin", "python")
        os.symlink(PYTHON, python)
        env = {name: SECRET + name for name in ("USER", "LOGNAME", "VARIABLE", "LANGUAGE")}
        env.update(HOME=f"/home/{SECRET}HOME", TMPDIR=folder, PATH=f"/{SECRET}PATH:/usr/bin:/bin",
                   PYTHONPATH=f"/{SECRET}PYTHONPATH", http_proxy=f"http://{SECRET}proxy:80",
                   BROWSER=f"/{SECRET}BROWSER", SSL_CERT_FILE=f"/{SECRET}CERT",
                   PYTHON_HISTORY=f"/{SECRET}HISTORY", PYTHONUSERBASE=f"/{SECRET}USERBASE",
                   PYTHONDOCS=f"/{SECRET}DOCS", PYTHONTZPATH=f"/{SECRET}TZPATH",
                   SSLKEYLOGFILE=os.path.join(folder, "keys"), PAGER=f"/{SECRET}PAGER",
                   PYTHONPYCACHEPREFIX=os.path.join(self.folder, f"{SECRET}CACHE"),
                   LANG="C.UTF-8")
        facts = fresh.run("-X", f"word={SECRET}", *options, program, lock, cwd=cwd, env=env,
                          program=python, stdin=json.dumps(self.secrets(env) | {
                              "files": folder, "cwd": cwd, "prefix": prefix,
                              "host": SECRET + "Host", "any": SECRET,
                              "suspects": suspects})).facts
        if support.verbose:
            print(f"leaks, {lock} {' '.join(options)}: {facts['modules']} modules imported, "
                  f"{facts['counts']}, secrets {facts['told']}")
        return facts

    def check_planted(self, facts):
        """The control of each walk: what was laid out for it is found."""
        self.assertEqual([name for name in PLANTED
                          if not any(name in way for way in facts["planted"])], [])

    def test_unlocked_everything_is_found(self):
        facts = self.walk("unlocked")
        self.assertGreater(facts["counts"]["leaks address"], 10_000)
        for name, number in facts["told"].items():
            with self.subTest(name):
                self.assertGreater(number, 0)
        self.check_planted(facts)

    def test_locked_nothing_is_found(self):
        for lock, options in (("locked", ()), ("locked", ("-X", "lockdown=later")),
                              ("inspecting", ())):
            with self.subTest(lock=lock, options=options):
                facts = self.walk(lock, options)
                self.assertGreater(facts["counts"]["objects"], 50_000)
                self.assertGreater(facts["counts"]["strings"], 50_000)
                self.check_planted(facts)
                leaks = facts["leaks"]
                if leaks and all(kind == "address" for kind, _, _ in leaks):
                    # An address is another one in another process.
                    harmless = self.walk(lock, options, facts["values"])["harmless"]
                    leaks = [leak for leak, value in zip(leaks, facts["values"])
                             if value not in harmless] + leaks[len(facts["values"]):]
                self.assertEqual(leaks, [])


if __name__ == "__main__":
    unittest.main()
