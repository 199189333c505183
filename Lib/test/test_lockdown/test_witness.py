"""The kernel as witness: what runs locked makes no call that the ring refuses, and whatever a guard
stops would be stopped by the ring too."""

import fnmatch
import os
import sys
import unittest
from test.test_lockdown import fresh, mutation, probes, ring, test_refused

# Not woven: in the repository, where it is the one that this build is in.
DEMOS = os.path.join(os.path.dirname(sys.executable), os.pardir, os.pardir, "Tools", "demo")


class WitnessTest(ring.WitnessedTest):

    @ring.needs_witness
    def test_control(self):
        """It records what is refused, with the frames, and the call fails."""
        outcome, traps = self.witness("""
            |import os
            |def asks():
            |    return attempt(os.stat, "/")
            |report(outcome=asks())
            """, env_extra={"LOCKDOWN_OFF": "*"})
        self.assertEqual(outcome.facts["outcome"][:2], ["raised", "PermissionError"])
        self.assertEqual(len(traps), 1, traps)
        self.assertRegex(traps[0], "^newfstatat ")
        self.assertIn(" in asks", traps[0])

    @ring.needs_witness
    def test_what_programs_do(self):
        """What the C library does late is done before the lock, or otherwise."""
        outcome, traps = self.witness("""
            |import concurrent.futures, datetime, decimal, gc, hashlib, locale, os, random, re
            |import secrets, signal, statistics, tempfile, threading, time, uuid
            |import _thread
            |began = time.mktime((2026, 7, 1, 12, 0, 0, 0, 0, -1))
            |def work(number):
            |    time.sleep(0.001)
            |    return decimal.Decimal(number).sqrt(), bytes(1 << 20), hashlib.sha256(b"x").digest()
            |with concurrent.futures.ThreadPoolExecutor(32) as pool:
            |    assert len(list(pool.map(work, range(200)))) == 200
            |for number in range(20):
            |    thread = threading.Thread(target=_thread.exit)
            |    thread.start()
            |    thread.join()
            |big = [bytearray(50_000_000) for _ in range(6)]
            |big[0].extend(big[1])
            |del big
            |gc.collect()
            |try:
            |    bytearray(1 << 60)
            |except MemoryError:
            |    pass
            |decimal.getcontext().prec = 20000
            |decimal.Decimal(2).sqrt()
            |assert time.mktime((2026, 7, 1, 12, 0, 0, 0, 0, -1)) == began
            |time.localtime(), time.strftime("%c %Z"), datetime.datetime.now().astimezone()
            |os.cpu_count(), os.process_cpu_count(), os.urandom(8), secrets.token_hex()
            |[os.strerror(number) for number in range(140)], signal.strsignal(9)
            |signal.signal(signal.SIGUSR1, lambda *args: None)
            |locale.setlocale(locale.LC_ALL), uuid.uuid4(), random.random()
            |print("€ und ß", file=sys.stderr)
            |threading.Thread(target=lambda: 1 / 0).start()
            |daemon = threading.Thread(target=time.sleep, args=(30,), daemon=True)
            |daemon.start()
            |def for_ever():
            |    while True:
            |        pass
            |# These are ended by pthread_exit() when the interpreter goes.
            |[threading.Thread(target=for_ever, daemon=True).start() for _ in range(3)]
            |for clock in time.clock_gettime, time.clock_getres:
            |    clock(time.CLOCK_MONOTONIC), clock(time.CLOCK_THREAD_CPUTIME_ID)
            |report(done=True)
            |1 / 0
            """, expect=1)
        self.assertTrue(outcome.facts["done"])
        self.assertEqual(traps, [])

    @ring.needs_witness
    def test_in_a_zone(self):
        """Local time is right with and without TZ."""
        for zone in "Europe/Paris", "", ":Asia/Tokyo":
            env = {"TZ": zone} if zone else {}
            source = """
                |import time
                |report(times=[time.mktime((2026, month, 1, 12, 0, 0, 0, 0, -1)) for month in (1, 7)],
                |       zone=time.localtime().tm_zone)
                """
            free = fresh.scenario(source, env=fresh.environment(**env)).facts
            outcome, traps = self.witness(source, env_extra=env)
            self.assertEqual(outcome.facts["times"], free["times"])
            self.assertEqual(traps, [])

    @ring.needs_witness
    def test_what_is_open(self):
        """Objects that were opened before go on: files, sockets, maps, children's pipes."""
        outcome, traps = self.witness("""
            |import io, mmap, os, select, socket, sqlite3, subprocess, selectors
            |path = sys.argv[1]
            |file = open(path, "w+")
            |raw = open(path, "r+b", buffering=0)
            |left, right = socket.socketpair()
            |server = socket.create_server(("127.0.0.1", 0))
            |client = socket.create_connection(server.getsockname())
            |accepted = server.accept()[0]
            |selector = selectors.DefaultSelector()
            |selector.register(left, selectors.EVENT_READ)
            |database = sqlite3.connect(":memory:")
            |database.execute("create table t (a)")
            |child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            |memory = mmap.mmap(-1, 8192)
            |lockdownlib.lockdown(keep=sys.argv[2].split(), kernel="try")
            |file.write("x" * 100000), file.flush(), file.seek(0), file.read(), file.truncate(10)
            |file.isatty(), file.tell()
            |raw.write(b"abc"), raw.seek(0), raw.readinto(bytearray(10))
            |right.sendall(b"hello")
            |left.settimeout(2)
            |assert selector.select(1) and left.recv(10) == b"hello"
            |assert left.sendmsg([b"a", b"b"]) == 2 and right.recvmsg(10)[0] == b"ab"
            |assert left.sendmsg([b"c", b"", b"d"], [], socket.MSG_DONTWAIT) == 2
            |assert left.sendmsg([b"", b"e"]) == 1 and right.recv(10) == b"cde"
            |assert left.sendmsg([]) == left.sendmsg([b""]) == 0
            |client.settimeout(3), client.setblocking(True)
            |client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            |client.getsockname(), client.getpeername(), client.getsockopt(1, 3)
            |accepted.sendall(b"z"), client.recv(1), client.shutdown(2)
            |database.execute("insert into t values (1)"), database.commit()
            |memory[:3] = b"abc"
            |memory.flush()
            |child.stdin.write(b"to the child")
            |child.stdin.close()
            |assert child.stdout.read() == b"to the child"
            |if "fd" in sys.argv[2]:
            |    child.wait()
            |    late = socket.create_connection
            |    os.write(1, b"by number"), os.fstat(1), os.isatty(1), os.closerange(700, 710)
            |    os.set_blocking(left.fileno(), True)
            |for thing in file, raw, left, right, client, accepted, selector, database, memory:
            |    thing.close()
            |report(done=True)
            """, os.path.join(self.folder, "file"), "fd", options=("-I",))
        self.assertTrue(outcome.facts["done"])
        self.assertEqual(traps, [])

    @ring.needs_witness
    @unittest.skipUnless(os.path.isdir(DEMOS), "the demo programs are not here")
    def test_demo_programs(self):
        for name in sorted(os.listdir(DEMOS)):
            with self.subTest(name):
                record = os.path.join(self.folder, name + ".record")
                outcome = fresh.run("-X", "lockdown", os.path.join(DEMOS, name), stdin="1 + 1\n",
                                    env=fresh.environment(LOCKDOWN_WITNESS=record), expect=None,
                                    program=mutation.MUTANT)
                self.assertFalse(fresh.died(outcome), outcome)
                self.assertTrue(os.path.exists(record))
                self.assertEqual(ring.traps(record), [])


