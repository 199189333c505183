"""The supervisor's half of files: what a cell asks for, whatever it asks, stays in the folder."""

import errno
import io
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import unittest.mock

from rexec import beneath
from rexec.files import Files, Nothing, Overlay, ReadOnly, ReadWrite
from rexec.folder import APPEND, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE

LINUX = sys.platform == "linux"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class WalkedReadOnly(ReadOnly):
    _walk = True


class WalkedReadWrite(ReadWrite):
    _walk = True


class WalkedOverlay(Overlay):
    _walk = True


KINDS = (ReadOnly, ReadWrite, Overlay, WalkedReadOnly, WalkedReadWrite, WalkedOverlay)
WRITABLE = tuple(kind for kind in KINDS if not issubclass(kind, ReadOnly))


class Limits:
    def __init__(self, storage=None, handles=None):
        self.storage, self.handles = storage, handles


class Exceeded(Exception):
    pass


def tree(folder):
    """All below a folder, as somebody else sees it."""
    found = {}
    for path, folders, names in os.walk(folder):
        for name in folders + names:
            full = os.path.join(path, name)
            status = os.lstat(full)
            content = None
            if stat.S_ISREG(status.st_mode):
                with open(full, "rb") as file:
                    content = file.read()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(full)
            found[os.path.relpath(full, folder)] = stat.S_IFMT(status.st_mode), content
    return found


class Base(unittest.TestCase):
    def setUp(self):
        self.top = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.top)
        self.folder = os.path.join(self.top, "folder")
        self.outside = os.path.join(self.top, "outside")
        os.makedirs(os.path.join(self.folder, "d"))
        os.makedirs(os.path.join(self.outside, "sub"))
        self.write(os.path.join(self.folder, "a"), b"inside")
        self.write(os.path.join(self.folder, "d", "b"), b"deeper")
        self.write(os.path.join(self.outside, "secret"), b"outside")

    def write(self, path, data):
        with open(path, "wb") as file:
            file.write(data)

    def files(self, *policies, **limits):
        exceeded = limits.pop("exceeded", Exceeded)
        files = Files(policies, Limits(**limits), exceeded)
        self.addCleanup(files.close)
        return files

    def read(self, files, path):
        number, size, *_ = files.call("open", path, READ)
        try:
            return files.call("read", number, 0, 1 << 20)
        finally:
            files.call("close", number)

    def put(self, files, path, data, flags=WRITE | CREATE | TRUNCATE, offset=0):
        number = files.call("open", path, flags)[0]
        try:
            return files.call("write", number, offset, data)
        finally:
            files.call("close", number)

    def refused(self, *numbers):
        return _Refused(self, numbers)


class _Refused:
    """A context in which an OSError without any path has to be raised."""

    def __init__(self, case, numbers):
        self.case, self.numbers = case, numbers

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        self.case.assertIsNotNone(error, "nothing was refused")
        if not isinstance(error, OSError):
            return False
        self.case.assertIsNone(error.filename)
        self.case.assertIsNone(error.__cause__)
        if self.numbers:
            self.case.assertIn(error.errno, self.numbers, error)
        return True


