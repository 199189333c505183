"""The environment of a locked process: empty, and still a mapping."""

import unittest
from test.test_lockdown import fresh

VARIABLE = "LOCKDOWN_CANARY"


class EnvironTest(unittest.TestCase):

    def facts(self, source, keep='("fd",)'):
        env = fresh.environment(**{VARIABLE: "the canary sings"})
        return fresh.scenario(f"import importlib, os\ncanary = {VARIABLE!r}\n"
                              "first = os.environ.get(canary)\n"
                              f"lockdownlib.lockdown(keep={keep})\n" + fresh.text(source),
                              env=env).facts

    def test_empty_mapping(self):
        facts = self.facts("""
            |environ = os.environ
            |report(control=first, length=len(environ), listed=list(environ), as_dict=dict(environ),
            |       has=canary in environ, get=environ.get(canary), getenv=os.getenv(canary),
            |       default=os.getenv(canary, "default"), items=list(environ.items()),
            |       values=list(environ.values()), copied=environ.copy(), true=bool(environ),
            |       bytes=list(os.environb), getenvb=os.getenvb(canary.encode()),
            |       union=environ | {}, missing=attempt(lambda: environ[canary]),
            |       path=os.get_exec_path() == os.defpath.split(os.pathsep),
            |       vars=os.path.expandvars("$" + canary))
            """)
        self.assertEqual(facts.pop("control"), "the canary sings")
        self.assertEqual(facts.pop("missing"), ["raised", "KeyError", f"'{VARIABLE}'"])
        self.assertEqual(facts.pop("default"), "default")
        self.assertEqual(facts.pop("vars"), "$" + VARIABLE)
        self.assertIs(facts.pop("path"), True)
        self.assertEqual([name for name, value in facts.items() if value], [])

    def test_setting_is_refused_and_changes_nothing(self):
        facts = self.facts("""
            |def sets(): os.environ["NEW"] = "1"
            |def deletes(): del os.environ[canary]
            |report(set=attempt(sets), default=attempt(os.environ.setdefault, "NEW", "1"),
            |       update=attempt(os.environ.update, NEW="1"), putenv=attempt(os.putenv, "N", "1"),
            |       unsetenv=attempt(os.unsetenv, canary), after=dict(os.environ))
            """)
        for name in "set", "default", "update", "putenv", "unsetenv":
            with self.subTest(name):
                self.assertEqual(facts[name][:3], ["refused", "LockdownPermissionError", "env"])
        self.assertEqual(facts["after"], {})

    def test_it_does_not_come_back(self):
        facts = self.facts("""
            |import importlib.machinery
            |def reload_os(): return dict(importlib.reload(os).environ)
            |def posix_again():
            |    sys.modules.pop("posix", None)
            |    import posix
            |    return dict(posix.environ)
            |def posix_made():
            |    import _imp
            |    spec = importlib.machinery.ModuleSpec("posix", None, origin="built-in")
            |    module = _imp.create_builtin(spec)
            |    _imp.exec_builtin(module)
            |    return dict(module.environ)
            |def posix_twice():
            |    import _imp, posix
            |    _imp.exec_builtin(posix)
            |    return dict(posix.environ)
            |def os_again():
            |    for name in "os", "posix":
            |        sys.modules.pop(name, None)
            |    import os
            |    return dict(os.environ)
            |for call in posix_again, posix_made, posix_twice, os_again, reload_os:
            |    report(**{call.__name__: attempt(call)})
            """)
        for name in "posix_again", "posix_made", "posix_twice", "os_again", "reload_os":
            with self.subTest(name):
                found = facts[name]
                self.assertNotIn("canary sings", str(found))
                if found[0] == "done":
                    self.assertEqual(found[1], "{}")

    def test_pieces_that_were_held_are_empty_too(self):
        # The dict behind os.environ and posix.environ; a copy is the host's own affair.
        facts = fresh.scenario("""
            |import os, posix
            |held, behind, view = os.environ, os.environ._data, os.environ.keys()
            |native, copied = posix.environ, dict(os.environ)
            |iterator = iter(posix.environ.values())
            |lockdownlib.lockdown()
            |report(held=len(held), behind=len(behind), view=len(view), native=len(native),
            |       copied="LOCKDOWN_CANARY" in copied,
            |       iterator=attempt(next, iterator))
            """, env=fresh.environment(LOCKDOWN_CANARY="sings")).facts
        self.assertEqual([facts[name] for name in ("held", "behind", "view", "native")], [0] * 4)
        self.assertTrue(facts["copied"])
        self.assertEqual(facts["iterator"][0], "raised")

    def test_kept(self):
        facts = self.facts("""
            |os.environ["NEW"] = "1"
            |report(get=os.environ.get(canary), new=os.environ["NEW"],
            |       exec_path=len(os.get_exec_path()) > 0)
            """, keep='("env",)')
        self.assertEqual(facts["get"], "the canary sings")
        self.assertEqual(facts["new"], "1")

    def test_variables_that_the_library_reads(self):
        # They are read through os.environ, so none is found: no error, and no answer.
        facts = self.facts("""
            |import gettext, locale, mimetypes, tempfile, urllib.request, webbrowser
            |report(proxies=urllib.request.getproxies_environment(),
            |       locale=attempt(locale.getlocale)[0])
            """)
        self.assertEqual(facts["proxies"], {})

    def test_born_locked(self):
        env = fresh.environment(**{VARIABLE: "the canary sings"})
        outcome = fresh.run("-I", "-X", "lockdown", "-c", "import os, posix\n"
                            "print(dict(os.environ), dict(posix.environ), os.getenv('PATH'))",
                            env=env)
        self.assertEqual(outcome.out, "{} {} None\n")


if __name__ == "__main__":
    unittest.main()
