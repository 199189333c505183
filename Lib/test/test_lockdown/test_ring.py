"""The kernel ring: its levels, what it stops that no guard has seen, and what it leaves alone."""

import errno
import json
import os
import socket
import subprocess
import sys
import unittest
from test.test_lockdown import fresh, ring

class LevelTest(ring.LevelTest):
    """The level is what was reached, and "require" fails before anything changed."""

    @unittest.skipIf(ring.LINUX, "Linux has a ring")
    def test_none_elsewhere(self):
        for kernel, outcome in ("try", "done"), ("require", "refused"):
            facts = fresh.scenario(f"""
                |report(outcome=attempt(lockdownlib.lockdown, kernel={kernel!r}))
                |report(locked=lockdownlib.status().locked, level=lockdownlib.status().kernel)
                """).facts
            self.assertEqual(facts["outcome"][0], outcome)
            self.assertEqual((facts["locked"], facts["level"]), (kernel == "try", 0))

    @ring.needs(ring.CALLS)
    def test_command_line_tries(self):
        for options in (["-X", "lockdown"], ["-X", "lockdown=fd,net"]):
            outcome = fresh.run(*options, "-c", "import lockdownlib; "
                                "print(lockdownlib.status().kernel)")
            self.assertEqual(int(outcome.out), ring.level())
        outcome = fresh.run("-c", "import lockdownlib; print(lockdownlib.status().kernel)",
                            env=fresh.environment(PYTHONLOCKDOWN="1"))
        self.assertEqual(int(outcome.out), ring.level())

    @ring.needs(ring.CALLS)
    def test_seen_from_outside(self):
        with subprocess.Popen([sys.executable, "-X", "lockdown", "-c", "print(input())"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env=fresh.environment()) as process:
            process.stdin.write(b"hello\n")
            process.stdin.flush()
            process.stdout.readline()
            with open(f"/proc/{process.pid}/status") as file:
                words = dict(line.split(":", 1) for line in file) if process.poll() is None else {}
            process.stdin.close()
        if words:
            self.assertEqual(words["Seccomp"].strip(), "2")
            self.assertEqual(words["NoNewPrivs"].strip(), "1")

    @ring.needs(ring.FILES)
    def test_require(self):
        facts = self.attempt(kernel="require")
        self.assertEqual((facts["outcome"][0], facts["level"]), ("done", ring.level()))

    @ring.needs(ring.CALLS)
    def test_no_seccomp(self):
        # Where there is no Landlock either, that may be what is named.
        words = "seccomp" if ring.level() >= ring.FILES else "seccomp|Landlock"
        for error in errno.ENOSYS, errno.EPERM:
            self.check_lower(ring.NONE, words, f"outer([({ring.SECCOMP}, {error})])")

    @ring.needs(ring.FILES)
    def test_no_landlock(self):
        for error in errno.ENOSYS, errno.EPERM:
            rows = [(number, error) for number in ring.LANDLOCK]
            self.check_lower(ring.CALLS, "Landlock", f"outer({rows})")
        # The ruleset can be made, but not put up.
        rows = [(ring.LANDLOCK[2], errno.EPERM)]
        self.check_lower(ring.CALLS, "Landlock", f"outer({rows})")

    @ring.needs(ring.FILES)
    def test_without_unshare_threads_are_counted_otherwise(self):
        facts = self.attempt(f"outer([({ring.UNSHARE}, 1)])", kernel="require")
        self.assertEqual((facts["outcome"][0], facts["level"]), ("done", ring.level()))

    @ring.needs(ring.FILES)
    def test_more_threads(self):
        before = "import threading; " \
                 "threading.Thread(target=threading.Event().wait, daemon=True).start()"
        facts = self.attempt(before)
        if facts["level"] != ring.CALLS:
            self.skipTest("this kernel's Landlock holds all threads")
        self.check_lower(ring.CALLS, "thread", before)

    @ring.needs(ring.CALLS)
    def test_thread_with_a_filter_of_its_own(self):
        before = "import threading; there = threading.Event(); threading.Thread(target=lambda: " \
                 "(outer([(999, 1)]), there.set(), threading.Event().wait()), daemon=True).start(); " \
                 "there.wait()"
        facts = self.attempt(before)
        self.assertEqual((facts["outcome"][0], facts["level"]), ("done", ring.NONE))

    @ring.needs(ring.CALLS)
    def test_kept_proc(self):
        self.check_lower(ring.PARTIAL, "proc", "pass", keep="('proc', 'fd')")

    @ring.needs(ring.CALLS)
    def test_perf_trampoline(self):
        if not fresh.scenario("|report(perf=attempt(sys.activate_stack_trampoline, 'perf'))",
                              ).facts["perf"][0] == "done":
            self.skipTest("there is no perf trampoline here")
        self.check_lower(ring.PARTIAL, "perf trampoline",
                         "sys.activate_stack_trampoline('perf')")

    @ring.needs(ring.CALLS)
    def test_other_interpreter(self):
        facts = fresh.scenario("""
            |import _interpreters
            |source = '''if True:
            |    import lockdownlib
            |    try:
            |        lockdownlib.lockdown(kernel="require")
            |    except lockdownlib.LockdownError as error:
            |        told = str(error)
            |    assert "main interpreter" in told and not lockdownlib.status().locked, told
            |    lockdownlib.lockdown(kernel="try")
            |    assert lockdownlib.status().kernel == 0
            |    '''
            |interpreter = _interpreters.create()
            |report(failed=repr(_interpreters.exec(interpreter, source)))
            """).facts
        self.assertEqual(facts["failed"], "None")


class LaterTest(fresh.FolderTest):
    """A later lock, and what a right that is kept leaves open."""

    @ring.needs(ring.CALLS)
    def test_later_lock_takes_more(self):
        # ctypes keeps working with "code": its open() asks no guard.
        path = self.write("file", "text")
        facts = fresh.scenario("""
            |import ctypes, os
            |library = ctypes.CDLL(None, use_errno=True)
            |path = os.fsencode(sys.argv[1])
            |def opens():
            |    number = library.open(path, 0)
            |    return number if number < 0 else library.close(number)
            |# Threads are counted so where nothing may be read any more; a container may refuse it.
            |counts = library.unshare(0x10000) == 0
            |lockdownlib.lockdown(keep=("code", "fs.read"), kernel="try")
            |report(first=opens(), level=lockdownlib.status().kernel)
            |lockdownlib.lockdown(keep=("code",), kernel="off")
            |report(second=opens(), error=ctypes.get_errno(), after=lockdownlib.status().kernel)
            |lockdownlib.lockdown(keep=(), kernel="require" if counts
            |                     and lockdownlib.status().kernel > 2 else "try")
            |report(keep=list(lockdownlib.status().keep))
            """, path).facts
        self.assertEqual(facts["first"], 0)
        self.assertEqual((facts["second"], facts["error"]), (-1, errno.EPERM))
        self.assertEqual(facts["after"], facts["level"])
        self.assertEqual(facts["keep"], [])

    @ring.needs(ring.CALLS)
    def test_no_core_file(self):
        """The limit of 1 is seen from outside: no file, and no program is told."""
        source = """
            |import resource
            |hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
            |resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
            |lockdownlib.lockdown(keep=(), kernel=sys.argv[1])
            |print(flush=True)
            |input()
            """
        limits = {}
        for kernel in "off", "try":
            with subprocess.Popen([sys.executable, "-I", "-c", fresh.CHILD + fresh.text(source),
                                   kernel], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  env=fresh.environment()) as process:
                process.stdout.readline()
                with open(f"/proc/{process.pid}/limits") as file:
                    limits[kernel] = next(line.split()[4:6] for line in file
                                          if line.startswith("Max core file size"))
                process.communicate(b"\n")
        if limits["off"][0] == "0":
            self.skipTest("no core files are allowed here")
        self.assertEqual(limits["try"], ["1", limits["off"][1]])

    @ring.needs(ring.CALLS)
    def test_open_database(self):
        """SQLite looks for its journal by path and is refused that; it reads on."""
        facts = fresh.scenario("""
            |import sqlite3
            |database = sqlite3.connect(sys.argv[1])
            |database.execute("create table t (a)"), database.execute("insert into t values (7)")
            |database.commit()
            |lockdownlib.lockdown(keep=(), kernel="try")
            |report(rows=database.execute("select a from t").fetchall(),
            |       write=attempt(database.execute, "insert into t values (8)"))
            """, os.path.join(self.folder, "database")).facts
        self.assertEqual(facts["rows"], [[7]])
        # That needs a new file beside it.
        self.assertEqual(facts["write"][:2], ["raised", "OperationalError"])

    @ring.needs(ring.PARTIAL)
    def test_programs_of_a_process_that_keeps_proc(self):
        outcome = fresh.run("-X", "lockdown=proc,ipc,fd,fs.read", "-c", fresh.text("""
            |import subprocess
            |process = subprocess.run(["sh", "-c", "cat /proc/self/status; : > /dev/null; ls /"],
            |                         stdout=subprocess.PIPE)
            |print(process.stdout.decode())
            """))
        self.assertIn("Seccomp:\t2", outcome.out)
        self.assertIn("\nusr\n", outcome.out)


# Each is tried by raw calls in a forked process, and judged by its parent: a name, the call as an
# expression, and what its parent looks for. S are numbers by name, path a new file's, port a
# listener's.
CALLS = {
    "x86_64": {
        "open": 2, "fork": 57, "vfork": 58, "clone": 56, "clone3": 435, "execve": 59,
        "socket": 41, "connect": 42, "kill": 62, "tgkill": 234, "ptrace": 101, "mmap": 9,
        "mprotect": 10, "mkdirat": 258, "openat": 257, "unlinkat": 263, "renameat2": 316,
        "memfd_create": 319, "io_uring_setup": 425, "execveat": 322, "unshare": 272,
        "process_vm_readv": 310, "prctl": 157, "ioctl": 16, "seccomp": 317, "getppid": 110,
        "uname": 63, "socketpair": 53, "symlinkat": 266, "newfstatat": 262, "getcwd": 79,
        "linkat": 265, "keyctl": 250, "bpf": 321, "openat2": 437, "sysinfo": 99, "setsid": 112,
        "landlock": 444, "madvise": 28, "fchmod": 91, "sendmsg": 46, "shmget": 29, "shmctl": 31,
        "semget": 64, "semctl": 66, "msgget": 68, "msgctl": 71, "mq_open": 240, "mq_unlink": 241,
        "futex": 202, "get_robust_list": 274, "fcntl": 72, "pidfd_open": 434,
        "pidfd_send_signal": 424, "rt_sigqueueinfo": 129, "perf_event_open": 298,
        "userfaultfd": 323, "personality": 135, "prlimit64": 302, "inotify_init1": 294,
        "timer_create": 222, "signalfd4": 289, "pkey_mprotect": 329, "mseal": 462, "vmsplice": 278,
        "mincore": 27, "setns": 308, "kcmp": 312, "pread64": 17, "pwrite64": 18, "write": 1,
        "read": 0, "sendto": 44, "bind": 49, "capget": 125, "mknodat": 259, "shmat": 30, "ftruncate": 77,
    },
    "aarch64": {
        "clone": 220, "clone3": 435, "execve": 221, "socket": 198, "connect": 203, "kill": 129,
        "tgkill": 131, "ptrace": 117, "mmap": 222, "mprotect": 226, "mkdirat": 34, "openat": 56,
        "unlinkat": 35, "renameat2": 276, "memfd_create": 279, "io_uring_setup": 425,
        "execveat": 281, "unshare": 97, "process_vm_readv": 270, "prctl": 167, "ioctl": 29,
        "seccomp": 277, "getppid": 173, "uname": 160, "socketpair": 199, "symlinkat": 36,
        "newfstatat": 79, "getcwd": 17, "linkat": 37, "keyctl": 219, "bpf": 280, "openat2": 437,
        "sysinfo": 179, "setsid": 157, "landlock": 444, "madvise": 233, "fchmod": 52,
        "sendmsg": 211, "shmget": 194, "shmctl": 195, "semget": 190, "semctl": 191, "msgget": 186,
        "msgctl": 187, "mq_open": 180, "mq_unlink": 181, "futex": 98, "get_robust_list": 100,
        "fcntl": 25, "pidfd_open": 434, "pidfd_send_signal": 424, "rt_sigqueueinfo": 138,
        "perf_event_open": 241, "userfaultfd": 282, "personality": 92, "prlimit64": 261,
        "inotify_init1": 26, "timer_create": 107, "signalfd4": 74, "pkey_mprotect": 288,
        "mseal": 462, "vmsplice": 75, "mincore": 232, "setns": 268, "kcmp": 272, "pread64": 67,
        "pwrite64": 68, "write": 64, "read": 63, "sendto": 206, "bind": 200, "capget": 90, "mknodat": 33,
        "shmat": 196, "ftruncate": 46,
    },
}

# (name, source of the call, with r for its result and error, number of the call that it needs)
TRIED = [
    ("openat, a new file", "r = call(S['openat'], -100, new, 0o102, 0o600)", "openat"),
    ("open, a new file", "r = call(S['open'], new, 0o102, 0o600)", "open"),
    ("openat2, a new file", "r = call(S['openat2'], -100, new, bytearray((0o102).to_bytes(8, "
     "'little') + (0o600).to_bytes(8, 'little') + bytes(8)), 24)", "openat2"),
    ("mkdirat", "r = call(S['mkdirat'], -100, new, 0o700)", "mkdirat"),
    ("symlinkat", "r = call(S['symlinkat'], old, -100, new)", "symlinkat"),
    ("linkat", "r = call(S['linkat'], -100, old, -100, new, 0)", "linkat"),
    ("renameat2", "r = call(S['renameat2'], -100, old, -100, new, 0)", "renameat2"),
    ("unlinkat", "r = call(S['unlinkat'], -100, old, 0)", "unlinkat"),
    ("fchmod", "r = call(S['fchmod'], held, 0o777)", "fchmod"),
    ("openat, to read", "r = call(S['openat'], -100, old, 0)", "openat"),
    ("newfstatat of a path", "r = call(S['newfstatat'], -100, old, bytearray(256), 0)",
     "newfstatat"),
    ("32-bit mkdir", "r = (call32(39, low_path(), 0o700, 0), 0)", "open"),
    ("x32 openat", "r = call(0x40000000 + S['openat'], -100, new, 0o102, 0o600)", "open"),
    ("fork", "r = call(S['fork'])\nif r[0] == 0: os.mkdir(sys.argv[2])", "fork"),
    ("clone", "r = call(S['clone'], 17, 0, 0, 0, 0)\nif r[0] == 0: os.mkdir(sys.argv[2])",
     "clone"),
    ("clone3", "r = call(S['clone3'], bytearray(32) + (17).to_bytes(8, 'little') + bytes(24), "
     "64)\nif r[0] == 0: os.mkdir(sys.argv[2])", "clone3"),
    ("clone into a namespace", "r = call(S['clone'], 0x3d0f00 | 0x20000, 0, 0, 0, 0)", "clone"),
    ("execve", "r = call(S['execve'], b'/bin/mkdir\\0', argv(), bytearray(8))", "execve"),
    ("execveat", "r = call(S['execveat'], -100, b'/bin/mkdir\\0', argv(), bytearray(8), 0)",
     "execveat"),
    ("unshare", "r = call(S['unshare'], 0x20000)", "unshare"),
    ("unshare of threads", "r = call(S['unshare'], 0x10000)", "unshare"),
    ("socket", "r = call(S['socket'], 2, 1, 0)", "socket"),
    ("unix socket", "r = call(S['socket'], 1, 2, 0)", "socket"),
    ("connect", "r = call(S['connect'], free.fileno(), bytearray(b'\\2\\0' + port.to_bytes(2, "
     "'big') + b'\\x7f\\0\\0\\1' + bytes(8)), 16)", "connect"),
    ("datagram pair", "r = call(S['socketpair'], 1, 2, 0, bytearray(8))", "socketpair"),
    ("signal to the parent", "r = call(S['kill'], parent, 10)", "kill"),
    ("signal to all", "r = call(S['kill'], -1, 0)", "kill"),
    ("tgkill of the parent", "r = call(S['tgkill'], parent, parent, 10)", "tgkill"),
    ("ptrace", "r = call(S['ptrace'], 0x4206, parent, 0, 0)", "ptrace"),
    ("process_vm_readv", "r = call(S['process_vm_readv'], parent, 0, 0, 0, 0, 0)",
     "process_vm_readv"),
    ("executable memory", "r = call(S['mmap'], 0, 4096, 7, 0x22, -1, 0)", "mmap"),
    ("code of a file", "r = call(S['mmap'], 0, 4096, 5, 2, held, 0)", "mmap"),
    ("memory made executable", "page = call(S['mmap'], 0, 4096, 3, 0x22, -1, 0)[0]\n"
     "r = call(S['mprotect'], page, 4096, 5)", "mprotect"),
    ("pages taken from the machine", "page = call(S['mmap'], 0, 4096, 3, 0x22, -1, 0)[0]\n"
     "r = call(S['madvise'], page, 4096, 21)", "madvise"),
    ("memfd_create", "r = call(S['memfd_create'], b'x\\0', 0)", "memfd_create"),
    ("io_uring", "r = call(S['io_uring_setup'], 4, bytearray(120))", "io_uring_setup"),
    ("keyctl", "r = call(S['keyctl'], 0, -3, 0)", "keyctl"),
    ("bpf", "r = call(S['bpf'], 0, bytearray(64), 64)", "bpf"),
    ("privileges asked", "r = call(S['prctl'], 21)", "prctl"),
    ("terminal input", "r = call(S['ioctl'], 0, 0x5412, b'x')", "ioctl"),
    ("another filter", "r = call(S['seccomp'], 1, 0, bytearray(16))", "seccomp"),
    ("a Landlock ruleset", "r = call(S['landlock'], 0, 0, 1)", "landlock"),
    ("who the parent is", "r = call(S['getppid'])", "getppid"),
    ("the host's name", "r = call(S['uname'], bytearray(400))", "uname"),
    ("the current folder", "r = call(S['getcwd'], bytearray(4096), 4096)", "getcwd"),
    ("the machine's memory", "r = call(S['sysinfo'], bytearray(256))", "sysinfo"),
    ("a session", "r = call(S['setsid'])", "setsid"),
    ("datagram to a stranger", "r = call(S['sendmsg'], datagram.fileno(), to_datagrams, 0)",
     "sendmsg"),
    ("connection by a message", "r = call(S['sendmsg'], free.fileno(), to_listener, 0x20000000)",
     "sendmsg"),
    ("descriptor in a message", "r = call(S['sendmsg'], pair[0].fileno(), with_descriptor, 0)",
     "sendmsg"),
    ("shared memory", "r = call(S['shmget'], 0, 4096, 0o1600)\n"
     "if r[0] >= 0: call(S['shmctl'], r[0], 0, 0)", "shmget"),
    ("semaphores", "r = call(S['semget'], 0, 1, 0o1600)\n"
     "if r[0] >= 0: call(S['semctl'], r[0], 0, 0)", "semget"),
    ("messages of System V", "r = call(S['msgget'], 0, 0o1600)\n"
     "if r[0] >= 0: call(S['msgctl'], r[0], 0, 0)", "msgget"),
    ("a queue of messages", "r = call(S['mq_open'], b'lockdown-test\\0', 0o100, 0o600, 0)\n"
     "if r[0] >= 0: call(S['mq_unlink'], b'lockdown-test\\0')", "mq_open"),
    ("a lock that passes priority on", "r = call(S['futex'], bytearray(8), 8, 0, 0, 0, 0)",
     "futex"),
    ("the parent's locks", "r = call(S['get_robust_list'], parent, bytearray(8), bytearray(8))",
     "get_robust_list"),
    ("signals to the parent from a file", "r = call(S['fcntl'], held, 8, parent)", "fcntl"),
    ("news of a folder", "r = call(S['fcntl'], proc, 1026, 1)", "fcntl"),
    ("the parent held", "r = call(S['pidfd_open'], parent, 0)", "pidfd_open"),
    ("signal by a descriptor", "r = call(S['pidfd_send_signal'], the_parent, 0, 0, 0)",
     "pidfd_send_signal"),
    ("signal with a value", "r = call(S['rt_sigqueueinfo'], parent, 0, bytearray(128))",
     "rt_sigqueueinfo"),
    ("counters of the processor", "r = call(S['perf_event_open'], bytearray(128), parent, -1, -1, 0)",
     "perf_event_open"),
    ("faults of memory", "r = call(S['userfaultfd'], 0)", "userfaultfd"),
    ("personality", "r = call(S['personality'], 0xffffffff)", "personality"),
    ("limits", "r = call(S['prlimit64'], 0, 4, 0, bytearray(16))", "prlimit64"),
    ("watching files", "r = call(S['inotify_init1'], 0)", "inotify_init1"),
    ("a timer", "r = call(S['timer_create'], 1, 0, bytearray(8))", "timer_create"),
    ("signals as a file", "r = call(S['signalfd4'], -1, bytearray(8), 8, 0)", "signalfd4"),
    ("memory made executable with a key", "page = call(S['mmap'], 0, 4096, 3, 0x22, -1, 0)[0]\n"
     "r = call(S['pkey_mprotect'], page, 4096, 5, -1)", "pkey_mprotect"),
    ("memory sealed", "page = call(S['mmap'], 0, 4096, 3, 0x22, -1, 0)[0]\n"
     "r = call(S['mseal'], page, 4096, 0)", "mseal"),
    ("pages given away", "r = call(S['vmsplice'], held, bytearray(16), 0, 0)", "vmsplice"),
    ("which pages are there", "page = call(S['mmap'], 0, 4096, 3, 0x22, -1, 0)[0]\n"
     "r = call(S['mincore'], page, 4096, bytearray(8))", "mincore"),
    ("a namespace by its file", "r = call(S['setns'], the_parent, 0)", "setns"),
    ("what two processes share", "r = call(S['kcmp'], parent, parent, 0, 0, 0)", "kcmp"),
    ("a path from an open folder", "r = call(S['openat'], proc, b'self/status\\0', 0)", "openat"),
    ("a call from the future", "r = call(4000)", "openat"),
]

RAW = """
    |import ctypes, os, signal, socket, struct, threading, time
    |sys.path.insert(0, sys.argv[1])
    |from rawcalls import call, call32
    |new, old = (os.fsencode(path) + b"\\0" for path in sys.argv[2:4])
    |port, parent = int(sys.argv[4]), os.getppid()
    |S = json.loads(sys.argv[5])
    |free, datagram = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
    |pair = socket.socketpair()
    |proc, the_parent = os.open("/proc", os.O_RDONLY), os.pidfd_open(parent)
    |held = os.open(sys.argv[3], os.O_RDWR)
    |words = bytearray()
    |def argv():
    |    global texts
    |    texts = [ctypes.create_string_buffer(b"mkdir"), ctypes.create_string_buffer(new)]
    |    return bytearray(struct.pack("=3Q", *map(ctypes.addressof, texts), 0))
    |arguments = argv()
    |kept = []
    |def place(data):
    |    kept.append(ctypes.create_string_buffer(bytes(data), len(data)))
    |    return ctypes.addressof(kept[-1])
    |def message(name=b"", control=b""):
    |    part = struct.pack("=QQ", place(b"hello"), 5)
    |    return bytearray(struct.pack("=QIxxxxQQQQI4x", name and place(name) or 0, len(name),
    |                     place(part), 1, control and place(control) or 0, len(control), 0))
    |def address(port):
    |    return b"\\2\\0" + port.to_bytes(2, "big") + b"\\x7f\\0\\0\\1" + bytes(8)
    |to_listener, to_datagrams = message(address(port)), message(address(S["port"]))
    |with_descriptor = message(control=struct.pack("=QIIIxxxx", 20, 1, 1, held))
    |def argv():
    |    return arguments
    |# A path below 4 GiB, for the calls of 32-bit programs.
    |import mmap
    |low = None
    |if "open" in S:
    |    place = call(S["mmap"], 0, 4096, 3, 0x62, -1, 0)[0]
    |    ctypes.memmove(place, new, len(new))
    |    low = place
    |def low_path():
    |    return low
"""


@unittest.skipUnless(ring.LINUX, "the ring of another system")
class RawTest(fresh.FolderTest):
    """What a process can do that no longer goes through the interpreter."""

    def setUp(self):
        super().setUp()
        ring.raw_calls(self.folder)
        self.numbers = CALLS[os.uname().machine]

    def try_one(self, name, source, lock):
        """Run one call; gives (what was reported, what was seen from outside)."""
        folder = os.path.join(self.folder, name.replace(" ", "_").replace("/", "_"))
        os.mkdir(folder)
        new, old = os.path.join(folder, "new"), os.path.join(folder, "old")
        with open(old, "w") as file:
            file.write("canary")
        os.chmod(old, 0o600)
        with (socket.create_server(("127.0.0.1", 0)) as listener,
              socket.socket(type=socket.SOCK_DGRAM) as datagrams):
            listener.setblocking(False)
            datagrams.setblocking(False)
            datagrams.bind(("127.0.0.1", 0))
            body = "".join(f"    |{line}\n" for line in source.splitlines())
            outcome = fresh.scenario(
                RAW + f"    |{lock}\n    |report(ready=True)\n" + body
                + "    |report(result=r)\n    |call(94 if 'open' not in S else 231, 0)\n",
                self.folder, new, old, str(listener.getsockname()[1]),
                json.dumps({**self.numbers, "port": datagrams.getsockname()[1]}), expect=None)
            self.assertIn("ready", outcome.facts, outcome.err)
            try:
                listener.accept()[0].close()
                reached = True
            except BlockingIOError:
                reached = False
            try:
                told = datagrams.recv(100) == b"hello"
            except BlockingIOError:
                told = False
        seen = {word for word, found in (
            ("made", os.path.lexists(new)), ("gone", not os.path.lexists(old)), ("reached", reached),
            ("told", told),
            ("mode", os.path.lexists(old) and os.stat(old).st_mode & 0o777 != 0o600)) if found}
        return outcome, seen

    def check_all(self, lock, before=""):
        counts = fresh.Counts()
        for name, source, number in TRIED:
            if number not in self.numbers or name == "32-bit mkdir" and "open" not in self.numbers:
                continue
            with self.subTest(name):
                outcome, seen = self.try_one(name, source, lock)
                self.assertEqual(seen, set())
                if outcome.returncode == -31:           # SIGSYS
                    counts.add("ended the process")
                else:
                    result, error = outcome.facts["result"]
                    self.assertEqual(result, -1)
                    self.assertIn(error, (errno.EPERM, errno.ENOSYS))
                    counts.add(errno.errorcode[error])
        counts.show("raw system calls refused by the kernel alone")

    @ring.needs(ring.CALLS)
    def test_nothing_kept(self):
        self.check_all("lockdownlib.lockdown(keep=(), kernel='try')")

    @ring.needs(ring.CALLS)
    def test_in_a_thread_that_was_there_before(self):
        lock = "lockdownlib.lockdown(keep=(), kernel='try')"
        for name, source, number in TRIED:
            if name not in ("openat, a new file", "socket", "execve"):
                continue
            with self.subTest(name):
                body = "go = threading.Event()\ndef run():\n    global r\n    go.wait()\n"
                body += "".join(f"    {line}\n" for line in source.splitlines())
                outcome, seen = self.try_one(
                    name, "go.set(); thread.join()",
                    "\n    |".join((body + "thread = threading.Thread(target=run); thread.start()\n"
                                    + lock).splitlines()))
                self.assertEqual(seen, set())
                if outcome.returncode != -31:
                    self.assertEqual(outcome.facts["result"], [-1, errno.EPERM])

    def test_control(self):
        """Unlocked, the same calls have their effect or are answered."""
        expected = {
            "openat, a new file": "made", "open, a new file": "made", "mkdirat": "made",
            "openat2, a new file": "made", "symlinkat": "made", "linkat": "made",
            "renameat2": "gone", "unlinkat": "gone", "fchmod": "mode", "fork": "made",
            "clone": "made", "clone3": "made", "execve": "made", "execveat": "made",
            "connect": "reached", "connection by a message": "reached",
            "datagram to a stranger": "told",
        }
        answered = {"openat, to read", "socket", "unix socket", "executable memory",
                    "memory made executable", "memfd_create", "who the parent is",
                    "the host's name", "the current folder", "datagram pair",
                    "newfstatat of a path", "code of a file", "the machine's memory",
                    "descriptor in a message", "shared memory", "semaphores",
                    "messages of System V", "a lock that passes priority on", "the parent's locks",
                    "signals to the parent from a file", "news of a folder", "the parent held",
                    "signal by a descriptor", "personality", "limits", "watching files", "a timer",
                    "signals as a file", "memory made executable with a key",
                    "which pages are there", "what two processes share",
                    "a path from an open folder"}
        absent = []
        for name, source, number in TRIED:
            if number not in self.numbers or name not in expected and name not in answered:
                continue
            with self.subTest(name):
                outcome, seen = self.try_one(name, source, "pass")
                result, error = outcome.facts.get("result", (0, 0))
                if not seen and result == -1 and error in (errno.ENOSYS, errno.EPERM):
                    # A kernel does without some, and a container refuses some.
                    absent.append(f"{name} ({errno.errorcode[error]})")
                elif name in expected:
                    self.assertIn(expected[name], seen, outcome)
                else:
                    self.assertEqual(error, 0)
        if absent:
            self.skipTest(f"refused here unlocked too: {', '.join(absent)}")


if __name__ == "__main__":
    unittest.main()