class AttackTests(Base):
    """Each path leads out for everybody but a cell."""

    def setUp(self):
        super().setUp()
        link = lambda text, name: os.symlink(text, os.path.join(self.folder, name))
        link(self.outside + "/secret", "absolute")
        link("../outside/secret", "relative")
        link("d/../../outside/secret", "winding")
        link(self.outside, "out")
        link("../outside", "relout")
        link("relout", "chain")
        link("..", "up")
        link("../..", "d/upup")
        link("/", "root")
        self.held = os.open(self.outside + "/secret", os.O_RDONLY)
        self.addCleanup(os.close, self.held)
        self.held_folder = os.open(self.outside, os.O_RDONLY)
        self.addCleanup(os.close, self.held_folder)
        # What leads to the file.
        self.to_file = ["../outside/secret", "d/../../outside/secret", "absolute", "relative",
                        "winding", "out/secret", "relout/secret", "chain/secret",
                        "up/outside/secret", "d/upup/outside/secret", "root" + self.outside
                        + "/secret", "./../outside/secret", "d/./..//../outside/secret",
                        "out/sub/../secret"]
        self.to_folder = ["../outside", "out", "relout", "chain", "up/outside", "d/upup/outside",
                          "out/sub/..", "root" + self.outside, "out/"]
        if LINUX:
            link("/proc/self/fd/%d" % self.held, "magic")
            link("/proc/self/fd/%d" % self.held_folder, "magicfolder")
            link("/proc/self/root", "magicroot")
            self.to_file += ["magic", "magicfolder/secret", "magicroot" + self.outside + "/secret"]
            self.to_folder += ["magicfolder"]
        self.before = tree(self.outside)

    def paths(self, names):
        for name in names:
            yield b"/data/" + os.fsencode(name)

    def test_they_lead_out_for_everybody_else(self):
        for name in self.to_file:
            with open(os.path.join(self.folder, name)) as file:
                self.assertEqual(file.read(), "outside", name)
        for name in self.to_folder:
            self.assertIn("secret", os.listdir(os.path.join(self.folder, name)), name)

    def test_nothing_leads_out(self):
        for kind in KINDS:
            files = self.files(kind(self.folder))
            for path in self.paths(self.to_file):
                for flags in (READ, WRITE, WRITE | TRUNCATE | CREATE, WRITE | APPEND | CREATE,
                              READ | WRITE | CREATE):
                    with self.subTest(kind=kind.__name__, path=path, flags=flags), self.refused():
                        files.call("open", path, flags)
                with self.subTest(kind=kind.__name__, path=path):
                    with self.refused():
                        files.call("stat", path, True)
                    with self.refused():
                        files.call("list", path)
            for path in self.paths(self.to_folder):
                with self.subTest(kind=kind.__name__, path=path):
                    with self.refused():
                        files.call("list", path)
                    for call in ("mkdir", "unlink", "rmdir"):
                        with self.refused():
                            files.call(call, path + b"/new")
                    with self.refused():
                        files.call("stat", path + b"/secret", False)
                    with self.refused():
                        files.call("open", path + b"/new", WRITE | CREATE)
                    with self.refused():
                        files.call("open", path + b"/new", WRITE | CREATE | EXCLUSIVE)
                    with self.refused():
                        files.call("rename", b"/data/a", path + b"/moved")
                    with self.refused():
                        files.call("rename", path + b"/secret", b"/data/stolen")
                    with self.refused():
                        files.call("utime", path + b"/secret", (5, 5))
                    with self.refused():
                        files.call("unlink", path + b"/secret")
                    with self.refused():
                        files.call("rmdir", path + b"/sub")
            self.assertEqual(tree(self.outside), self.before)
            self.assertFalse(files._handles)

    def test_links_are_removed_not_followed(self):
        for kind in (ReadWrite, WalkedReadWrite):
            os.symlink(self.outside + "/secret", self.folder + "/gone")
            files = self.files(kind(self.folder))
            files.call("unlink", b"/data/gone")
            self.assertFalse(os.path.lexists(self.folder + "/gone"))
            self.assertEqual(tree(self.outside), self.before)

    def test_links_are_not_moved(self):
        for kind in WRITABLE:
            files = self.files(kind(self.folder))
            with self.subTest(kind=kind.__name__), self.refused(errno.EPERM):
                files.call("rename", b"/data/relative", b"/data/d/elsewhere")

    def test_the_text_of_a_link_tells_nothing_of_the_host(self):
        for kind in KINDS:
            files = self.files(kind(self.folder))
            self.assertEqual(files.call("readlink", b"/data/chain"), b"relout")
            for name in (b"absolute", b"out", b"root"):
                with self.refused(errno.EACCES):
                    files.call("readlink", b"/data/" + name)

    def test_a_dangling_link_makes_nothing_outside(self):
        os.symlink("../outside/made", self.folder + "/dangling")
        os.symlink("made", self.folder + "/harmless")
        for kind in WRITABLE:
            files = self.files(kind(self.folder))
            for flags in (WRITE | CREATE, WRITE | CREATE | TRUNCATE, WRITE | CREATE | EXCLUSIVE):
                with self.refused():
                    files.call("open", b"/data/dangling", flags)
            self.put(files, b"/data/harmless", b"1")
            self.assertEqual(self.read(files, b"/data/made"), b"1")
        self.assertEqual(tree(self.outside), self.before)

    @unittest.skipUnless(hasattr(os, "mkfifo"), "needs fifos")
    def test_only_regular_files_are_opened(self):
        os.mkfifo(self.folder + "/fifo")
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(self.folder + "/socket")
        names = [b"fifo", b"socket"]
        if ROOT:
            try:
                os.mknod(self.folder + "/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
                names.append(b"null")
            except OSError:
                pass
        for kind in KINDS:
            files = self.files(kind(self.folder))
            for name in names:
                for flags in (READ, WRITE, READ | WRITE, WRITE | CREATE | TRUNCATE):
                    with self.subTest(kind=kind.__name__, name=name), \
                            self.refused(errno.EACCES, errno.EROFS):
                        files.call("open", b"/data/" + name, flags)
                self.assertFalse(stat.S_ISREG(files.call("stat", b"/data/" + name, True)[0]))
                if not issubclass(kind, ReadOnly):
                    with self.refused(errno.EPERM):
                        files.call("rename", b"/data/" + name, b"/data/d/" + name)

    def test_a_device_is_not_opened_even_in_passing(self):
        # The writer of a fifo waits until there is a reader, however short.
        if not hasattr(os, "mkfifo"):
            self.skipTest("needs fifos")
        os.mkfifo(self.folder + "/fifo")
        for kind in (ReadOnly, WalkedReadOnly):
            files = self.files(kind(self.folder))
            for _ in range(20):
                with self.refused(errno.EACCES):
                    files.call("open", b"/data/fifo", READ)
                with self.assertRaises(OSError) as caught:
                    os.open(self.folder + "/fifo", os.O_WRONLY | os.O_NONBLOCK)
                self.assertEqual(caught.exception.errno, errno.ENXIO)

    @unittest.skipUnless(LINUX and os.path.ismount("/proc"), "needs /proc")
    def test_no_other_file_system(self):
        with open("/proc/version") as file:
            self.assertTrue(file.read())
        for kind in (ReadOnly, WalkedReadOnly, Overlay, WalkedOverlay):
            files = self.files(kind("/"))
            for path in (b"/data/proc/version", b"/data/proc/self/environ",
                         b"/data/proc/self/root/etc/passwd", b"/data/proc/self/cwd/."):
                with self.subTest(kind=kind.__name__, path=path):
                    with self.refused(errno.EACCES):
                        files.call("open", path, READ)
                    with self.refused(errno.EACCES):
                        files.call("stat", path, True)
            with self.refused(errno.EACCES):
                files.call("list", b"/data/proc")

    def test_a_folder_in_proc_has_no_magic_links(self):
        if not LINUX or not os.path.isdir("/proc/self/fd"):
            self.skipTest("needs /proc")
        for kind in (ReadOnly, WalkedReadOnly):
            files = self.files(kind("/proc/self"))
            self.assertTrue(self.read(files, b"/data/stat"))
            for path in (b"fd/%d" % self.held, b"cwd/folder", b"root/etc/passwd", b"exe"):
                with self.subTest(kind=kind.__name__, path=path), self.refused():
                    files.call("open", b"/data/" + path, READ)

    def test_odd_names(self):
        for kind in KINDS:
            files = self.files(kind(self.folder))
            for path, number in ((b"/data/" + b"x" * 256, errno.ENAMETOOLONG),
                                 (b"/data/" + b"d/" * 3000, errno.ENAMETOOLONG),
                                 (b"/data/a\0/b", errno.EINVAL), (b"a\0", errno.EINVAL),
                                 (b"", errno.ENOENT), (b"/data/\xff\xfe", errno.ENOENT)):
                with self.subTest(kind=kind.__name__, path=path[:20]):
                    with self.refused(number):
                        files.call("open", path, READ)
                    with self.refused(number):
                        files.call("stat", path, True)
            if not issubclass(kind, ReadOnly):
                self.put(files, b"/data/\xff\xfe\n\x1b", b"odd")
                self.assertIn((b"\xff\xfe\n\x1b", stat.S_IFREG), files.call("list", b"/data"))

    def test_hard_links_cannot_be_made(self):
        self.assertFalse({"link", "symlink", "mknod", "mkfifo", "chmod", "chown"}
                         & set(files_operations()))

    def test_the_mount_itself_stays(self):
        for kind in WRITABLE:
            files = self.files(kind(self.folder))
            for path in (b"/data", b"/data/", b"/data/.", b"/data/d/..", b"/"):
                with self.subTest(kind=kind.__name__, path=path):
                    for call in ("unlink", "rmdir"):
                        with self.refused(errno.EBUSY, errno.EISDIR, errno.EINVAL,
                                          errno.ENOTEMPTY):
                            files.call(call, path)
                    with self.refused(errno.EBUSY):
                        files.call("rename", path, b"/data/d/x")
                    with self.refused(errno.EBUSY):
                        files.call("rename", b"/data/d", path)
                    with self.refused(errno.EEXIST):
                        files.call("mkdir", path)

    def test_the_folder_is_the_one_that_was_opened(self):
        for kind in KINDS:
            with self.subTest(kind=kind.__name__):
                files = self.files(kind(self.folder))
                os.rename(self.folder, self.top + "/moved")
                os.rename(self.outside, self.folder)
                try:
                    self.assertEqual(self.read(files, b"/data/a"), b"inside")
                    with self.refused(errno.ENOENT):
                        files.call("open", b"/data/secret", READ)
                finally:
                    os.rename(self.folder, self.outside)
                    os.rename(self.top + "/moved", self.folder)

    def test_a_folder_that_was_deleted(self):
        for kind in KINDS:
            gone = self.top + "/gone"
            os.mkdir(gone)
            files = self.files(kind(gone))
            os.rmdir(gone)
            with self.subTest(kind=kind.__name__), self.refused(errno.ENOENT, errno.EROFS):
                self.put(files, b"/data/x", b"x")
                if issubclass(kind, Overlay):       # it has its memory
                    raise OSError(errno.ENOENT, "")
            self.assertFalse(os.path.exists(gone))


def files_operations():
    from rexec.files import _OPERATIONS
    return _OPERATIONS


class RaceTests(Base):
    """Somebody outside swaps a folder for a link that leads out, again and again."""

    def setUp(self):
        super().setUp()
        self.write(self.folder + "/d/secret", b"inside")
        os.symlink("../outside", self.folder + "/trap")
        self.stop = False

    def swap(self):
        one, other, spare = (self.folder + name for name in ("/d", "/trap", "/spare"))
        while not self.stop:
            os.rename(one, spare)
            os.rename(other, one)
            os.rename(spare, other)

    def run_against(self, attempt):
        thread = threading.Thread(target=self.swap)
        thread.start()
        end = time.monotonic() + 1.0
        found = set()
        try:
            while time.monotonic() < end:
                found.add(attempt())
        finally:
            self.stop = True
            thread.join()
            self.stop = False
        return found

    def test_swapped_folder(self):
        def naive():
            try:
                with open(self.folder + "/d/secret", "rb") as file:
                    return file.read()
            except OSError:
                return None

        self.assertIn(b"outside", self.run_against(naive))      # the race is real
        for kind in KINDS:
            files = self.files(kind(self.folder))

            def attempt():
                try:
                    return self.read(files, b"/data/d/secret")
                except OSError:
                    return None

            with self.subTest(kind=kind.__name__):
                found = self.run_against(attempt)
                self.assertNotIn(b"outside", found)
                self.assertIn(b"inside", found)

    def test_swapped_folder_is_written_beneath(self):
        for kind in (ReadWrite, WalkedReadWrite):
            before = tree(self.outside)
            files = self.files(kind(self.folder))
            count = [0]

            def attempt():
                count[0] += 1
                name = b"%d" % count[0]
                for call in (("mkdir", b"/data/d/" + name), ("unlink", b"/data/d/secret2"),
                             ("rmdir", b"/data/d/" + name),
                             ("rename", b"/data/a", b"/data/d/a"),
                             ("rename", b"/data/d/a", b"/data/a")):
                    try:
                        files.call(*call)
                    except OSError:
                        pass
                try:
                    self.put(files, b"/data/d/secret", b"inside")
                except OSError:
                    return False
                return True

            with self.subTest(kind=kind.__name__):
                self.assertIn(True, self.run_against(attempt))
                self.assertEqual(tree(self.outside), before)


class BindTests(Base):
    """Bind mounts, in a name space of their own."""

    def in_namespace(self, code, source=None):
        if not (LINUX and shutil.which("unshare") and shutil.which("mount")):
            self.skipTest("needs unshare and mount")
        script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$1" "$2"'
        os.mkdir(self.folder + "/mnt")
        command = ["unshare", "-m"] if ROOT else ["unshare", "-rm"]
        probe = subprocess.run([*command, "true"], capture_output=True)
        if probe.returncode:
            self.skipTest("no name spaces here")
        root = os.path.dirname(os.path.dirname(os.path.abspath(beneath.__file__)))
        code = (f"import sys; sys.path.append({root!r})\n"
                "source, target = sys.argv[1:]\n" + textwrap.dedent(code))
        done = subprocess.run([*command, "sh", "-c", script, "sh", source or self.outside,
                               self.folder + "/mnt", sys.executable, code],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_no_other_mount(self):
        shown = self.in_namespace("""
            import os
            from rexec.files import *
            from rexec.files import Files
            class Walked(ReadOnly):
                _walk = True
            folder = os.path.dirname(target)
            print(open(target + "/secret").read(), os.stat(target).st_dev == os.stat(folder).st_dev)
            for kind in (ReadOnly, Walked, Overlay):
                files = Files(kind(folder))
                for call in (("open", b"/data/mnt/secret", 1), ("stat", b"/data/mnt/secret", True),
                             ("list", b"/data/mnt"), ("stat", b"/data/mnt", True)):
                    try:
                        print("REACHED", kind, files.call(*call))
                    except OSError as error:
                        print(error.errno)
        """)
        lines = shown.split("\n")
        self.assertEqual(lines[0], "outside True")      # to everybody else it is one file system
        self.assertEqual(lines[1:-1], [str(errno.EACCES)] * 12)

    def test_not_disjoint(self):
        shown = self.in_namespace("""
            import os
            from rexec.files import Files, ReadOnly
            for one, other in ((source, target), (source + "/sub", target),
                               (source, target + "/sub"), (target + "/sub", source)):
                try:
                    Files([ReadOnly(one, "/a"), ReadOnly(other, "/b")])
                    print("TAKEN", one, other)
                except ValueError as error:
                    print("refused")
        """)
        self.assertEqual(shown.split(), ["refused"] * 4)

    def test_not_disjoint_by_a_part(self):
        shown = self.in_namespace("""
            import os
            from rexec.files import Files, ReadOnly
            for one, other in ((os.path.dirname(source), target), (target, source + "/..")):
                try:
                    Files([ReadOnly(one, "/a"), ReadOnly(other, "/b")])
                    print("TAKEN", one, other)
                except ValueError as error:
                    print("refused")
        """, self.outside + "/sub")
        self.assertEqual(shown.split(), ["refused"] * 2)


class PolicyTests(Base):
    def test_disjoint(self):
        os.symlink(self.folder, self.top + "/alias")
        sub = self.folder + "/d"
        good = [ReadOnly(self.folder, "/a"), ReadWrite(self.outside, "/b/c")]
        files = self.files(*good)
        self.assertEqual(files.mounts, ("/a", "/b/c"))
        self.assertEqual(files.cwd, "/a")
        for one, other in (((self.folder, "/a"), (self.folder, "/b")),
                           ((self.folder, "/a"), (sub, "/b")),
                           ((sub, "/a"), (self.folder, "/b")),
                           ((self.top + "/alias", "/a"), (sub, "/b")),
                           ((self.top + "/alias/d/..", "/a"), (self.folder, "/b")),
                           ((self.folder, "/a"), (self.outside, "/a")),
                           ((self.folder, "/a"), (self.outside, "/a/b")),
                           ((self.folder, "/a/b/"), (self.outside, "/a")),
                           ((self.folder, "/"), (self.outside, "/a"))):
            with self.subTest(one=one, other=other), self.assertRaises(ValueError):
                Files([ReadOnly(*one), Overlay(*other)])

    def test_arguments(self):
        for at in ("data", "", "/a/../b", "/a/.", "/a\0"):
            with self.assertRaises(ValueError):
                ReadOnly(self.folder, at)
        self.assertRaises(TypeError, ReadOnly, self.folder, b"/data")
        self.assertRaises(FileNotFoundError, ReadOnly, self.folder + "/nx")
        self.assertRaises(NotADirectoryError, ReadOnly, self.folder + "/a")
        for wrong in (3, ["x"], [ReadOnly], ReadOnly):
            self.assertRaises(TypeError, Files, wrong)
        self.assertRaises(ValueError, Files, [len, len])

    def test_nothing(self):
        for policies in (None, Nothing(), [], [Nothing()]):
            files = Files(policies)
            self.assertFalse(files)
            self.assertEqual(files.cwd, "/")
            for path in (b"/", b"/etc/passwd", b"x"):
                with self.refused(errno.ENOENT):
                    files.call("open", path, READ)

    def test_read_only(self):
        for kind in (ReadOnly, WalkedReadOnly):
            before = tree(self.folder)
            files = self.files(kind(self.folder))
            self.assertEqual(self.read(files, b"/data/a"), b"inside")
            for path, flags in ((b"a", WRITE), (b"a", WRITE | READ), (b"n", WRITE | CREATE),
                                (b"a", WRITE | TRUNCATE), (b"a", WRITE | APPEND),
                                (b"n", WRITE | CREATE | EXCLUSIVE)):
                with self.refused(errno.EROFS):
                    files.call("open", b"/data/" + path, flags)
            for call in (("mkdir", b"/data/n"), ("unlink", b"/data/a"), ("rmdir", b"/data/d"),
                         ("rename", b"/data/a", b"/data/b")):
                with self.refused(errno.EROFS):
                    files.call(*call)
            number = files.call("open", b"/data/a", READ)[0]
            with self.refused(errno.EBADF):
                files.call("write", number, 0, b"x")
            with self.refused(errno.EINVAL, errno.EBADF):
                files.call("truncate", number, 0)
            self.assertEqual(tree(self.folder), before)

    def test_modes(self):
        self.addCleanup(os.umask, os.umask(0))
        for kind in (ReadWrite, WalkedReadWrite):
            files = self.files(kind(self.folder))
            self.put(files, b"/data/new", b"x")
            files.call("mkdir", b"/data/newd")
            self.assertEqual(stat.S_IMODE(os.stat(self.folder + "/new").st_mode), 0o600)
            self.assertEqual(stat.S_IMODE(os.stat(self.folder + "/newd").st_mode), 0o700)
            files.call("unlink", b"/data/new")
            files.call("rmdir", b"/data/newd")

    def test_times(self):
        for kind in KINDS:
            with self.subTest(kind=kind.__name__):
                os.utime(self.folder + "/a", ns=(1, 2))
                files = self.files(kind(self.folder))
                if issubclass(kind, ReadOnly):
                    with self.refused(errno.EROFS):
                        files.call("utime", b"/data/a", ())
                    continue
                files.call("utime", b"/data/a", (10**9 + 5, 10**9 + 7))
                self.assertEqual(files.call("stat", b"/data/a", True)[3:5], (10**9 + 5, 10**9 + 7))
                files.call("utime", b"/data/d", ())
                self.assertEqual(os.stat(self.folder + "/a").st_mtime_ns,
                                 2 if issubclass(kind, Overlay) else 10**9 + 7)
                for wrong in ((1,), (1, 2, 3), ("1", 2), (1 << 70, 1), (True, 1)):
                    with self.refused(errno.EINVAL):
                        files.call("utime", b"/data/a", wrong)

    def test_disjoint_without_proc(self):
        with unittest.mock.patch.object(beneath, "_place", lambda fd: None):
            self.test_disjoint()

    def test_rename_across_mounts(self):
        files = self.files(ReadWrite(self.folder, "/a"), Overlay(self.outside, "/b"))
        with self.refused(errno.EXDEV):
            files.call("rename", b"/a/a", b"/b/a")
        with self.refused(errno.EXDEV):
            files.call("rename", b"/b/secret", b"/a/secret")
        with self.refused(errno.ENOENT):
            files.call("rename", b"/b/nx", b"/a/secret")

    def test_above_the_mounts(self):
        files = self.files(ReadOnly(self.folder, "/x/y"), ReadWrite(self.outside, "/x/z"))
        self.assertEqual(files.call("list", b"/"), [(b"x", stat.S_IFDIR)])
        self.assertEqual(files.call("list", b"//x/."), [(b"y", stat.S_IFDIR), (b"z", stat.S_IFDIR)])
        self.assertEqual(files.call("stat", b"/x", True)[0], stat.S_IFDIR | 0o555)
        self.assertEqual(self.read(files, b"/x/../x/y/a"), b"inside")
        with self.refused(errno.ENOENT):
            files.call("stat", b"/w", True)
        for call in (("mkdir", b"/w"), ("mkdir", b"/x/w"), ("open", b"/w", WRITE | CREATE)):
            with self.refused(errno.EACCES):
                files.call(*call)

    def test_overlay(self):
        before = tree(self.folder)
        for kind in (Overlay, WalkedOverlay):
            policy = kind(self.folder)
            files = self.files(policy)
            self.assertEqual(policy.changes(), {})
            self.put(files, b"/data/a", b"IN", WRITE)
            self.put(files, b"/data/d/new", b"new")
            files.call("mkdir", b"/data/e")
            self.put(files, b"/data/e/f", b"f")
            files.call("unlink", b"/data/d/b")
            self.assertEqual(self.read(files, b"/data/a"), b"INside")
            self.assertEqual(policy.changes(), {"d/b": None, "e/": b"", "a": b"INside",
                                                "d/new": b"new", "e/f": b"f"})
            files.call("rename", b"/data/e", b"/data/g")
            files.call("unlink", b"/data/d/new")
            files.call("rmdir", b"/data/d")
            self.assertEqual(policy.changes(), {"d": None, "g/": b"", "a": b"INside", "g/f": b"f"})
            self.assertEqual(tree(self.folder), before)
            # Another cell with this policy goes on from there.
            self.assertEqual(self.read(self.files(policy), b"/data/g/f"), b"f")

    def test_overlay_forgets_what_nobody_changed(self):
        policy = Overlay(self.folder)
        files = self.files(policy)
        for number in range(50):
            self.write(f"{self.folder}/{number}", b"x")
            files.call("stat", b"/data/%d" % number, True)
            self.read(files, b"/data/%d" % number)
        self.assertFalse(policy._tree._seen)
        self.assertFalse(policy._tree._root.entries)

    def test_policies_are_reused_and_closed(self):
        policy = ReadOnly(self.folder)
        for _ in range(3):
            with self.subTest():
                files = Files(policy)
                self.assertEqual(self.read(files, b"/data/a"), b"inside")
                files.close()
        fd = policy._fd
        os.fstat(fd)
        del policy, files
        self.assertRaises(OSError, os.fstat, fd)


class LimitTests(Base):
    def test_storage(self):
        for kind in WRITABLE:
            with self.subTest(kind=kind.__name__):
                files = self.files(kind(self.folder), storage=100)
                self.put(files, b"/data/n", b"x" * 60)
                self.put(files, b"/data/n", b"x" * 40, WRITE | APPEND)
                self.assertEqual(files.spent, 100)
                with self.assertRaises(Exceeded) as caught:
                    self.put(files, b"/data/n", b"x", WRITE)
                self.assertEqual(caught.exception.args, ("storage",))
                self.assertEqual(self.read(files, b"/data/n"), b"x" * 100)
                files.call("unlink", b"/data/n")
                with self.assertRaises(Exceeded):       # what was written stays written
                    self.put(files, b"/data/m", b"x")

    def test_holes(self):
        for kind in WRITABLE:
            with self.subTest(kind=kind.__name__):
                files = self.files(kind(self.folder), storage=1000)
                self.put(files, b"/data/n", b"x", offset=899)
                self.assertEqual(files.spent, 900)
                number = files.call("open", b"/data/n", WRITE)[0]
                with self.assertRaises(Exceeded):
                    files.call("truncate", number, 1001)
                with self.assertRaises(Exceeded):
                    files.call("write", number, 1 << 50, b"x")
                files.call("truncate", number, 1000)
                self.assertEqual(files.spent, 1000)
                files.call("truncate", number, 0)
                with self.assertRaises(Exceeded):
                    files.call("truncate", number, 1)
                self.assertEqual(files.call("size", number), 0)
                for wrong in ((1 << 63) - 1, -1, 1 << 70):
                    with self.refused(errno.EINVAL):
                        files.call("write", number, wrong, b"xx")
                files.call("close", number)
                files.call("unlink", b"/data/n")

    def test_reading_into_memory_counts(self):
        self.write(self.folder + "/big", b"x" * 5000)
        for kind in (Overlay, WalkedOverlay):
            files = self.files(kind(self.folder), storage=4000)
            for call in ((self.put, files, b"/data/big", b"1", WRITE),
                         (files.call, "rename", b"/data/big", b"/data/d/big")):
                with self.assertRaises(Exceeded):
                    call[0](*call[1:])
            self.assertEqual(self.read(files, b"/data/big"), b"x" * 5000)
            self.put(files, b"/data/big", b"12", WRITE | TRUNCATE)
            self.assertEqual(files.spent, 2)

    def test_an_overlay_holds_so_many_changes(self):
        with unittest.mock.patch("rexec.overlay._MAX_NODES", 10):
            files = self.files(Overlay(self.folder))
            for number in range(10):
                files.call("mkdir", b"/data/%d" % number)
            with self.refused(errno.ENOSPC):
                files.call("mkdir", b"/data/more")
            with self.refused(errno.ENOSPC):
                self.put(files, b"/data/more", b"x")
            with self.refused(errno.ENOSPC):
                files.call("unlink", b"/data/a")
            files.call("rmdir", b"/data/1")
            files.call("rmdir", b"/data/2")
            files.call("mkdir", b"/data/d/1")

    def test_handles(self):
        for kind in KINDS:
            files = self.files(kind(self.folder), handles=3)
            numbers = [files.call("open", b"/data/a", READ)[0] for _ in range(3)]
            with self.assertRaises(Exceeded) as caught:
                files.call("open", b"/data/a", READ)
            self.assertEqual(caught.exception.args, ("handles",))
            files.call("close", numbers.pop())
            files.call("open", b"/data/a", READ)
            self.assertEqual(len(set(numbers)), 2)

    def test_nothing_is_left_open(self):
        before = len(os.listdir("/proc/self/fd")) if LINUX else 0
        for kind in KINDS:
            files = Files(kind(self.folder))
            for name in (b"a", b"d/b", b"nx", b"d", b"a/b", b"d/../a", b"../x", b"new"):
                for flags in (READ, WRITE, WRITE | CREATE):
                    try:
                        files.call("open", b"/data/" + name, flags)
                    except OSError:
                        pass
                for call in ("stat", "list", "mkdir", "rmdir", "readlink"):
                    try:
                        files.call(call, b"/data/" + name, *([True] if call == "stat" else []))
                    except OSError:
                        pass
            files.close()
            if os.path.exists(self.folder + "/new"):
                os.unlink(self.folder + "/new")
            del files
        if LINUX:
            self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_malformed(self):
        files = self.files(ReadWrite(self.folder))
        number = files.call("open", b"/data/a", READ | WRITE)[0]
        for call in (("open",), ("open", "/data/a", 1), ("open", b"/data/a", True),
                     ("open", b"/data/a", 0), ("open", b"/data/a", 64), ("open", b"/data/a", -1),
                     ("open", b"/data/a", READ | TRUNCATE), ("open", b"/data/a", READ | CREATE),
                     ("open", b"/data/a", WRITE | EXCLUSIVE), ("read", 999, 0, 1), ("nx",), (5,),
                     ("read", number, -1, 1), ("read", number, 0, -1), ("read", number, 1 << 64, 1),
                     ("write", number, 0, "x"), ("write", number, 0, bytearray(b"x")),
                     ("close", -1), ("close", number, 1), ("_open", b"/data/a", 1), (None,),
                     ("__init__",), ("stat", b"/data/a", 1)):
            with self.subTest(call=call), self.refused(errno.EINVAL, errno.EBADF):
                files.call(*call)
        self.assertEqual(len(files.call("read", number, 0, 1 << 62)), 6)
        files.call("close", number)
        with self.refused(errno.EBADF):
            files.call("read", number, 0, 1)

    def test_a_read_is_bounded(self):
        self.write(self.folder + "/big", bytes(3 << 20))
        for kind in KINDS:
            files = self.files(kind(self.folder))
            number = files.call("open", b"/data/big", READ)[0]
            self.assertEqual(len(files.call("read", number, 0, 1 << 40)), 1 << 20)


class CallableTests(Base):
    def test_path_and_mode(self):
        seen = []

        def policy(path, mode):
            seen.append((path, mode))
            return io.BytesIO(b"content")

        files = self.files(policy)
        for flags, mode in ((READ, "rb"), (READ | WRITE, "r+b"), (WRITE | CREATE | TRUNCATE, "wb"),
                            (READ | WRITE | CREATE | TRUNCATE, "w+b"),
                            (WRITE | CREATE | APPEND, "ab"), (WRITE | CREATE | EXCLUSIVE, "xb"),
                            (READ | WRITE | CREATE | APPEND, "a+b")):
            number = files.call("open", b"some/file", flags)[0]
            self.assertEqual(seen.pop(), ("some/file", mode))
            files.call("close", number)

    def test_what_it_may_return(self):
        self.write(self.folder + "/t", "é\r\n".encode("latin-1"))
        for make, content, encoding in (
                (lambda: "é\n", "é\n".encode(), "utf-8"), (lambda: b"\xff", b"\xff", None),
                (lambda: io.StringIO("é" * 9), ("é" * 9).encode(), "utf-8"),
                (lambda: io.BytesIO(b"12"), b"12", None),
                (lambda: open(self.folder + "/a", "rb"), b"inside", None),
                (lambda: open(self.folder + "/t", encoding="latin-1"), b"\xe9\r\n", "latin-1")):
            files = self.files(lambda path, mode: make())
            number, _, sequential, shown, _ = files.call("open", b"x", READ)
            data = b""
            while True:
                part = files.call("read", number, len(data), 3)
                self.assertLessEqual(len(part), 3)
                data += part
                if not part:
                    break
            self.assertEqual((data, shown), (content, encoding))
            files.call("close", number)
        for wrong in (None, 5, object()):
            files = self.files(lambda path, mode: wrong)
            self.assertRaises(TypeError, files.call, "open", b"x", READ)

    def test_writing(self):
        path = self.folder + "/written"
        files = self.files(lambda _, mode: open(path, mode), storage=50)
        number = files.call("open", b"x", WRITE | CREATE | TRUNCATE)[0]
        files.call("write", number, 0, b"hello")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"hello")
        with self.assertRaises(Exceeded):
            files.call("write", number, 50, b"x")
        with self.refused(errno.EBADF):
            files.call("read", number, 0, 1)
        files.call("close", number)
        text = io.StringIO()
        text.close = lambda: None
        files = self.files(lambda _, mode: text, storage=5)
        number = files.call("open", b"x", WRITE | CREATE | TRUNCATE)[0]
        files.call("write", number, 0, "é".encode())
        self.assertEqual(text.getvalue(), "é")
        with self.assertRaises(Exceeded):
            files.call("write", number, 0, b"xxxx")

    def test_errors(self):
        def policy(path, mode):
            if path == "text":
                raise PermissionError("only on Sundays")
            if path == "os":
                return open(self.folder + "/nx")
            raise KeyError(path)

        files = self.files(policy)
        with self.assertRaises(PermissionError) as caught:
            files.call("open", b"text", READ)
        self.assertEqual(caught.exception.args, ("only on Sundays",))
        with self.refused(errno.ENOENT):
            files.call("open", b"os", READ)
        self.assertRaises(KeyError, files.call, "open", b"x", READ)
        for call in (("stat", b"x", True), ("list", b"/x"), ("mkdir", b"x"), ("unlink", b"x")):
            with self.refused(errno.EACCES):
                files.call(*call)

    def test_beside_a_mount(self):
        files = self.files(ReadOnly(self.folder), lambda path, mode: path)
        self.assertEqual(self.read(files, b"/data/a"), b"inside")
        self.assertEqual(self.read(files, b"/etc/motd"), b"/etc/motd")
        with self.refused(errno.ENOENT):
            files.call("open", b"/data/nx", READ)


if __name__ == "__main__":
    unittest.main()
