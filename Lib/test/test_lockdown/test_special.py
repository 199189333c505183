"""A kept fs.read or fs.write is for files: /proc, /sys and devices need fs.special besides.

Whatever is tried here has its effect where fs.special is kept, and none without it.  What was
told, written or opened is judged by the value that comes back, by the process's memory, or by the
parent, which looks into /proc.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from test import support
from test.test_lockdown import fresh, probes, ring, test_ring

FILES = ("fs.read", "fs.write")
EVERY = FILES + ("fs.special",)
REFUSED = ["refused", "LockdownPermissionError", "fs.special"]

# Each leads to the file NAME of the process itself; made are links that the guest has made.
ROADS = [
    "/proc/self/{name}", "/proc/thread-self/{name}", "/proc/{pid}/{name}",
    "/proc/self/task/{pid}/{name}", "/proc/self/root/proc/self/{name}",
    "//proc/./self//{name}", "/dev/../proc/self/{name}", "/dev/fd/../{name}",
    "{folder}/made", "{folder}/../../../../../../../../../proc/self/{name}",
    "{folder}/made-folder/{name}", "{folder}/made-chain", "made", "made-folder/{name}",
]

# What the guest does is the same, locked and not.
GUEST = """
    |import os, threading
    |keep, folder, pid = json.loads(sys.argv[1]), sys.argv[2], os.getpid()
    |os.chdir(folder)
    |def lock(kernel="off"):
    |    lockdownlib.lockdown(keep=keep, kernel=kernel)
    |def roads(name, patterns):
    |    os.symlink(f"/proc/self/{name}", "made")
    |    os.symlink("/proc/self", "made-folder")
    |    os.symlink("made-folder/" + name, "made-chain")
    |    return [road.format(name=name, pid=pid, folder=folder) for road in patterns]
    |def contents(path, **kwargs):
    |    with open(path, "rb", buffering=0, **kwargs) as file:
    |        return file.read(100)
    """


@unittest.skipUnless(sys.platform == "linux" and probes.HAVE_PROC, "what is no file is Linux's")
class SpecialTest(fresh.FolderTest):

    def guest(self, source, keep, *args, **kwargs):
        folder = tempfile.mkdtemp(dir=self.folder)
        # It has no terminal, wherever the tests are run from.
        return fresh.scenario(fresh.text(GUEST) + fresh.text(source), json.dumps(keep), folder,
                              *args, start_new_session=True, **kwargs)

    def both(self, source, *args, also=(), **kwargs):
        """The facts of a guest that keeps fs.special, and of one that does not."""
        return [self.guest(source, keep + also, *args, **kwargs).facts for keep in (EVERY, FILES)]

    # Another thread swaps a link between a file and what is none, while it is looked at.
    RACE = """
        |target = "/proc/self/fd/%d" % os.open(folder, os.O_RDWR | os.O_TMPFILE)
        |{setup}
        |os.symlink("file", "name")
        |sys.setswitchinterval(1e-6)
        |lock()
        |ended = False
        |def swap():
        |    while not ended:
        |        for goal in target, "file":
        |            os.symlink(goal, "other")
        |            os.rename("other", "name")
        |thread = threading.Thread(target=swap, daemon=True)
        |thread.start()
        |seen, refused, done = 0, 0, 0
        |# On a busy machine one thread may run for long while the other waits.
        |for number in range(200_000):
        |    if number >= 2000 and done and (seen or refused):
        |        break
        |    try:
        |        seen += {call}
        |        done += 1
        |    except lockdownlib.LockdownError:
        |        refused += 1
        |ended = True
        |thread.join()
        |report(seen=seen, refused=refused, done=done)
        """

    def race(self, setup, call, *args, also=()):
        race = fresh.text(self.RACE)
        for keep in EVERY, FILES:
            facts = self.guest(race.replace("{setup}\n", fresh.text(setup)).replace("{call}", call),
                               keep + also, *args).facts
            self.assertGreater(facts["done"], 0)
            if keep is EVERY:
                self.assertGreater(facts["seen"], 0)
            else:
                self.assertEqual(facts["seen"], 0)
                self.assertGreater(facts["refused"], 0)


class AttackTest(SpecialTest):
    """What a guest that keeps fs.read and fs.write has tried to lift the first ring."""

    def test_memory(self):
        control, facts = self.both("""
            |names = roads("mem", json.loads(sys.argv[3]))
            |victim = bytes(len(names))
            |where = id(victim) + bytes.__basicsize__ - 1       # A host's mistake, to make it easy.
            |lock()
            |def write(number, name):
            |    with open(name, "r+b", buffering=0) as file:
            |        file.seek(where + number)
            |        file.write(b"x")
            |report(found=[attempt(write, *pair) for pair in enumerate(names)],
            |       victim=victim.decode())
            """, json.dumps(ROADS))
        self.assertEqual(control["victim"], "x" * len(ROADS), control["found"])
        self.assertEqual(facts["victim"], "\0" * len(ROADS))
        for road, found in zip(ROADS, facts["found"]):
            with self.subTest(road):
                self.assertEqual(found, REFUSED + ["io.FileIO"])

    def test_what_is_told(self):
        for name in "maps", "environ", "cmdline", "auxv", "stat":
            control, facts = self.both(f"""
                |names = roads("{name}", json.loads(sys.argv[3]))
                |lock()
                |report(found=[attempt(contents, name) for name in names],
                |       others=[attempt(os.open, names[0], os.O_RDONLY),
                |               attempt(os.stat, names[0]), attempt(os.stat, "made"),
                |               attempt(os.access, names[0], os.R_OK)])
                """, json.dumps(ROADS))
            with self.subTest(name):
                for found in control["found"] + control["others"]:
                    self.assertEqual(found[0], "done")
                    self.assertNotIn(found[1], ("b''", "False"))
                for found in facts["found"] + facts["others"]:
                    self.assertEqual(found[:3], REFUSED)

    def test_text_of_an_error(self):
        # C code looks for the line itself, and goes without where it gets none.
        control, facts = self.both("""
            |lock()
            |try:
            |    compile("(", "/proc/self/environ", "exec")
            |except SyntaxError as error:
            |    report(text=error.text)
            """, env={"SECRET": "the canary sings", **fresh.environment()})
        self.assertIn("the canary sings", control["text"])
        self.assertEqual(facts["text"], "(\n")

    def test_links_and_folders(self):
        calls = ["os.readlink('/proc/self/exe')", "os.readlink('/proc/self/cwd')",
                 "os.readlink('/proc/self')", "os.listdir('/proc/self/fd')",
                 "os.listdir('/sys/class')", "list(os.scandir('/proc/self/task'))",
                 "os.chdir('/proc/self')", "os.listdir(b'/proc')", "os.lstat('/proc/self')",
                 "os.statvfs('/proc')", "os.stat('/proc')", "os.readlink('made-folder/exe')",
                 "os.listdir('made-folder/')", "os.link('/proc/self/exe', 'name')",
                 "os.rename('made-folder/comm', 'name')", "os.mkdir('/proc/self/made')",
                 "os.unlink('/proc/self/comm')", "os.symlink('name', '/sys/name')",
                 "os.truncate('/proc/self/comm', 0)", "os.chmod('/proc/self/comm', 0o600)",
                 "os.utime('/proc/self/comm')", "os.open('made-folder', os.O_PATH)",
                 "os.open('/proc/self/comm', os.O_WRONLY | os.O_TRUNC)",
                 "open('/proc/self/comm', 'w').write('guest')"]
        _, facts = self.both("""
            |roads("comm", [])
            |lock()
            |calls = json.loads(sys.argv[3])
            |report(found=[attempt(eval, call) for call in calls])
            """, json.dumps(calls))
        for call, found in zip(calls, facts["found"]):
            with self.subTest(call):
                self.assertEqual(found[:3], REFUSED)

    def test_descriptors(self):
        # Of the host: a file without a name, and memory that never had one.
        control, facts = self.both("""
            |file = os.open("nameless", os.O_RDWR | os.O_CREAT)
            |os.unlink("nameless")
            |memory = os.memfd_create("host")
            |numbers = [file, memory]
            |for number in numbers:
            |    os.write(number, b"canary")
            |names = [name % number for number in numbers for name in
            |         ("/proc/self/fd/%d", "/dev/fd/%d", f"/proc/{pid}/fd/%d")]
            |os.symlink(names[0], "made")
            |lock()
            |report(found=[attempt(contents, name) for name in names + ["made"]],
            |       cut=attempt(os.truncate, names[0], 3), left=os.lseek(file, 0, os.SEEK_END)
            |       if "fd" in keep else None)
            """)
        for found in control["found"]:
            self.assertEqual(found, ["done", "b'canary'"])
        self.assertEqual(control["cut"], ["done", "None"])
        for found in facts["found"] + [facts["cut"]]:
            self.assertEqual(found[:3], REFUSED)

    def test_entries_of_a_folder(self):
        control, facts = self.both("""
            |entries = [entry for entry in os.scandir("/proc/self") if entry.name == "comm"]
            |os.symlink("/proc/self/comm", "made")
            |entries += os.scandir(".")
            |lock()
            |entries += os.scandir(folder)
            |report(found=[attempt(entry.stat) for entry in entries],
            |       found_itself=attempt(entries[-1].stat, follow_symlinks=False))
            """)
        self.assertEqual([found[0] for found in control["found"]], ["done"] * 3)
        for found in facts["found"]:
            self.assertEqual(found, REFUSED + ["os.DirEntry.stat"])
        self.assertEqual(facts["found_itself"][0], "done")

    def test_folder_of_the_host(self):
        # Also where the guest has a descriptor of such a folder, or is in it.
        for keep in EVERY + ("fd",), FILES + ("fd",):
            facts = self.guest("""
                |proc = os.open("/proc/self", os.O_RDONLY)
                |os.chdir("/proc/self")
                |lock()
                |report(found=[attempt(os.open, "comm", os.O_RDONLY, dir_fd=proc),
                |              attempt(os.stat, "comm", dir_fd=proc),
                |              attempt(os.readlink, "exe", dir_fd=proc),
                |              attempt(contents, "comm"), attempt(os.listdir),
                |              attempt(os.listdir, "."), attempt(os.stat, "comm")])
                """, keep).facts
            for found in facts["found"]:
                if "fs.special" in keep:
                    self.assertEqual(found[0], "done")
                else:
                    self.assertEqual(found[:3], REFUSED)

    def test_race(self):
        self.race("""
            |target = "/proc/self/comm"
            |with open("file", "w") as file:
            |    file.write("a file")
            |there = os.stat("/proc/self").st_dev
            |calls = [lambda: contents("name") != b"a file",
            |         lambda: os.stat("name").st_dev == there,
            |         lambda: os.read(os.open("name", os.O_RDONLY), 9) != b"a file"
            |                 if "fd" in keep else False]
            """, "calls[number % 3]()")

    def test_mounted_elsewhere(self):
        target = self.write("target", "a file")
        if subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind /proc/version "$1"',
                           "sh", target], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no file of /proc can be mounted here")
        script = fresh.CHILD + fresh.text(f"""
            |lockdownlib.lockdown(keep=json.loads(sys.argv[1]))
            |report(found=attempt(lambda: open({target!r}).read()))
            """)
        for keep in EVERY, FILES:
            outcome = fresh.run(
                "--mount", "sh", "-c", 'mount --bind /proc/version "$1"; shift; exec "$@"', "sh",
                target, sys.executable, "-I", "-c", script, json.dumps(keep),
                program=shutil.which("unshare"))
            if "fs.special" in keep:
                self.assertIn("Linux", outcome.facts["found"][1])
            else:
                self.assertEqual(outcome.facts["found"], REFUSED + ["io.FileIO"])


class DeviceTest(SpecialTest):

    def test_terminals(self):
        # A new pair is seen by the parent, in the process's descriptors.
        source = """
            |lock()
            |found = [attempt(os.open, name, os.O_RDWR | os.O_NOCTTY)
            |         for name in ("/dev/ptmx", "/dev/pts/ptmx")]
            |report(pid=pid, found=found)
            |input()
            """
        for keep in EVERY, FILES:
            with subprocess.Popen(
                    [sys.executable, "-I", "-c",
                     fresh.CHILD + fresh.text(GUEST) + fresh.text(source), json.dumps(keep),
                     tempfile.mkdtemp(dir=self.folder)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                    env=fresh.environment()) as process:
                facts = next((json.loads(line[1:]) for line in process.stdout
                              if line.startswith("@")), None)
                self.assertIsNotNone(facts, "the guest ended without a report")
                held = [os.readlink(f"/proc/{process.pid}/fd/{number}")
                        for number in os.listdir(f"/proc/{process.pid}/fd")]
                process.communicate("\n")
            pairs = [name for name in held if name.endswith("ptmx")]
            if "fs.special" in keep:
                if not pairs:
                    self.skipTest("there are no terminals here")
            else:
                self.assertEqual(pairs, [])
                self.assertEqual(facts["found"][0], REFUSED + ["os.open"])

    def test_harmless(self):
        facts = self.guest("""
            |lock("try")
            |report(read=[len(contents(f"/dev/{name}")) for name in ("null", "zero", "full",
            |                                                        "random", "urandom")],
            |       written=[open(f"/dev/{name}", "wb", 0).write(b"x") for name in ("null", "zero")],
            |       full=attempt(open("/dev/full", "wb", 0).write, b"x"),
            |       looked=[attempt(os.stat, "/dev/tty"), attempt(os.listdir, "/dev")])
            """, FILES).facts
        self.assertEqual(facts["read"], [0, 100, 100, 100, 100])
        self.assertEqual(facts["written"], [1, 1])
        self.assertIn("No space", facts["full"][2])
        self.assertEqual([found[0] for found in facts["looked"]], ["done"] * 2)

    def test_nodes(self):
        # With fs.write they could be made, for other programs to open, and given to others.
        path = os.path.join(self.folder, "node")
        try:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(5, 0))
        except OSError:
            self.skipTest("no devices can be made here")
        source = f"""
            |lock()
            |os.chdir({self.folder!r})
            |report(made=[attempt(os.mknod, f"{{kind}}", kind | 0o600, os.makedev(5, 0))
            |             for kind in (0o020000, 0o060000, 0o010000, 0o100000)],
            |       changed=[attempt(os.chmod, "node", 0o644), attempt(os.utime, "node"),
            |                attempt(os.stat, "node")])
            """
        control, facts = self.both(source)
        self.assertEqual({found[0] for found in control["made"] + control["changed"]}, {"done"})
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)
        for kind in 0o020000, 0o060000, 0o010000, 0o100000:
            os.unlink(os.path.join(self.folder, str(kind)))
        os.chmod(path, 0o600)
        facts = self.guest(source, FILES).facts
        self.assertEqual([found[0] for found in facts["made"]], ["refused"] * 2 + ["done"] * 2)
        self.assertEqual([found[0] for found in facts["changed"]], ["refused"] * 2 + ["done"])
        self.assertEqual({found[2] for found in facts["made"][:2] + facts["changed"][:2]},
                         {"fs.special"})
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertFalse(os.path.exists(os.path.join(self.folder, str(0o020000))))

    def test_made(self):
        # What a node is counts, not where it lies.
        for name, number in ("null", os.makedev(1, 3)), ("tty", os.makedev(5, 0)):
            path = os.path.join(self.folder, name)
            try:
                os.mknod(path, stat.S_IFCHR | 0o600, number)
                open(os.path.join(self.folder, "null"), "w").close()
            except OSError:
                self.skipTest("no devices can be made here")
        block = os.path.join(self.folder, "block")
        os.mknod(block, stat.S_IFBLK | 0o600, os.makedev(259, 1048575))
        os.mkfifo(os.path.join(self.folder, "fifo"))
        source = f"""
            |lock()
            |os.chdir({self.folder!r})
            |report(found=[attempt(os.open, name, os.O_RDWR | os.O_NOCTTY)
            |              for name in ("null", "tty", "block", "fifo")])
            """
        control, facts = self.both(source)
        # None that answers stands behind the others: the kernel says so.
        self.assertEqual([found[:2] for found in control["found"][1:3]],
                         [["raised", "OSError"]] * 2)
        self.assertEqual([found[0] for found in facts["found"]],
                         ["done", "refused", "refused", "done"])


class FilesTest(SpecialTest):
    """Whoever keeps fs.read and fs.write goes on as before where there are files."""

    CALLS = """
