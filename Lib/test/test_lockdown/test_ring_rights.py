"""What each kept right, and each pair of them, opens in the kernel ring: raw system calls as code
would make them that goes past the interpreter, each with its effect unlocked."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import unittest
from test.test_lockdown import fresh, ring, test_ring

# With "proc" programs are started that need all this, and with "code" memory is made executable.
RIGHTS = ("fs.read", "fs.write", "fd", "net", "import", "env", "inspect", "runtime", "ipc",
          "fs.special")
USER = 65534
# Those by which the perf trampoline is switched on.
PERF = "runtime fs.write"
# New files are opened for both, so Landlock lets who keeps "fs.write" read files, and the filter
# lets those open to read who keep one of the others.
READS = ["fs.read", "import", "fs.write net", "fs.write env", "fs.write ipc"]

# What a guest tries: a name, the source of a function that tells whether it had its effect, the
# sets of rights any of which opens it in the ring, and "root" if only the superuser can, or "fatal"
# if the ring ends the process.
TRIED = [
    # The guest's own machine code is in the files CODE, which the process holds, and SHARED, ...
    ("code of a held file", "return runs(mapped(held, EXEC, PRIVATE))", ["import", PERF], ""),
    ("code of a held file, written to", "return runs(mapped(held, EXEC | WRITE, PRIVATE))",
     [PERF], ""),
    ("code of a held file, shared", "return runs(mapped(held, EXEC, SHARED))", [PERF], ""),
    ("code without a file", "return runs(filled(mapped(-1, EXEC | WRITE, PRIVATE | ANONYMOUS)))",
     [PERF], ""),
    ("data made code", "page = filled(mapped(-1, WRITE, PRIVATE | ANONYMOUS))\n"
     "return did('mprotect', page, 4096, 5) and runs(page)", [PERF], ""),
    ("a file's data made code", "page = mapped(held, WRITE, PRIVATE)\n"
     "return did('mprotect', page, 4096, 5) and runs(page)", [PERF], ""),
    ("data made code with a key", "page = filled(mapped(-1, WRITE, PRIVATE | ANONYMOUS))\n"
     "return did('pkey_mprotect', page, 4096, 5, -1) and runs(page)", [], ""),
    # ... a file in memory, shared memory of a name, and shared memory of System V.
    ("code in memory", "fd = call(S['memfd_create'], b'x\\0', 0)[0]\n"
     "call(S['pwrite64'], fd, code, len(code), 0)\n"
     "return fd >= 0 and runs(mapped(fd, EXEC, PRIVATE))", ["ipc import"], ""),
    ("code in shared memory", "fd = call(S['openat'], -100, shared, 0o102, 0o600)[0]\n"
     "call(S['pwrite64'], fd, code, len(code), 0)\n"
     "return fd >= 0 and runs(mapped(fd, EXEC, PRIVATE))", ["ipc import",
                                                          "import fs.read fs.write"], ""),
    ("code in a segment", "number = call(S['shmget'], 0, 4096, 0o1700)[0]\n"
     "page = call(S['shmat'], number, 0, 0o100000)[0]\n"
     "call(S['shmctl'], number, 0, 0)\n"
     "return page != -1 and runs(filled(page))", [], ""),
    # Reaching others by sockets.
    ("datagram to an address", "return did('sendto', away.fileno(), b'hello', 5, 0, target, 16)",
     ["net"], ""),
    ("connection by a first packet", "return did('sendto', free.fileno(), b'hello', 5,"
     " 0x20000000, listener, 16)", ["net"], ""),
    ("a port", "return did('bind', unbound.fileno(), nowhere, 16)", ["net"], ""),
    ("a name without a file", "return did('bind', datagram(), hidden, len(hidden))", ["net"], ""),
    ("a datagram to a name", "return did('sendto', datagram(), b'hello', 5, 0, where,"
     " len(where))", ["net"], ""),
    ("what interfaces there are", "return netlink(18, bytes(4)) == 16", ["net", "env"], ""),
    # Devices, and folders that are no files.
    ("a device for characters", "return did('mknodat', -100, new, 0o020666, 0x103)", [], "root"),
    ("a device for blocks", "return did('mknodat', -100, new, 0o060666, 0x700)", [], "root"),
    ("a device that overlays hide by", "return did('mknodat', -100, new, 0o020000, 0)", [], ""),
    ("a pipe with a name", "return did('mknodat', -100, new, 0o010600, 0)", ["fs.write"], ""),
    ("a name among devices", "return did('mknodat', -100, device, 0o100600, 0)",
     ["fs.write fs.special"], "root"),
    ("a folder", "return did('mkdirat', -100, new, 0o700)", ["fs.write"], ""),
    # Reading, by path.
    ("a file", "return reads(b'code')", READS, ""),
    ("a table of the system", "return reads(b'/etc/passwd')", READS + ["net", "env"], ""),
    ("what the process is", "return reads(b'/proc/self/stat')",
     ["fs.read fs.special", "import", "net", "env"], ""),
    ("what another process is", "return reads(b'/proc/%d/stat' % parent)",
     ["fs.read fs.special", "import fs.special"], ""),
    ("what the kernel is", "return reads(b'/sys/kernel/uevent_seqnum')",
     ["fs.read fs.special", "import fs.special"], ""),
    ("what only the superuser reads", "return reads(b'/var/lib/' + here.split(b'/')[-2])", READS,
     "root"),
    ("a terminal by its name", "return did('openat', -100, os.fsencode(other) + b'\\0', 0o400)",
     ["fs.read fs.special", "import fs.special", "ipc"], ""),
    # What the superuser's later lock needs that gives up "net" and keeps "env".
    ("what another process may", "return did('capget', struct.pack('=II', 0x20080522, parent),"
     " bytearray(24))", ["env net"], ""),
    # A terminal's size, of which its processes are told by a signal.
    ("a terminal's size", "return did('ioctl', terminal, 0x5414, bytearray(size))", [], ""),
    ("all memory is code", "return did('personality', 0x400000)", [], "fatal"),
]

GUEST = """
    |import fcntl, os, socket, struct
    |sys.path.insert(0, sys.argv[1])
    |from rawcalls import call, jump
    |S, keep, user = json.loads(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
    |here = os.fsencode(sys.argv[5])
    |EXEC, WRITE, PRIVATE, SHARED, ANONYMOUS = 5, 3, 2, 1, 0x20
    |# Returns 1234.
    |code = bytes.fromhex("b8d2040000c3" if "open" in S else "409a8052c0035fd6")
    |# Where we are: by path another user may have no way there.
    |new, device, shared = (name + b"\\0" for name in (
    |    b"new", b"/dev/" + here.split(b"/")[-2], b"/dev/shm/" + here.split(b"/")[-2]))
    |def address(port):
    |    return b"\\2\\0" + port.to_bytes(2, "big") + b"\\x7f\\0\\0\\1" + bytes(8)
    |nowhere = address(0)
    |listening, receiving = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
    |receiving.bind(("127.0.0.1", 0))
    |listener, target = (address(one.getsockname()[1]) for one in (listening, receiving))
    |free, away, unbound = socket.socket(), *(socket.socket(type=socket.SOCK_DGRAM) for _ in "12")
    |named = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    |named.bind("name")
    |where = b"\\1\\0name\\0"
    |hidden = b"\\1\\0\\0" + here.split(b"/")[-2]
    |master, terminal = os.openpty()
    |other, size = os.ttyname(terminal), struct.pack("=4H", 11, 22, 0, 0)
    |held = os.open("code", os.O_RDWR | os.O_CREAT)
    |os.write(held, code)
    |parent = os.getppid()
    |if user:
    |    os.chmod(".", 0o777), os.chmod("name", 0o777), os.chmod(other, 0o666)
    |    os.setgroups([]), os.setgid(user), os.setuid(user)
    |def did(name, *args):
    |    return call(S[name], *args)[0] >= 0
    |def mapped(fd, may, how):
    |    return call(S["mmap"], 0, 4096, may | 1, how, fd, 0)[0]
    |def filled(page):
    |    if page != -1:
    |        call(S["pread64"], held, page, len(code), 0)
    |    return page
    |def runs(page):
    |    return page != -1 and jump(page) == 1234
    |def datagram():
    |    return call(S["socket"], 1, 2, 0)[0]
    |def netlink(kind, body):
    |    # Gives the kind of the answer; a longer question goes by write().
    |    fd = call(S["socket"], 16, 3, 0)[0]
    |    question = struct.pack("=IHHII", 16 + len(body), kind, 0x301, 1, 0) + body
    |    call(S["bind"], fd, struct.pack("=HHII", 16, 0, 0, 0), 12)
    |    call(S["sendto"], fd, question, len(question), 0, struct.pack("=HHII", 16, 0, 0, 0), 12)
    |    answer = bytearray(64)
    |    call(S["read"], fd, answer, 64)
    |    return struct.unpack_from("=H", answer, 4)[0]
    |def reads(path):
    |    fd = call(S["openat"], -100, path + b"\\0", 0)[0]
    |    return fd >= 0 and call(S["read"], fd, bytearray(100), 100)[0] > 0
    |def clear():
    |    for path in new, device, shared:
    |        call(S["unlinkat"], -100, path, 0), call(S["unlinkat"], -100, path, 0x200)
"""
GUEST += "".join(
    f"    |def tried_{number}():\n" + "".join(f"    |    {line}\n" for line in source.splitlines())
    for number, (_, source, _, _) in enumerate(TRIED))


def private(path, flags):
    return os.open(path, flags, 0o600)


def is_opened(opened_by, keep):
    return any(set(rights.split()) <= set(keep) for rights in opened_by)


@unittest.skipUnless(ring.LINUX, "the ring of another system")
class RightsTest(fresh.FolderTest):

    def setUp(self):
        super().setUp()
        ring.raw_calls(self.folder)
        self.numbers = test_ring.CALLS[os.uname().machine]

    def guest(self, keep, user, names, lock=True):
        """Try these in one process; gives what had its effect."""
        folder = os.path.join(self.folder, "guest")
        os.mkdir(folder)
        name = os.path.basename(self.folder)
        with contextlib.suppress(PermissionError):
            with open(f"/var/lib/{name}", "w", opener=private) as file:
                file.write("secret")
        try:
            return fresh.scenario(fresh.text(GUEST) + fresh.text(f"""
                |if {lock}:
                |    lockdownlib.lockdown(keep=keep, kernel="require")
                |found = {{}}
                |for name, number in {names}.items():
                |    found[name] = globals()[f"tried_{{number}}"]()
                |    clear()
                |report(found=found)
                """), self.folder, json.dumps(self.numbers), json.dumps(keep), str(user), folder,
                cwd=folder).facts["found"]
        finally:
            for path in "/dev", "/dev/shm", "/var/lib":
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(path, name))
            shutil.rmtree(folder)

    def users(self):
        """Whom to become before the lock; 0 for nobody else."""
        return (0, USER) if os.geteuid() == 0 else (0,)

    def control(self, user):
        """What has its effect unlocked: nearly all, a machine may lack something."""
        names = {name: number for number, (name, *_) in enumerate(TRIED)}
        found = self.guest((), user, names, lock=False)
        superuser = os.geteuid() == 0 and user == 0
        missing = [name for name, done in found.items()
                   if not done and (superuser or TRIED[names[name]][3] != "root")]
        self.assertLessEqual(len(missing), 4, missing)
        return found

    @ring.needs(ring.SCOPES)
    def test_each_right_and_each_pair(self):
        counts = fresh.Counts()
        names = {name: number for number, (name, _, _, kind) in enumerate(TRIED) if kind != "fatal"}
        keeps = [()] + [(one,) for one in RIGHTS] + list(itertools.combinations(RIGHTS, 2))
        for user in self.users():
            control = self.control(user)
            for keep in keeps + [("import", "fs.read", "fs.write")]:
                for name, done in self.guest(keep, user, names).items():
                    expected = control[name] and is_opened(TRIED[names[name]][2], keep)
                    with self.subTest(name, keep=keep, user=user):
                        self.assertEqual(done, expected)
                    counts.add("done" if done else "refused")
        counts.show("raw calls of processes that keep one right or two")

    @unittest.skipUnless(os.geteuid() == 0, "only the superuser changes interfaces")
    @ring.needs(ring.FILES)
    def test_interfaces_are_asked_for_and_not_changed(self):
        # In a network of the process's own, by a message that is written and not sent to an
        # address; a fork that is not locked tells what became of it.
        if subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no network can be made here")
        folder = os.path.join(self.folder, "guest")
        os.mkdir(folder)
        for locks, changed in (([("env",)], False), ([("net",)], True), ([], True),
                               ([("env", "net", "fd"), ("env", "fd"), ("env",)], False)):
            with self.subTest(locks=locks):
                outcome = fresh.run(
                    "--net", sys.executable, "-I", "-c", fresh.CHILD + fresh.text(GUEST)
                    + fresh.text(f"""
                        |reader, writer = os.pipe()
                        |child = os.fork()
                        |if child == 0:
                        |    os.read(reader, 1)
                        |    asked = fcntl.ioctl(socket.socket(), 0x8921, b"lo".ljust(40, b"\\0"))
                        |    report(size=struct.unpack_from("=i", asked, 16)[0])
                        |    os._exit(0)
                        |for keep in {locks}:
                        |    lockdownlib.lockdown(keep=keep, kernel="require")
                        |fd = call(S["socket"], 16, 3, 0)[0]
                        |body = struct.pack("=BxHiII", 0, 0, 1, 0, 0) + struct.pack("=HHI", 8, 4, 1234)
                        |question = struct.pack("=IHHII", 16 + len(body), 16, 5, 1, 0) + body
                        |written = call(S["write"], fd, question, len(question))[0]
                        |call(S["write"], writer, b"x", 1)
                        |report(written=written == len(question))
                        """), self.folder, json.dumps(self.numbers), "[]", "0", folder, cwd=folder,
                    program=shutil.which("unshare"))
                os.unlink(os.path.join(folder, "name"))
                self.assertTrue(outcome.facts["written"])
                self.assertEqual(outcome.facts["size"] == 1234, changed)


if __name__ == "__main__":
    unittest.main()
