"""The supervisor's half of files: policies, limits, callables."""

import errno
import gc
import io
import os
import stat
import unittest
import unittest.mock

from rexec import beneath
from rexec.files import ENTRY, Files, Nothing, Overlay, ReadOnly, ReadWrite
from rexec.folder import APPEND, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE

from .filebase import (KINDS, LINUX, WRITABLE, Base, Exceeded, WalkedOverlay, WalkedReadOnly,
                       WalkedReadWrite, tree)


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
                files = self.files(kind(self.folder), storage=ENTRY + 100)
                self.put(files, b"/data/n", b"x" * 60)
                self.put(files, b"/data/n", b"x" * 40, WRITE | APPEND)
                self.assertEqual(files.spent, ENTRY + 100)
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
                files = self.files(kind(self.folder), storage=ENTRY + 1000)
                self.put(files, b"/data/n", b"x", offset=899)
                self.assertEqual(files.spent, ENTRY + 900)
                number = files.call("open", b"/data/n", WRITE)[0]
                with self.assertRaises(Exceeded):
                    files.call("truncate", number, 1001)
                with self.assertRaises(Exceeded):
                    files.call("write", number, 1 << 50, b"x")
                files.call("truncate", number, 1000)
                self.assertEqual(files.spent, ENTRY + 1000)
                files.call("truncate", number, 0)
                with self.assertRaises(Exceeded):
                    files.call("truncate", number, 1)
                self.assertEqual(files.call("size", number), 0)
                for wrong in ((1 << 63) - 1, -1, 1 << 70):
                    with self.refused(errno.EINVAL):
                        files.call("write", number, wrong, b"xx")
                files.call("close", number)
                files.call("unlink", b"/data/n")

    def test_what_is_empty_counts(self):
        for kind in WRITABLE:
            with self.subTest(kind=kind.__name__):
                files = self.files(kind(self.folder), storage=3 * ENTRY)
                self.put(files, b"/data/n", b"")
                files.call("mkdir", b"/data/new")
                self.put(files, b"/data/n", b"")        # it is there already
                for call in ((self.put, files, b"/data/n", b"", WRITE | CREATE | EXCLUSIVE),
                             (files.call, "mkdir", b"/data/new"), (files.call, "mkdir", b"/data/no/new"),
                             (self.put, files, b"/data/new", b"")):
                    self.assertRaises(OSError, *call)
                self.assertEqual(files.spent, 2 * ENTRY)
                files.call("unlink", b"/data/n")
                self.put(files, b"/data/n", b"")
                for call in ((self.put, files, b"/data/m", b""), (files.call, "mkdir", b"/data/other")):
                    self.assertRaises(Exceeded, *call)
                for name in (b"m", b"other"):
                    with self.refused(errno.ENOENT):
                        files.call("stat", b"/data/" + name, True)
                files.call("unlink", b"/data/n")
                files.call("rmdir", b"/data/new")

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
        gc.collect()
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
            # Fewer if something of an earlier test was closed meanwhile.
            self.assertLessEqual(len(os.listdir("/proc/self/fd")), before)

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