open("file").read()
open("link").read()
open("far-link/sub/x").read()
open("folder-link/sub/../sub/x").read()
open("folder-link/../file").read()
open(here + "/./folder//sub///x").read()
open("file/").read()
open("loop").read()
open("dangling").read()
open("dangling", "w").write("n"), os.lstat("dangling").st_size, os.stat("new").st_size
open("others-link").read()
open(b"file").read()
open("fifo", "r+b", buffering=0).write(b"x")
os.stat("link").st_size, os.stat("folder-link/").st_ino == os.stat("folder").st_ino
os.lstat("link").st_size, stat.S_ISDIR(os.lstat("folder-link/").st_mode)
os.stat("/").st_ino, os.lstat("/").st_ino, os.stat("..").st_ino == os.stat(here + "/..").st_ino
os.stat("."), os.stat("folder/..") == os.stat(".")
os.stat(""), os.stat("a" * 300)
os.stat("a" * 300)
os.stat("a/" * 3000)
os.readlink("link"), os.readlink("loop"), os.readlink(b"far-link") == os.fsencode(here + "/folder")
os.readlink("file")
sorted(os.listdir("folder-link/")), sorted(os.listdir(".")), os.listdir(b"folder")
os.listdir("file")
os.listdir("nowhere")
sorted((e.name, e.path, e.is_dir(), e.is_symlink()) for e in os.scandir("."))
[e.stat().st_size for e in os.scandir("folder/sub")], [e.inode() > 0 for e in os.scandir("folder")]
os.mkdir("new-folder/"), os.rmdir("new-folder/")
os.mkdir("folder"), os.mkdir("nowhere/x")
os.mkdir("nowhere/x")
os.makedirs("a/b/c"), shutil.rmtree("a")
os.rename("file", "folder/moved"), os.rename("folder/moved", here + "/file")
os.replace("nowhere", "x")
os.link("file", "hard"), os.stat("hard").st_nlink, os.unlink("hard")
os.link("link", "hard"), os.path.islink("hard"), os.unlink("hard")
os.symlink("a", "folder/s"), os.readlink("folder/s"), os.unlink("folder/s")
os.symlink("a", "file")
os.rmdir("folder")
os.unlink("folder")
os.truncate("link", 3), os.stat("file").st_size
os.truncate("folder", 3)
os.chmod("link", 0o640), oct(os.stat("file").st_mode)
os.utime("link", (1, 2)), os.stat("file").st_mtime, os.lstat("link").st_mtime > 2
os.utime("link", (1, 2), follow_symlinks=False), os.lstat("link").st_mtime
os.chown("file", -1, -1), os.lchown("link", -1, -1), os.chown("link", -1, -1, follow_symlinks=False)
os.access("link", os.R_OK), os.access("nowhere", os.R_OK), os.access("file/x", os.F_OK)
os.statvfs("link").f_bsize > 0, os.pathconf("file", "PC_NAME_MAX")
os.listxattr("link") == os.listxattr("file")
os.getxattr("link", "user.nothing")
os.mkfifo("pipe"), stat.S_ISFIFO(os.stat("pipe").st_mode), os.unlink("pipe")
os.mknod("node"), os.remove("node")
os.chdir("folder-link"), os.listdir(), os.chdir(".."), os.path.exists("file")
os.chdir("file")
os.path.exists("link"), os.path.exists("nowhere"), os.path.isdir("folder-link")
os.open("file", os.O_RDONLY | os.O_NOFOLLOW) > 0
os.open("link", os.O_RDONLY | os.O_NOFOLLOW) > 0
os.open("link", os.O_RDWR | os.O_CREAT | os.O_EXCL) > 0
os.open(".", os.O_RDWR | os.O_TMPFILE) > 0
os.open("folder", os.O_RDWR) > 0
os.open("folder", os.O_RDONLY | os.O_DIRECTORY) > 0
os.open("file", os.O_RDONLY | os.O_DIRECTORY) > 0
os.open("nowhere/x", os.O_RDWR | os.O_CREAT) > 0
os.open("x/", os.O_RDWR | os.O_CREAT) > 0
shutil.copy("file", "copy"), shutil.move("copy", "folder"), sorted(os.listdir("folder"))
tempfile.mkstemp(dir=here)[0] > 0, tempfile.TemporaryFile(dir=here).write(b"x")
sorted(str(path) for path in pathlib.Path(".").rglob("x"))
sorted(map(sorted, (names for _, names, _ in os.walk("."))))
open("file", opener=lambda name, flags: os.open(name, flags)).read()
os.stat("file", dir_fd=folder_fd), os.open("x", os.O_RDONLY, dir_fd=folder_fd) > 0
os.stat("sub/x", dir_fd=folder_fd).st_size, os.open("sub/x", os.O_RDONLY, dir_fd=folder_fd) > 0
os.rename("sub", "bus", src_dir_fd=folder_fd, dst_dir_fd=folder_fd), os.listdir("folder/bus")
os.link("../link", "hard", src_dir_fd=folder_fd, dst_dir_fd=folder_fd), os.lstat("folder/hard").st_size
"""

    def test_nothing_changes(self):
        calls = self.CALLS.strip().splitlines()
        found = {}
        for lock in "", "lock()", "lock('try')":
            facts = self.guest(f"""
                |import pathlib, shutil, stat, tempfile, time
                |here = folder
                |with open("file", "w") as file:
                |    file.write("hello")
                |os.chmod("file", 0o600)
                |os.makedirs("folder/sub")
                |with open("folder/sub/x", "w") as file:
                |    file.write("x")
                |for name, target in (("link", "file"), ("folder-link", "folder"), ("loop", "loop"),
                |                     ("dangling", "new"), ("far-link", here + "/folder")):
                |    os.symlink(target, name)
                |os.mkfifo("fifo")
                |# A link that the kernel may not follow, of another user in a folder of all.
                |os.mkdir("all")
                |os.chmod("all", 0o1777)
                |os.symlink("../file", "all/link")
                |os.symlink("all/link", "others-link")
                |if os.geteuid() == 0:
                |    os.lchown("all/link", 1, 1)
                |folder_fd = os.open("folder", os.O_RDONLY)
                |{lock}
                |for call in json.loads(sys.argv[3]):
                |    name, *text = attempt(eval, call)
                |    report(**{{call: [name, *(word.replace(here, "HERE") for word in text)]}})
                """, FILES + ("fd", "env"), json.dumps(calls)).facts
            found[lock] = facts
        masked = ("os.stat(\".\")", "os.stat(\"file\", dir_fd")
        for call in calls:
            for lock in "lock()", "lock('try')":
                one, other = found[""][call], found[lock][call]
                if call.startswith(masked):
                    one, other = one[0], other[0]
                with self.subTest(call, lock=lock):
                    self.assertEqual(other, one)

    def test_each_right_alone(self):
        for lock in "lock()", "lock('try')":
            with self.subTest(lock):
                self.write("file", "text")
                facts = self.guest(f"""
                    |{lock}
                    |os.chdir("..")
                    |report(read=open("file").read(), found=sorted(os.listdir())[-1])
                    """, ("fs.read",)).facts
                self.assertEqual(facts, {"read": "text", "found": facts["found"]})
                self.guest(f"""
                    |{lock}
                    |for name in "x", "x":
                    |    with open(name, "w") as file:
                    |        file.write("text")
                    |os.mkdir("made")
                    |os.rename("x", "made/y")
                    |os.symlink("made/y", "z")
                    |os.chmod("z", 0o600)
                    |os.truncate("z", 3)
                    """, ("fs.write",))

    def test_without_proc(self):
        # Where there is no /proc a path cannot be held, and is used as it is.
        if subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /proc"],
                          stderr=subprocess.DEVNULL).returncode:
            self.skipTest("nothing can be mounted on /proc here")
        self.write("file", "text")
        outcome = fresh.run(
            "--mount", "sh", "-c", 'mount -t tmpfs none /proc; exec "$@"', "sh", sys.executable,
            "-I", "-c", fresh.CHILD + fresh.text(f"""
                |import os
                |os.chdir({self.folder!r})
                |lockdownlib.lockdown(keep=("fs.read", "fs.write"))
                |os.chmod("file", 0o600)
                |report(found=[open("file").read(), os.stat("file").st_size, os.rename("file", "x"),
                |              os.listdir()], tty=attempt(os.open, "/dev/tty", os.O_RDONLY))
                """), program=shutil.which("unshare"))
        self.assertEqual(outcome.facts["found"], ["text", 4, None, ["x"]])
        self.assertEqual(outcome.facts["tty"][:3], REFUSED)


@unittest.skipUnless(ring.LINUX, "the ring of another system")
class RingTest(SpecialTest):
    """Past the interpreter: the kernel opens files for these rights, and nothing else."""

    OPENED = ["/proc/self/mem", "/proc/self/maps", "/proc/self/environ", "/proc/self/task/{pid}/mem",
              "/sys/kernel/uevent_seqnum", "/dev/ptmx", "/proc/self/attr/current"]
    FILES = ["/dev/null", "/dev/urandom", "{folder}/file"]

    @ring.needs(ring.FILES)
    def test_opening(self):
        ring.raw_calls(self.folder)
        number = test_ring.CALLS[os.uname().machine]["openat"]
        for keep in EVERY, FILES, ("fs.read",), FILES + ("ipc",), ("fs.write", "fd"):
            facts = self.guest("""
                |sys.path.insert(0, os.path.dirname(folder))
                |from rawcalls import call
                |with open("file", "w") as file:
                |    file.write("text")
                |names = [name.format(pid=pid, folder=folder) for name in json.loads(sys.argv[3])]
                |lock("require")
                |found = {}
                |for name in names:
                |    for word, flags in ("read", 0), ("write", 1), ("both", 2):
                |        path = os.fsencode(name) + bytes(1)
                |        found[f"{word} {name}"] = call(int(sys.argv[4]), -100, path, flags)[0] >= 0
                |report(found=found)
                """, keep, json.dumps(self.OPENED + self.FILES), str(number)).facts
            for what, done in facts["found"].items():
                word, _, name = what.partition(" ")
                special = not name.endswith(("null", "urandom", "file"))
                needed = {"read": ("fs.read",), "write": ("fs.write",), "both": FILES}[word]
                with self.subTest(what, keep=keep):
                    if special and "fs.special" not in keep:
                        if not (name == "/dev/ptmx" and "ipc" in keep):
                            self.assertFalse(done)
                    elif special and not (name.endswith("/mem") or "attr" in name):
                        pass        # which of them can be written is the machine's business
                    else:
                        self.assertEqual(done, all(right in keep for right in needed))

    @ring.needs(ring.FILES)
    def test_given_up_without_reading(self):
        # The root folder cannot be listed, and so /proc not be left out: the level says so.
        facts = self.guest("""
            |lock("require")
            |report(first=lockdownlib.status().kernel)
            |report(required=attempt(lockdownlib.lockdown, keep=("fs.write",), kernel="require")[:2],
            |       still="fs.special" in lockdownlib.status().keep)
            |lockdownlib.lockdown(keep=("fs.write",), kernel="try")
            |report(second=lockdownlib.status().kernel,
            |       opened=attempt(os.open, "/proc/self/comm", os.O_WRONLY))
            """, ("fs.write", "fs.special")).facts
        self.assertEqual((facts["first"], facts["second"]), (ring.level(), 2))
        self.assertEqual(facts["required"], ["refused", "LockdownError"])
        self.assertTrue(facts["still"])
        self.assertEqual(facts["opened"][:3], REFUSED)

    @ring.needs(ring.FILES)
    def test_locked_again(self):
        # The second lock leaves out /proc, which the first one had left in.
        for first in EVERY, FILES:
            for second in FILES, ("fs.read",), ("fs.write",):
                facts = self.guest(f"""
                    |lock("require")
                    |lockdownlib.lockdown(keep={second!r}, kernel="require")
                    |with open("/dev/null", "r" if {second[0]!r} == "fs.read" else "w") as file:
                    |    report(level=lockdownlib.status().kernel)
                    """, first).facts
                self.assertEqual(facts["level"], ring.level())
                facts = self.guest(f"""
                    |lock("require")
                    |lockdownlib.lockdown(keep=("fs.write",), kernel="require")
                    |lockdownlib.lockdown(keep=("fs.write",), kernel="require")
                    |lockdownlib.lockdown(keep=(), kernel="require")
                    |report(level=lockdownlib.status().kernel)
                    """, first).facts
                self.assertEqual(facts["level"], ring.level())


if __name__ == "__main__":
    unittest.main()
