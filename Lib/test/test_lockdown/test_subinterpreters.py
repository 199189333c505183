"""Subinterpreters and the step: who is locked with whom."""

import os
import unittest
from test.support import import_helper
from test.test_lockdown import fresh
from test.test_lockdown.test_transition import scenario


class InterpreterTest(unittest.TestCase):
    """Subinterpreters: one locks itself only, the main one locks all, children inherit."""

    def setUp(self):
        import_helper.import_module("_interpreters")

    # What a subinterpreter prints of itself.
    INNER = """
        |INNER = '''
        |import os, sys, json, lockdownlib
        |def tried(call, *args):
        |    try:
        |        call(*args)
        |    except lockdownlib.LockdownError as error:
        |        return error.right
        |    return "done"
        |def tell(name):
        |    sys.stdout.write("\\\\n@" + json.dumps({name: [tried(os.listdir, "/"),
        |        tried(os.getpid), lockdownlib.status().locked, len(os.environ) > 0]}) + "\\\\n")
        |    sys.stdout.flush()
        |'''
        |import _interpreters
        |def inside(interp, text):
        |    error = _interpreters.exec(interp, INNER + text)
        |    if error is not None:
        |        report(error=str(error))
        """

    OPEN = ["done", "done", False, True]
    LOCKED = ["fs.read", "env", True, False]

    def scenario(self, source, **kwargs):
        return scenario(fresh.text(self.INNER) + fresh.text(source),
                        options=("-I",), **kwargs).facts

    def test_locks_itself_only(self):
        for config in "isolated", "legacy":
            with self.subTest(config):
                facts = self.scenario(f"""
                    |one = _interpreters.create({config!r})
                    |two = _interpreters.create({config!r})
                    |inside(one, "tell('before')\\nlockdownlib.lockdown()\\ntell('after')")
                    |inside(two, "tell('other')")
                    |report(main=state())
                    |inside(one, "tell('again')")
                    """)
                self.assertEqual(facts, {"before": self.OPEN, "after": self.LOCKED,
                                         "other": self.OPEN, "main": "open",
                                         "again": self.LOCKED})

    def test_main_locks_all(self):
        for config in "isolated", "legacy":
            with self.subTest(config):
                facts = self.scenario(f"""
                    |one = _interpreters.create({config!r})
                    |inside(one, "tell('before')")
                    |lockdownlib.lockdown(keep=("runtime",))
                    |inside(one, "tell('after')")
                    |report(main=state())
                    """)
                self.assertEqual(facts, {"before": self.OPEN, "after": self.LOCKED,
                                         "main": "locked"})

    def test_interpreter_that_never_imported_it(self):
        # A guard fires where no module of ours was imported, and the error is a proper one.
        facts = self.scenario("""
            |one = _interpreters.create()
            |lockdownlib.lockdown(keep=("runtime",))
            |error = _interpreters.exec(one, "import os; os.listdir('/')")
            |report(kind=error.type.__name__, text=error.msg)
            """)
        self.assertEqual(facts["kind"], "LockdownPermissionError")
        self.assertIn("lockdown is enabled", facts["text"])

    # What a locked interpreter that keeps "runtime" gets when it makes another: one that is locked
    # like itself, or none and an error.
    CHILD_OR_ERROR = """
        |try:
        |    child = _interpreters.create(%r)
        |except Exception as error:
        |    print("@" + json.dumps({"none": type(error).__name__}))
        |else:
        |    error = _interpreters.exec(child, "import os; os.listdir()")
        |    print("@" + json.dumps({"kind": error and error.type.__name__}))
        """

    def check_child(self, facts):
        self.assertIn(facts, ({"none": "InterpreterError"}, {"kind": "LockdownPermissionError"}))

    def test_children_inherit(self):
        for config in "isolated", "legacy":
            with self.subTest(config):
                facts = self.scenario("""
                    |lockdownlib.lockdown(keep=("runtime",))
                    """ + self.CHILD_OR_ERROR % config)
                self.check_child(facts)

    def test_making_one_that_shares_is_refused(self):
        facts = self.scenario("""
            |lockdownlib.lockdown()
            |report(create=attempt(_interpreters.create, "legacy"))
            """)
        self.assertEqual(facts["create"], ["refused", "LockdownPermissionError", "runtime",
                                           "_interpreters.create"])

    def test_children_of_a_locked_one_inherit(self):
        for config in "isolated", "legacy":
            with self.subTest(config):
                inner = fresh.text(self.CHILD_OR_ERROR % config)
                facts = self.scenario(f"""
                    |one = _interpreters.create("legacy")
                    |inside(one, "lockdownlib.lockdown(keep=['runtime', 'net'])\\n"
                    |            "import _interpreters\\n" + {inner!r})
                    |report(main=state())
                    """)
                self.assertEqual(facts.pop("main"), "open")
                self.check_child(facts)

    def test_environment_of_the_others_is_emptied(self):
        # Also where os is already imported and running: at its next bytecode.
        facts = self.scenario("""
            |import threading
            |one = _interpreters.create()
            |def run():
            |    inside(one, '''
            |os.write(%d, b"r")
            |while os.environ:
            |    pass
            |tell("ended")
            |''' % write)
            |read, write = os.pipe()
            |thread = threading.Thread(target=run)
            |thread.start()
            |ready = os.read(read, 1)
            |lockdownlib.lockdown(keep=("runtime",))
            |thread.join()
            |report(main=state())
            """)
        self.assertEqual(facts["ended"], self.LOCKED)

    def test_locked_one_ends_and_the_others_go_on(self):
        facts = self.scenario("""
            |for number in range(20):
            |    one = _interpreters.create()
            |    inside(one, "lockdownlib.lockdown(keep=())")
            |    _interpreters.destroy(one)
            |report(state=state())
            """)
        self.assertEqual(facts, {"state": "open"})

    def test_giving_back_in_a_subinterpreter(self):
        facts = self.scenario("""
            |one = _interpreters.create()
            |lockdownlib.lockdown(keep=("runtime",))
            |inside(one, '''
            |try:
            |    lockdownlib.lockdown(keep=("fs.read",))
            |except lockdownlib.LockdownError as error:
            |    tell("refused")
            |''')
            """)
        self.assertEqual(facts["refused"], self.LOCKED)


if __name__ == "__main__":
    unittest.main()
