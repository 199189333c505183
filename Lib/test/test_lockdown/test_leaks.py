"""The leak walker, after the lock: no address, path or secret in anything that code can reach."""

import json
import os
import unittest
from test import support
from test.test_lockdown import fresh

SECRET = "SecretOfTheHost"


class LeakTest(fresh.FolderTest):

    def walk(self, lock, options=("-I",)):
        folder = os.path.join(self.folder, SECRET)
        os.mkdir(folder)
        with open(os.path.join(os.path.dirname(__file__), "leaks.py"), encoding="utf-8") as file:
            program = self.write(f"{SECRET}/host.py", file.read())
        secrets = {"folder": self.folder, "variable": SECRET + "Variable"}
        facts = fresh.run(*options, program, lock, stdin=json.dumps(secrets), cwd=folder,
                          env=fresh.environment(VARIABLE=secrets["variable"])).facts
        if support.verbose:
            print(f"leaks, {lock}: {facts['modules']} modules imported, {facts['counts']}")
        return facts

    def leaks(self, facts, kind):
        return [f"{way}: {text}" for one, way, text in facts["leaks"] if one == kind]

    def test_planted_leaks_are_found(self):
        facts = self.walk("planted")
        found = " ".join(way for _, way, _ in facts["leaks"])
        for name in ("plain", "rotated", "negative", "swapped", "decimal", "hexadecimal", "bytes",
                     "reversed", "view", "closure", "default", "slot", "repr", "error", "secret"):
            with self.subTest(name):
                self.assertIn(name, found)

    def test_unlocked_addresses_are_found(self):
        facts = self.walk("unlocked")
        self.assertGreater(facts["counts"]["leaks address"], 10_000)
        self.assertGreater(facts["counts"]["leaks secret"], 10)

    def test_locked_nothing_is_found(self):
        for lock, options in (("locked", ("-I",)), ("locked", ("-I", "-X", "lockdown=later")),
                              ("inspecting", ("-I",))):
            with self.subTest(lock=lock, options=options):
                self.folder = os.path.join(self.folder, "more")
                os.mkdir(self.folder)
                facts = self.walk(lock, options)
                self.assertGreater(facts["counts"]["objects"], 50_000)
                self.assertGreater(facts["counts"]["strings"], 50_000)
                self.assertEqual(self.leaks(facts, "address"), [])
                self.assertEqual(self.leaks(facts, "secret"), [])


if __name__ == "__main__":
    unittest.main()
