"""Without fs.special libraries that open files by themselves are given what was judged."""

import os
import unittest
from test import support
from test.support import import_helper
from test.test_lockdown.test_special import EVERY, FILES, REFUSED, SpecialTest


class LibraryTest(SpecialTest):
    """A link is swapped between a file and another of the host's without a name, which only /proc
    leads to, or one of /proc's own, while a library is given it.
    """

    def test_history_that_is_read(self):
        import_helper.import_module("readline")
        self.race("""
            |import readline
            |for name, text in ("file", "one\\n"), (target, "one\\ntwo\\n"):
            |    with open(name, "w") as file:
            |        file.write(text)
            |def lines():
            |    readline.clear_history()
            |    readline.read_history_file("name")
            |    return readline.get_current_history_length()
            """, "lines() == 2", also=("code",))

    def test_history_that_is_written(self):
        if not hasattr(import_helper.import_module("readline"), "append_history_file"):
            self.skipTest("nothing is appended here")
        self.race("""
            |import readline
            |target = "/proc/self/comm"
            |comm = open(target, "rb", buffering=0)
            |open("file", "w").close()
            |readline.add_history("canary")
            |def appended():
            |    readline.append_history_file(1, "name")
            |    comm.seek(0)
            |    return b"canary" in comm.read()
            """, "appended()")

    def test_written_history(self):
        import_helper.import_module("readline")
        found = []
        for keep in EVERY, FILES:
            found.append(self.guest("""
                |import readline, stat
                |for word in "one", "two", "three":
                |    readline.add_history(word)
                |lock()
                |def written():
                |    with open("file") as file:
                |        return file.read(), stat.S_IMODE(os.stat("file").st_mode)
                |report(missing=attempt(readline.append_history_file, 2, "file")[:2])
                |readline.write_history_file("file")
                |report(all=written())
                |readline.append_history_file(2, "file")
                |report(more=written())
                |readline.append_history_file(9, "file")
                |report(most=written())
                |readline.set_history_length(2)
                |readline.write_history_file("file")
                |report(last=written(), folder=attempt(readline.write_history_file, ".")[:2])
                """, keep).facts)
        self.assertEqual(found[0]["all"], ["one\ntwo\nthree\n", 0o600])
        self.assertEqual(found[0]["last"], ["two\nthree\n", 0o600])
        self.assertEqual(found[1], found[0])

    def test_history_of_devices(self):
        import_helper.import_module("readline")
        control, facts = self.both("""
            |import readline
            |lock()
            |report(found=attempt(readline.read_history_file, "/dev/ptmx"))
            """, also=("code",))
        self.assertEqual(control["found"][0], "raised")
        self.assertEqual(facts["found"][:3], REFUSED)

    CERTIFICATES = """
        |import shutil, ssl
        |source = sys.argv[3]
        |context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """

    def certificates(self):
        import_helper.import_module("ssl")
        return os.path.dirname(support.findfile("keycert.pem", subdir="certdata"))

    def test_certificates(self):
        self.race(self.CERTIFICATES + """
            |for name, certificate in ("file", "pycacert.pem"), (target, "selfsigned_pythontestdotnet.pem"):
            |    shutil.copyfile(os.path.join(source, certificate), name)
            |context.load_verify_locations("file")
            |def certificates():
            |    context.load_verify_locations("name")
            |    return len(context.get_ca_certs())
            """, "certificates() - 1", self.certificates())

    def test_a_key(self):
        self.race(self.CERTIFICATES + """
            |open("file", "w").close()
            |shutil.copyfile(os.path.join(source, "keycert.pem"), target)
            |def loads(*files):
            |    try:
            |        context.load_cert_chain(*files)
            |    except ssl.SSLError:
            |        return False
            |    return True
            |whole = os.path.join(source, "keycert.pem")
            """, "loads('name') + loads(whole, 'name')", self.certificates())

    def test_a_database(self):
        import_helper.import_module("_gdbm")
        self.race("""
            |import _gdbm, shutil
            |for name, keys in ("file", b"x"), (target, b"xy"):
            |    with _gdbm.open("made", "n") as database:
            |        for key in keys:
            |            database[bytes([key])] = b"value"
            |    shutil.copyfile("made", name)
            |def keys():
            |    with _gdbm.open("name") as database:
            |        return len(database)
            """, "keys() - 1")

    def test_databases_as_before(self):
        import_helper.import_module("_gdbm")
        found = []
        for keep in EVERY, FILES:
            found.append(self.guest("""
                |import _gdbm, stat
                |lock()
                |found = []
                |for flags in "r", "w", "c", "cs", "n", "nf", "wu", "r", "c":
                |    outcome = attempt(_gdbm.open, "file", flags, 0o640)
                |    found.append(outcome[:2] if outcome[0] != "done" else "done")
                |    if outcome[0] == "done":
                |        with _gdbm.open("file", flags) as database:
                |            if flags != "r":
                |                database[flags.encode()] = b"value"
                |            found.append(sorted(map(bytes.decode, database.keys())))
                |report(found=found, mode=stat.S_IMODE(os.stat("file").st_mode),
                |       folder=attempt(_gdbm.open, ".", "c")[:2],
                |       nowhere=attempt(_gdbm.open, "nowhere/x", "c")[:2])
                """, keep).facts)
        self.assertIn("done", found[0]["found"])
        self.assertEqual(found[1], found[0])


if __name__ == "__main__":
    unittest.main()
