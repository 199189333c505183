"""Paths that lead out for everybody but a cell."""

import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
import unittest

from rexec import beneath
from rexec.files import Overlay, ReadOnly
from rexec.folder import APPEND, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE

from .base import PATIENCE
from .filebase import (KINDS, LINUX, ROOT, WRITABLE, Base, ReadWrite, WalkedOverlay,
                       WalkedReadOnly, WalkedReadWrite, tree)


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
        # The path of a socket is short, that of a folder for tests need not be.
        here = os.open(".", os.O_RDONLY)
        self.addCleanup(os.close, here)
        os.chdir(self.folder)
        try:
            server.bind("socket")
        finally:
            os.fchdir(here)
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

    def test_deep_overlay(self):
        """However deep folders are made or moved, changes() tells of them."""
        for kind in WRITABLE:
            if not issubclass(kind, Overlay):
                continue
            overlay = kind(self.folder)
            call = self.files(overlay).call
            path = b"/data"
            for _ in range(2040):
                path += b"/x"
                call("mkdir", path)
            self.assertEqual(len(overlay.changes()), 2040)
            self.assertIn("x/" * 2040, overlay.changes())
            call("mkdir", b"/data/y")
            with self.assertRaises(OSError) as caught:
                call("rename", b"/data/x", b"/data/y" + b"/x" * 200)
            self.assertEqual(caught.exception.errno, errno.ENOENT)
            call("mkdir", b"/data/y/" + b"z" * 200)
            with self.assertRaises(OSError) as caught:
                call("rename", b"/data/x", b"/data/y/" + b"z" * 200 + b"/x")
            self.assertEqual(caught.exception.errno, errno.ENAMETOOLONG)
            call("rename", b"/data/x", b"/data/z")
            self.assertIn("z/" + "x/" * 2039, overlay.changes())
            self.assertEqual(len(overlay.changes()), 2042)

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

    def run_against(self, attempt, wanted):
        """What attempt() gave in a second, or later if *wanted* was not among it till then."""
        thread = threading.Thread(target=self.swap)
        thread.start()
        start = time.monotonic()
        found = set()
        try:
            while ((passed := time.monotonic() - start) < 1.0
                   or wanted not in found and passed < PATIENCE):
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

        self.assertIn(b"outside", self.run_against(naive, b"outside"))      # the race is real
        for kind in KINDS:
            files = self.files(kind(self.folder))

            def attempt():
                try:
                    return self.read(files, b"/data/d/secret")
                except OSError:
                    return None

            with self.subTest(kind=kind.__name__):
                found = self.run_against(attempt, b"inside")
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
                self.assertIn(True, self.run_against(attempt, True))
                self.assertEqual(tree(self.outside), before)


class BindTests(Base):
    """Bind mounts, in a name space of their own."""

    def in_namespace(self, code, source=None):
        if not (LINUX and shutil.which("unshare") and shutil.which("mount")):
            self.skipTest("needs unshare and mount")
        os.mkdir(self.folder + "/mnt")
        command = [*(["unshare", "-m"] if ROOT else ["unshare", "-rm"]), "sh", "-c",
                   'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh", source or self.outside,
                   self.folder + "/mnt"]
        probe = subprocess.run([*command, "true"], capture_output=True, text=True)
        if probe.returncode:
            self.skipTest(f"nothing can be mounted here: {probe.stderr.strip()}")
        root = os.path.dirname(os.path.dirname(os.path.abspath(beneath.__file__)))
        code = (f"import sys; sys.path.append({root!r})\n"
                "source, target = sys.argv[1:]\n" + textwrap.dedent(code))
        done = subprocess.run([*command, sys.executable, "-c", code, *command[-2:]],
                              capture_output=True, text=True, timeout=PATIENCE)
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


if __name__ == "__main__":
    unittest.main()
