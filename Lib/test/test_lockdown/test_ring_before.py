"""What a process may have from before the lock that the kernel ring does not hold: the level says so,
and "require" names it."""

import os
import shutil
import sys
import unittest
from test.test_lockdown import fresh, ring, test_ring


class BeforeTest(ring.LevelTest):

    @ring.needs(ring.CALLS)
    def test_all_memory_is_executable(self):
        self.check_lower(ring.PARTIAL, "READ_IMPLIES_EXEC",
                         "import ctypes; ctypes.CDLL(None).personality(0x400000)")

    @ring.needs(ring.FILES)
    def test_a_sandbox_that_forbids_to_ask(self):
        number = test_ring.CALLS[os.uname().machine]["personality"]
        facts = self.attempt(f"outer([({number}, 1), ({ring.UNSHARE}, 1)])", kernel="require")
        self.assertEqual((facts["outcome"][0], facts["level"]), ("done", ring.level()))

    @ring.needs(ring.CALLS)
    def test_all_memory_is_executable_at_a_second_lock(self):
        facts = fresh.scenario("""
            |import ctypes
            |ctypes.CDLL(None).personality(0x400000)
            |for keep in ("fs.read", "fd"), ("fd",), ():
            |    lockdownlib.lockdown(keep=keep, kernel="try")
            |    report(level=lockdownlib.status().kernel)
            |try:
            |    lockdownlib.lockdown(keep=(), kernel="require")
            |except lockdownlib.LockdownError as error:
            |    report(text=str(error))
            """).facts
        self.assertEqual(facts["level"], ring.PARTIAL)
        self.assertIn("level 1", facts["text"])

    @ring.needs(ring.CALLS)
    def test_memory_that_is_written_and_run(self):
        before = "import ctypes, mmap; "
        for more in ("callback = ctypes.CFUNCTYPE(ctypes.c_int)(int)",
                     "memory = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE, 7)"):
            with self.subTest(more):
                self.check_lower(ring.PARTIAL, "writable and executable", before + more)
                # Then memory may be made executable anyway.
                facts = self.attempt(before + more, keep="('code',)")
                self.assertEqual(facts["level"], ring.level())
        # A page that others share, which has another map to be written by.
        self.check_lower(ring.PARTIAL, "writable and executable", "import mmap, os, tempfile; "
                         "file = tempfile.TemporaryFile(); file.truncate(4096); "
                         "memory = mmap.mmap(file.fileno(), 4096, mmap.MAP_SHARED, 5)")
        facts = self.attempt("import mmap; memory = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE, 3)")
        self.assertEqual(facts["level"], ring.level())

    @ring.needs(ring.CALLS)
    def test_what_works_at_a_lower_level(self):
        """The list of calls stands, and what goes round it does so."""
        facts = fresh.scenario("""
            |import mmap, socket, threading
            |memory = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE, 7)
            |pair = socket.socketpair()
            |found = []
            |for keep in ("fs.read", "env"), ("env",), ():
            |    lockdownlib.lockdown(keep=keep, kernel="try")
            |    sent = pair[0].sendmsg([b"he", b"llo"])
            |    thread = threading.Thread(target=lambda: found.append(pair[1].recv(100).decode()))
            |    thread.start(), thread.join()
            |report(found=found, level=lockdownlib.status().kernel)
            """).facts
        self.assertEqual(facts, {"found": ["hello"] * 3, "level": ring.PARTIAL})

    @ring.needs(ring.CALLS)
    def test_io_uring(self):
        number = test_ring.CALLS[os.uname().machine]["io_uring_setup"]
        before = "sys.path.insert(0, sys.argv[1]); from rawcalls import call; " \
                 f"fd = call({number}, 4, bytearray(120))[0]; "
        ring.raw_calls(self.folder)
        if fresh.scenario(f"|{before}\n|report(fd=fd)", self.folder).facts["fd"] < 0:
            self.skipTest("there is no io_uring here")
        for more in "pass", "import mmap, os; rings = mmap.mmap(fd, 4096); os.close(fd)":
            with self.subTest(more):
                self.check_lower(ring.PARTIAL, "io_uring", before + more)
                self.check_lower(ring.PARTIAL, "io_uring", before + more, keep="('code',)")
        facts = self.attempt(before + "import os; os.close(fd)")
        self.assertEqual(facts["level"], ring.level())

    @ring.needs(ring.CALLS)
    def test_process_that_shares_memory(self):
        ring.raw_calls(self.folder)
        self.check_lower(ring.PARTIAL, "shares", "sys.path.insert(0, sys.argv[1]); "
                         "import rawcalls; assert rawcalls.share_memory() > 0")

    @ring.needs(ring.CALLS)
    def test_without_proc(self):
        if fresh.run("--mount", "sh", "-c", "mount -t tmpfs none /proc", expect=None,
                     program=shutil.which("unshare") or "false").returncode:
            self.skipTest("nothing can be mounted on /proc here")
        for kernel, found in ("try", ["done", "None"]), ("require", ["refused", "LockdownError"]):
            outcome = fresh.run(
                "--mount", "sh", "-c", 'mount -t tmpfs none /proc; exec "$@"', "sh",
                sys.executable, "-I", "-c", fresh.CHILD + fresh.text(f"""
                    |report(found=attempt(lockdownlib.lockdown, kernel={kernel!r}),
                    |       level=lockdownlib.status().kernel)
                    """), program=shutil.which("unshare"))
            self.assertEqual(outcome.facts["found"][:2], found)
            self.assertEqual(outcome.facts["level"], ring.PARTIAL if kernel == "try" else 0)


if __name__ == "__main__":
    unittest.main()