# Probes that the kernel does not see: those whose rights are about the interpreter alone, and these,
# by patterns of their names, for the reason above each. The effect of any other reaches the system.
INSIDE = {"code", "inspect", "runtime"}
NOT_SEEN = {
    "the filter cannot tell a guessed number from an object that was given": """
        fcntl.fcntl* fcntl.ioctl fcntl.flock fcntl.lockf io.FileIO* io.open* mmap.mmap.resize* os.close
        os.dup2 os.eventfd_read os.eventfd_write os.fd* os.fdatasync os.fdopen os.fstat os.fsync
        os.ftruncate os.get_blocking os.get_inheritable os.get_terminal_size os.isatty os.lockf
        os.lseek os.pread* os.pwrite* os.read* os.set_blocking os.stat* os.truncate* os.write*
        select.epoll* select.select socket.close socket.socket termios.* faulthandler.*
        socket.socket?fileno""",
    "what a message carries is behind a pointer": """
        socket.socket.recvmsg* socket.socket.sendmsg*""",
    "a thread, a channel, a queue, a variable or a table in memory": """
        _curses.* _imp.* _interpchannels.* _interpqueues.* _locale.bindtextdomain
        _multiprocessing.SemLock._rebuild* _thread.interrupt_main _tkinter.* locale.setlocale
        os._inputhook os.confstr os.ctermid os.device_encoding os.putenv* os.sysconf os.unsetenv
        readline.* select.poll.* signal.set_wakeup_fd ssl.get_default_verify_paths
        time.pthread_getcpuclockid time.tzset _interpreters.*""",
    "what scandir() found": "os.DirEntry.*",
    "raise() and abort() ask for the process's id and signal it": """
        os.abort os.getpid signal.pthread_kill signal.pthread_sigmask signal.raise_signal""",
    "the end of the process, which threads need too": "os._exit",
    "a pair of sockets is how a loop wakes itself": "socket.socketpair",
    "advice that allocators give as well": "mmap.mmap.madvise",
    "a numeric name needs no name service": "socket.get*",
    "connected before the lock": "syslog.*",
    "refused by import and by SQLite's authorizer, which are not switched off": """
        import zipimport.zipimporter sqlite3.* _sqlite3.*""",
}


class ProbesTest(test_refused.ProbeTest):
    """The probes of test_refused.py, where the ring is on; its own tests are not run again."""

    for name in [name for name in dir(test_refused.ProbeTest) if name.startswith("test_")]:
        locals()[name] = None
    del name

    kernel = "try"

    @ring.needs(ring.CALLS)
    def test_kept_rights_are_open(self):
        """Each has its effect with its own right kept, though the ring is on."""
        self.check_effects(lambda probe: probe.keeps_enough(), "allowed by both rings")
        self.counts.show("nothing kept but its own right, with the kernel ring")

    @ring.needs_witness
    def test_without_any_guard(self):
        """With all guards switched off the kernel stops, and sees, what reaches it."""
        self.program, self.kernel = mutation.MUTANT, "witness"
        self.environment = {"LOCKDOWN_OFF": "*"}
        judged = [probe for probe in self.probes if probe.can_be_judged()]
        outcomes = self.alone([(probe, ()) for probe in judged])
        unused = {pattern for patterns in NOT_SEEN.values() for pattern in patterns.split()}
        for probe, found in zip(judged, outcomes):
            if found.get("traps") or found.get("killed"):
                self.counts.add("seen by the kernel")
            elif set(probe.rights) <= INSIDE:
                self.counts.add("inside the interpreter alone")
            else:
                matching = {pattern for patterns in NOT_SEEN.values()
                            for pattern in patterns.split()
                            if fnmatch.fnmatchcase(probe.name, pattern)}
                with self.subTest(probe.name):
                    self.assertTrue(matching, f"had its effect, and no system call was refused:"
                                              f" {found}")
                unused -= matching
                self.counts.add("listed with a reason")
        self.counts.show("probes without guards")
        # Libraries may be missing here, and with them their probes.
        self.assertLessEqual(len(unused), 8, unused)


if __name__ == "__main__":
    unittest.main()
